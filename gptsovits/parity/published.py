"""The published sizes: names and shapes of every tensor, and samples of the fill rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gptsovits.arch.discriminator import PRO_PERIODS, Discriminator
from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s2 import Synthesizer
from gptsovits.config import S1Config, S2Config
from gptsovits.parity.fill import fill
from gptsovits.parity.outcome import Comparison, Outcome
from gptsovits.parity.recordings import read_json

V2_PRO = replace(S2Config(), version="v2Pro", gin_channels=1024, p_dropout=0.0)
V2_PRO_PLUS = replace(
    V2_PRO, version="v2ProPlus", upsample_initial_channel=768, upsample_kernel_sizes=(20, 16, 8, 2, 2)
)


def published_networks() -> dict[str, nn.Module]:
    """Every published network without memory for its weights."""
    with torch.device("meta"):
        return {
            "s2G_v2": Synthesizer(S2Config()),
            "s2G_v2Pro": Synthesizer(V2_PRO),
            "s2G_v2ProPlus": Synthesizer(V2_PRO_PLUS),
            "s2D_v2": Discriminator(),
            "s2D_v2Pro": Discriminator(PRO_PERIODS),
            "s1_v2": Text2Semantic(S1Config()),
        }


def published_cases(root: Path) -> Iterator[Outcome]:
    """``full/key_shapes.json`` and the ``fill_check`` of ``full/expected.json``, where they are."""
    tables = read_json(root / "full" / "key_shapes.json", {})
    networks = published_networks() if tables else {}
    for name, recorded in tables.items():
        if name not in networks:
            yield Outcome(f"key_shapes {name}", "not run", note="no network of this name")
            continue
        found = sorted((key, list(value.shape)) for key, value in networks[name].state_dict().items())
        wanted = sorted((key, shape) for key, shape, _ in recorded["table"])
        yield Comparison(f"key_shapes {name}").exact("names and shapes", found == wanted, True).outcome()
    for name, recorded in read_json(root / "full" / "expected.json", {}).get("fill_check", {}).items():
        yield _fill_check(name.removeprefix("D:"), recorded)


def _fill_check(name: str, recorded: dict[str, list[float]]) -> Outcome:
    shape = tuple(int(extent) for extent in recorded["shape"])
    if name.endswith("embed_avg"):
        stem = name.removesuffix("embed_avg")
        values = fill(stem + "embed", shape) * fill(stem + "cluster_size", shape[:1])[:, None]
    else:
        values = fill(name, shape)
    comparison = Comparison(f"fill_check {name}").exact(
        "first8", values.ravel()[:8], np.array(recorded["first8"], np.float32)
    )
    return comparison.close("sum", values.astype(np.float64).sum(), recorded["sum"], 1e-6).outcome()
