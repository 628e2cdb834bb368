"""A fine-tune of original files: exact resume, what is out of scope stays to the bit, how far the timbre moved."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gptsovits.arch.discriminator import Discriminator, Verdict
from gptsovits.config import SpectrogramConfig
from gptsovits.errors import BrokenVoice
from gptsovits.formats.checkpoint import VoiceFile, read_voice_file
from gptsovits.train.__main__ import main
from gptsovits.train.batches import matched, stage1_batches, stage1_items, stage2_batch, stage2_batches, stage2_items
from gptsovits.train.clips import TrainingClip, read_clips, write_clip
from gptsovits.train.finetune import Recipe, Start, finetune
from gptsovits.train.loop import EpochDone
from gptsovits.train.scope import Scope

torch.set_num_threads(1)
GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints"
CODEBOOK, SSL = 64, 96


def _clip(number: int, seconds: float = 0.8) -> TrainingClip:
    draw = np.random.default_rng(number)
    frames = int(seconds * 50)
    wave = np.sin(np.arange(frames * 640) / (20 + number)).astype(np.float32) * 0.3
    return TrainingClip(
        f"clip{number}", wave, draw.standard_normal((SSL, frames)).astype(np.float32), draw.integers(0, 732, 8),
        draw.integers(0, CODEBOOK, frames // 2),
    )  # fmt: skip


@pytest.fixture(scope="module")
def start() -> Start:
    stage2 = _file("tiny_v2_pretrained_style.pth")
    shorter = {**stage2.config, "train": {**stage2.config["train"], "segment_size": 8 * 640}}
    return Start(_file("tiny-e15.ckpt"), replace(stage2, config=shorter))


class SmallJudge(Discriminator):
    """The published one has 47 million weights; the loop does not care."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        torch.manual_seed(0)
        self.discriminators = torch.nn.ModuleList([_Look()])


class _Look(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.look = torch.nn.Conv1d(1, 4, 15, stride=8)

    def forward(self, wave: torch.Tensor) -> Verdict:
        seen = self.look(wave)
        return seen.flatten(1), [seen]


@pytest.fixture(autouse=True)
def small_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Discriminator, "for_config", classmethod(lambda cls, config: SmallJudge()))


def _file(name: str) -> VoiceFile:
    return read_voice_file(GOLDEN / name)


@pytest.fixture(scope="module")
def clips() -> list[TrainingClip]:
    return [_clip(number) for number in range(50)]


def _tune(
    start: Start, clips: list[TrainingClip], out: Path, scope: Scope = "all",
    told: Callable[[EpochDone], None] = lambda _: None, **settings: object,
) -> tuple[dict[str, object], VoiceFile, VoiceFile]:  # fmt: skip
    recipe = Recipe(scope, **{"s1_epochs": 1, "s2_epochs": 1, "batch": 20, **settings})  # type: ignore[arg-type]
    report = finetune(start, clips, out, "me", recipe, told)
    one, two = (read_voice_file(out / name) for name in report["files"])
    return report, one, two


class Killed(Exception):
    """Stands for a kill after an epoch."""


def test_a_killed_run_ends_with_the_same_weights(start: Start, clips: list[TrainingClip], tmp_path: Path) -> None:
    report, *through = _tune(start, clips, tmp_path / "through", s1_epochs=2, s2_epochs=2)

    def kill(done: EpochDone) -> None:
        if (done.stage, done.epoch) == ("s2", 1) or (done.stage, done.epoch) == ("s1", 1):
            raise Killed

    for _ in range(2):
        with pytest.raises(Killed):
            _tune(start, clips, tmp_path / "killed", told=kill, s1_epochs=2, s2_epochs=2)
    again, *resumed = _tune(start, clips, tmp_path / "killed", told=kill, s1_epochs=2, s2_epochs=2)
    assert again == report
    for one, two in zip(through, resumed, strict=True):
        assert {name: value.tobytes() for name, value in one.tensors.items()} == {
            name: value.tobytes() for name, value in two.tensors.items()
        }
    assert report["changed"]["s1"]["tensors"] > 0  # type: ignore[index]
    assert through[1].info.startswith("2epoch_")
    assert not [name for name in through[1].tensors if name.startswith("enc_q")]


