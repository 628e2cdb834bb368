"""From the states of the runs to the base folder that is shipped, with its replay set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from gptsovits.nano.base import FACTS_FILE, REPLAY_FILE, NanoBase, new_voice, save_base
from gptsovits.nano.config import NanoConfig, nano_s1_config
from gptsovits.nano.content import ContentEncoder
from gptsovits.pretrain.acoustic import REFERENCE_FRAMES
from gptsovits.pretrain.features import Corpus, Features
from gptsovits.pretrain.legs import Run
from gptsovits.pretrain.run import RUNS, finished_modules
from gptsovits.whole import replacing

REPLAY_CLIPS = 600


def assemble(config: NanoConfig, corpus: Path, runs: Path, out: Path, start: Path | None = None) -> NanoBase:
    """Puts the latest states of all four runs together as a base in ``out``; returns it.

    ``start`` is the base folder that the runs began from: its training goes into the facts as well.
    """
    modules = {name: finished_modules(name, config, runs) for name in RUNS}
    s1_config = {"model": asdict(nano_s1_config(config.codebook_size, config.n_symbols))}
    voice = new_voice(s1_config, config.to_config())
    content, acoustic = modules["content"], modules["acoustic"]
    _take(voice.s1, modules["semantic"]["s1"])
    _take(voice.s2.enc_p, acoustic["enc_p"])
    _take(voice.s2.ref_enc, acoustic["ref_enc"])
    _take(voice.s2.dec, modules["vocoder"]["dec"])
    _take(voice.s2.ssl_proj, content["ssl_proj"])
    _take(voice.s2.quantizer, content["quantizer"])
    facts = _facts(config, s1_config, runs)
    if start is not None:
        facts["training_before"] = json.loads((start / FACTS_FILE).read_text(encoding="utf-8"))["training"]
    base = NanoBase(cast("ContentEncoder", content["content"]), cast("nn.Linear", content["phone_head"]), voice, facts)
    save_base(out, base)
    with replacing(out / REPLAY_FILE) as beside:
        save_file(_replay(Corpus(corpus).items, voice.s2.ref_enc.eval()), beside)
    return base


def _take(target: nn.Module, source: nn.Module) -> None:
    target.load_state_dict(source.state_dict())


def _facts(config: NanoConfig, s1_config: dict[str, Any], runs: Path) -> dict[str, Any]:
    training = {}
    for name in RUNS:
        run = Run.history(runs / name)
        training[name] = {"steps": run["step"], "seconds": round(run["trained_seconds"]), "last": run["curve"][-1:]}
    return {
        "name": "nano",
        "family": "nano",
        "sample_rate": 16000,
        "languages": ["en"],
        "licence": "Apache-2.0",
        "config": {"s1": s1_config, "s2": config.to_config()},
        "training": training,
    }


@torch.no_grad()
def _replay(items: Sequence[Features], ref_enc: nn.Module) -> dict[str, Tensor]:
    """Phones, tokens and timbres of drawn clips: what a fine-tune rehearses so as not to forget them."""
    source = np.random.default_rng(0)
    fitting = [item for item in items if REFERENCE_FRAMES <= item.frames <= 2 * REFERENCE_FRAMES]
    chosen = [fitting[index] for index in source.permutation(len(fitting))[:REPLAY_CLIPS]]
    timbres = [ref_enc(item.mel.float().T[None])[0, :, 0] for item in chosen]
    return {
        "phones": torch.cat([item.phones for item in chosen]).to(torch.int16),
        "phone_lengths": torch.tensor([len(item.phones) for item in chosen], dtype=torch.int16),
        "tokens": torch.cat([item.tokens for item in chosen]).to(torch.int16),
        "owners": torch.cat([item.owners for item in chosen]).to(torch.int16),
        "token_lengths": torch.tensor([len(item.tokens) for item in chosen], dtype=torch.int16),
        "timbres": torch.stack(timbres).half(),
    }
