"""The voice as it is pushed: original containers, a prompt, the card and the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
import yaml
from safetensors.numpy import load_file

from gptsovits.formats.checkpoint_writer import write_checkpoint
from gptsovits.formats.features import write_conditioning
from gptsovits.nano.base import S1_FILE, S2_FILE, load_base
from gptsovits.nano.config import SAMPLE_RATE
from gptsovits.nano.speaking import condition
from gptsovits.pipeline.evaluating import load_tuned
from gptsovits.pipeline.training import Tuned
from gptsovits.runtime.prompt import Conditioning
from gptsovits.whole import replacing, write_whole

if TYPE_CHECKING:
    from gptsovits.pipeline.run import Request

PROMPT_AUDIO, PROMPT_PRIVATE = "prompt.wav", "prompt.safetensors"


def write_voice_folder(
    folder: Path, request: Request, tuned: Tuned, card: Mapping[str, Any], report: Mapping[str, Any]
) -> None:
    """Writes `s1.ckpt`, `s2.pth`, the prompt, `voice.yaml` and `report.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, stage, source in (("s1.ckpt", "s1", S1_FILE), ("s2.pth", "s2", S2_FILE)):
        tensors = load_file(tuned.folder / source)
        write_checkpoint(folder / name, tensors, tuned.config[stage], f"nano-e{tuned.epochs}")
    prompt = _write_private_prompt(folder, request, tuned) if request.private_prompt else _write_prompt(folder, tuned)
    whole = {**card, "prompts": [prompt]}
    write_whole(folder / "voice.yaml", yaml.safe_dump(whole, allow_unicode=True, sort_keys=False))
    write_whole(folder / "report.json", json.dumps(report, indent=1, ensure_ascii=False))


def _write_prompt(folder: Path, tuned: Tuned) -> dict[str, str]:
    with replacing(folder / PROMPT_AUDIO) as beside:
        soundfile.write(beside, tuned.prompt.wave, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    return {"file": PROMPT_AUDIO, "text": tuned.prompt.text, "language": tuned.prompt.language}


def _write_private_prompt(folder: Path, request: Request, tuned: Tuned) -> dict[str, str]:
    clip = tuned.prompt
    made = condition(load_base(request.base), load_tuned(tuned), clip.wave, clip.text, clip.language)
    codes, phones = made.tokens.numpy().astype(np.int64), made.phones.numpy().astype(np.int64)
    conditioning = Conditioning(
        made.ge.numpy().astype(np.float32), codes, phones, np.zeros((0, len(phones)), np.float32)
    )
    write_conditioning(folder / PROMPT_PRIVATE, conditioning)
    return {"file": PROMPT_PRIVATE, "language": clip.language}