def test_the_state_of_another_fine_tune_is_no_state_to_go_on_from(
    start: Start, clips: list[TrainingClip], tmp_path: Path
) -> None:
    """Other clips, another base, another scope; more epochs are the same fine-tune."""
    told: list[EpochDone] = []
    _tune(start, clips[:20], tmp_path, "gpt")
    other = {name: value * value.dtype.type(0.5) for name, value in start.stage1.tensors.items()}
    changed = replace(start, stage1=replace(start.stage1, tensors=other))
    for given, heard, scope in ((start, clips[20:40], "gpt"), (changed, clips[:20], "gpt"), (start, clips[:20], "all")):
        with pytest.raises(BrokenVoice, match=r"s1\.pt is the state of a fine-tune of other .* another folder"):
            _tune(given, heard, tmp_path, scope)  # type: ignore[arg-type]
    _tune(start, clips[:20], tmp_path, "gpt", told=told.append, s1_epochs=2)
    assert [done.epoch for done in told] == [2]


@pytest.mark.parametrize("kept", [0, 100, 0.5], ids=["empty", "its beginning", "half"])
def test_a_damaged_state_is_told(start: Start, clips: list[TrainingClip], tmp_path: Path, kept: float) -> None:
    _tune(start, clips[:20], tmp_path, "gpt")
    state = tmp_path / "state" / "s1.pt"
    whole = state.read_bytes()
    state.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises(BrokenVoice, match=r"s1\.pt is damaged .*delete that file"):
        _tune(start, clips[:20], tmp_path, "gpt", s1_epochs=2)


@pytest.mark.parametrize(
    ("scope", "s1", "s2"),
    [("last", ("model.h.layers.2.", "model.ar_predict_layer."), ("dec.ups.4.", "dec.resblocks.12.", "dec.resblocks.13.",
                                                                "dec.resblocks.14.", "dec.conv_post.")),
     ("decoder", (), ("dec.",)), ("gpt", ("model.",), ())],
)  # fmt: skip
def test_a_scope_leaves_the_rest_bit_identical(
    start: Start, clips: list[TrainingClip], tmp_path: Path, scope: Scope, s1: tuple[str, ...], s2: tuple[str, ...]
) -> None:
    report, one, two = _tune(start, clips[:25], tmp_path, scope)
    for base, tuned, inside in ((start.stage1, one, s1), (start.stage2, two, s2)):
        changed = [name for name, value in tuned.tensors.items() if value.tobytes() != base.tensors[name].tobytes()]
        assert all(name.startswith(inside) for name in changed)
        assert bool(changed) == bool(inside)
        assert {value.dtype for value in tuned.tensors.values()} == {np.dtype(np.float16)}
    moved = report["timbre"]["envelope_db"]  # type: ignore[index]
    assert (moved > 0) == bool(s2)
    assert report["timbre"]["timbre_cosine"] == pytest.approx(1.0, abs=1e-5)  # type: ignore[index]


def test_mixed_precision_learns_too_and_keeps_the_quantiser(
    start: Start, clips: list[TrainingClip], tmp_path: Path
) -> None:
    losses: list[EpochDone] = []
    _, _, two = _tune(start, clips[:25], tmp_path, told=losses.append, mixed=True)
    assert all(np.isfinite(list(done.losses.values())).all() for done in losses)
    for name, value in two.tensors.items():
        if name.startswith(("ssl_proj", "quantizer")):
            assert value.tobytes() == start.stage2.tensors[name].tobytes(), name


def test_a_distributed_file_cannot_be_the_start(start: Start, clips: list[TrainingClip], tmp_path: Path) -> None:
    other = Start(start.stage1, _file("tiny_v2_e8_s128.pth"))
    with pytest.raises(BrokenVoice, match="posterior encoder"):
        finetune(other, clips, tmp_path, "me", Recipe(s1_epochs=0, s2_epochs=1), lambda _: None)


