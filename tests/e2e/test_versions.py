"""Every version the original program has written: v1, v3 and v4 are stored and delivered, and refused for synthesis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gptsovits.formats.checkpoint import VoiceFile, read_voice_file
from gptsovits.formats.checkpoint_writer import write_checkpoint
from tests.e2e.golden import CHECKPOINTS, S1, Recorded
from tests.e2e.house import DECLARED, Person

V2 = CHECKPOINTS / "tiny_v2_e8_s128.pth"
V1_SYMBOLS = 322


def _older(file: VoiceFile, target: Path) -> Path:
    """Content of a v1 file: the same networks with v1's smaller symbol table."""
    tensors = dict(file.tensors)
    tensors["enc_p.text_embedding.weight"] = tensors["enc_p.text_embedding.weight"][:V1_SYMBOLS]
    config = {**file.config, "model": {k: v for k, v in file.config["model"].items() if k != "version"}}
    return write_checkpoint(target, tensors, config, file.info, head="00")


def _flow_matching(file: VoiceFile, target: Path, version: str, head: str) -> Path:
    """Content of a v3 or v4 file: a flow-matching decoder instead of the vocoder."""
    kept = {name: value for name, value in file.tensors.items() if not name.startswith(("dec.", "flow."))}
    kept["cfm.estimator.input_embed.proj.weight"] = np.zeros((8, 16), np.float16)
    config = {**file.config, "model": {**file.config["model"], "version": version}}
    return write_checkpoint(target, kept, config, file.info, head=head)


@pytest.mark.parametrize(
    ("head", "family"), [("00", "v1"), ("01", "v2"), ("02", "v3"), ("03", "v3"), ("04", "v4")]
)  # fmt: skip
def test_a_version_is_stored_and_delivered(
    head: str,
    family: str,
    creator: Person,
    developer: Person,
    recorded: dict[str, Recorded],
    card: Path,
    tmp_path: Path,
) -> None:
    original = read_voice_file(V2)
    pth = tmp_path / f"head{head}.pth"
    if family == "v1":
        _older(original, pth)
    elif family == "v2":
        write_checkpoint(pth, original.tensors, original.config, original.info, head=head)
    else:
        _flow_matching(original, pth, family, head)
    voice = f"creator/version-{head}"
    pushed = creator.ok("push", voice, S1, pth, "--card", card, "--prompt", recorded["v2"].prompt, *DECLARED)
    assert pushed["state"] == "published"
    assert pushed["family"] == family
    assert bool(pushed["not_auditionable"]) == (family != "v2")
    folder = Path(developer.ok("pull", voice, "--format", "original")["folder"]) / "original"
    pulled = read_voice_file(folder / f"version-{head}.pth")
    expected = read_voice_file(pth)
    assert {n: (v.dtype, v.shape) for n, v in pulled.tensors.items()} == {
        n: (v.dtype, v.shape) for n, v in expected.tensors.items()
    }
    if family != "v2":
        refused = developer("say", voice, "你好", "-o", tmp_path / "no.wav")
        assert refused.code == 1
        assert family in refused.json["hint"] + refused.json["error"]
