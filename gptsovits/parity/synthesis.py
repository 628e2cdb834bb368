"""The whole road of recorded checkpoints: read, export, and speak without torch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from gptsovits.export.bundle import export_bundle
from gptsovits.formats.checkpoint import VoiceFile, read_voice_file
from gptsovits.parity.outcome import Comparison, Outcome, attempted
from gptsovits.parity.recordings import Group
from gptsovits.runtime.prompt import Prompt
from gptsovits.runtime.rows import MAX_TOKENS
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.voice import Voice


def synthesis_cases(group: Group) -> Iterator[Outcome]:
    """``v2`` and ``v2Pro`` for every stage-2 file beside ``synthesis.safetensors`` that belongs to them."""
    yield Outcome("in", "input")
    stage1 = next(read_voice_file(path) for path in sorted(group.folder.glob("*.ckpt")))
    for path in sorted(group.folder.glob("*.pth")):
        yield from attempted(path.name, lambda path=path: _spoken(path, stage1, group))  # type: ignore[misc]


def _spoken(path: Path, stage1: VoiceFile, group: Group) -> Iterator[Outcome]:
    stage2 = read_voice_file(path)
    if group.has(stage2.kind):
        yield spoken_case(path.name, stage1, stage2, group)
        yield Outcome(stage2.kind, "input")


def recorded_sampling(case: dict[str, Tensor]) -> Sampling:
    """Greedy, with the limit that the recording shows: an early stop leaves one token more than its steps."""
    new, steps = case["all_tokens"].shape[1] - case["prompt_semantic"].shape[1], int(case["idx"])
    return Sampling(greedy=True, early_stop=steps if new > steps else MAX_TOKENS)


def spoken_case(name: str, stage1: VoiceFile, stage2: VoiceFile, group: Group) -> Outcome:
    """Prompt tokens, generated tokens and both waves of one pair of files."""
    given, case = group.case("in"), group.case(stage2.kind)
    with tempfile.TemporaryDirectory() as folder:
        bundle = export_bundle(stage1.tensors, stage1.config, stage2.tensors, stage2.config, Path(folder))
        voice = Voice.load(bundle)
    conditioning = voice.prepare(_prompt(given, case))
    phones = given["text_phones"][0].numpy()
    tokens = voice.generate_tokens(phones, given["text_bert"].numpy(), conditioning, recorded_sampling(case))
    comparison = Comparison(name).exact("prompt tokens", conditioning.codes, case["prompt_semantic"][0])
    comparison.exact("tokens", tokens, case["semantic"][0, 0])
    for key, scale in (("wav", 0.5), ("wav_noise0", 0.0)):
        wave = voice.decode(case["semantic"][0, 0].numpy(), phones, conditioning.ge, scale, case["noise"].numpy())
        comparison.wave(key, wave, case[key][0, 0])
    return comparison.outcome()


def _prompt(given: dict[str, Tensor], case: dict[str, Tensor]) -> Prompt:
    return Prompt(
        given["ref_wav"][0].numpy(),
        features=given["ssl"].numpy(),
        phones=given["prompt_phones"][0].numpy(),
        bert=given["prompt_bert"].numpy(),
        speaker=case["sv_emb"].numpy() if "sv_emb" in case else None,
    )
