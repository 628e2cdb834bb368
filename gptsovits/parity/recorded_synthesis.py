"""The recorded synthesis of the original as feature files, ready to be pushed and spoken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from gptsovits.formats.features import TargetFeatures, write_prompt_features, write_target_features
from gptsovits.runtime.prompt import Prompt


def recorded_prompt(golden: Path, version: str = "v2") -> Prompt:
    """The prompt of ``golden/checkpoints/synthesis.safetensors`` for ``version`` "v2" or "v2Pro"."""
    cases = _cases(golden)
    return Prompt(
        cases["in/ref_wav"][0],
        features=cases["in/ssl"],
        phones=cases["in/prompt_phones"][0],
        bert=cases["in/prompt_bert"][0],
        speaker=cases.get(f"{version}/sv_emb"),
    )


def recorded_target(golden: Path, version: str = "v2") -> TargetFeatures:
    """The sentence, with the noise that the original drew."""
    cases = _cases(golden)
    return TargetFeatures(cases["in/text_phones"][0], cases["in/text_bert"][0], cases[f"{version}/noise"])


def write_recorded_features(golden: Path, out: Path, version: str = "v2") -> tuple[Path, Path]:
    """Writes ``prompt.safetensors`` and ``target.safetensors`` to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    prompt = write_prompt_features(out / "prompt.safetensors", recorded_prompt(golden, version))
    return prompt, write_target_features(out / "target.safetensors", recorded_target(golden, version))


def _cases(golden: Path) -> dict[str, np.ndarray]:
    return load_file(golden / "checkpoints" / "synthesis.safetensors")