def test_the_command_reads_clips_and_prints_a_report(
    clips: list[TrainingClip], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for clip in clips[:4]:
        write_clip(tmp_path / "clips", clip)
    weights = ["--stage1", GOLDEN / "tiny-e15.ckpt", "--stage2", GOLDEN / "tiny_v2_pretrained_style.pth"]
    places = [tmp_path / "clips", tmp_path / "out"]
    arguments = [str(part) for part in ("finetune", *places, *weights, "--scope", "gpt", "--s1-epochs", "1")]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "s1 epoch 1 of 1: loss" in out
    assert json.loads(out[out.index("{") :])["files"] == ["voice-e1.ckpt", "voice_e0_s0.pth"]
    assert main(["finetune", str(tmp_path / "none"), *arguments[2:]]) == 1
    assert "gptsovits.train prepare" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--s1-epochs", "-1"), ("--s2-epochs", "-3"), ("--s2-epochs", "nan"), ("--batch", "0"), ("--batch", "1.5"),
        ("--batches", "0"), ("--batches", "-1"), ("--text-low-lr-rate", "nan"), ("--text-low-lr-rate", "-1"),
        ("--text-low-lr-rate", "inf"), ("--text-low-lr-rate", "low"),
    ],
)  # fmt: skip
def test_a_number_that_nothing_can_be_trained_with_is_told(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most of them ended as done, with the weights of the base under a name of a fine-tune."""
    weights = [f"--stage{number}={tmp_path}" for number in (1, 2)]
    with pytest.raises(SystemExit) as ended:
        main(["finetune", str(tmp_path), str(tmp_path), *weights, option, value])
    assert ended.value.code == 2
    least = {"--batch": "1", "--batches": "1"}.get(option, "0")
    assert f"argument {option}: {value} is no" in (told := capsys.readouterr().err)
    assert f"of {least} or more" in told


def test_no_thread_is_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--threads", "0", "finetune", *[str(tmp_path)] * 2, "--stage1", "a", "--stage2", "b"])
    assert ended.value.code == 2
    assert "argument --threads: 0 is no whole number of 1 or more" in capsys.readouterr().err


def test_clips_come_back_and_unusable_ones_are_dropped(clips: list[TrainingClip], tmp_path: Path) -> None:
    write_clip(tmp_path, clips[0])
    (read,) = read_clips(tmp_path)
    assert all(np.array_equal(getattr(read, name), getattr(clips[0], name)) for name in ("wave", "ssl", "phones"))
    config = SpectrogramConfig()
    assert len(stage2_items([clips[0], _clip(99, 0.5)], config)) == 100
    assert {clip.name for clip in stage2_items([clips[0], _clip(99, 0.5)], config)} == {"clip0"}
    unsaid = TrainingClip("x", clips[0].wave, clips[0].ssl, np.arange(100), clips[0].codes)
    assert {clip.name for clip in stage1_items([clips[0], unsaid])} == {"clip0"}
    with pytest.raises(BrokenVoice, match="stage 1"):
        stage1_items([unsaid])


def test_batches_hold_every_clip_once_and_repeat_for_an_epoch(clips: list[TrainingClip]) -> None:
    mixed = [*clips[:9], *(_clip(200 + number, 4.1) for number in range(3))]
    batches = list(stage1_batches(mixed, 2, 3, 0))
    assert sum(len(batch.phones) for batch in batches) == 12
    again = list(stage1_batches(mixed, 2, 3, 0))
    assert all(torch.equal(one.tokens, two.tokens) for one, two in zip(batches, again, strict=True))
    assert not all(
        one.tokens.shape == two.tokens.shape and torch.equal(one.tokens, two.tokens)
        for one, two in zip(batches, stage1_batches(mixed, 2, 4, 0), strict=True)
    )
    whole = list(stage2_batches(mixed, 4, 0, SpectrogramConfig()))
    assert all(len(batch.spec) == 4 for batch in whole)
    assert all(batch.spec_lengths.tolist() == sorted(batch.spec_lengths.tolist(), reverse=True) for batch in whole)


def test_a_batch_is_padded_to_the_same_even_length() -> None:
    batch = stage2_batch([_clip(1, 0.8), _clip(2, 0.9)], SpectrogramConfig())
    assert batch.spec.shape == (2, 1025, 46)
    assert batch.ssl.shape == (2, SSL, 46)
    assert batch.wave.shape == (2, 1, 46 * 640)
    assert batch.spec_lengths.tolist() == [45, 40]
    assert matched(np.arange(6.0).reshape(2, 3), 5).tolist() == [[0, 1, 2, 2, 2], [3, 4, 5, 5, 5]]
