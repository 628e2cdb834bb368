"""The shipped base, tuned on the demo's recording, is understood and sounds like its speaker: the demo's floor."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import torch
from safetensors.torch import load_file

from gptsovits.finetune import FinetuneSettings, align, finetune, prompt_of
from gptsovits.finetune.run import VOICE_FILE
from gptsovits.judge.intervals import paired_gain
from gptsovits.judge.sentences import TEST_SENTENCES
from gptsovits.judge.similarity import embedding, similarities
from gptsovits.judge.voice import Judgement, judge_voice
from gptsovits.nano.base import S1_FILE, S2_FILE, load_base, voice_of
from gptsovits.pipeline.evaluating import speak_lines
from gptsovits.pipeline.training import shipped_base
from tools.demo.recording import TRANSCRIPT, find_source, read_16k
from tools.demo.table import LEAST_SHUFFLED_WORD_ERRORS, MOST_WORD_ERRORS

HELD_OUT_CLIPS = 2
SENTENCES = TEST_SENTENCES[::2]
"""Ten of the demo's twenty."""
SHORT = FinetuneSettings(
    acoustic_epochs=4, semantic_epochs=2, vocoder_epochs=1, steps=15, shares=(0.5, 0.6), sentences=3
)
"""Each stage of the demo's fine-tune at less than half its steps; the floor is the demo's all the same."""


@dataclass(frozen=True)
class Judged:
    """How alike the base as it is says the sentences after the same prompt, and the voice tuned from it."""

    base: tuple[float, ...]
    voice: Judgement


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("voice")
    base, wave = load_base(shipped_base()), read_16k(find_source().recording)
    clips = align(base, wave, TRANSCRIPT)[:-HELD_OUT_CLIPS]
    finetune(shipped_base(), clips, out, settings=SHORT, progress=lambda _: None, cancelled=lambda: False)
    config = json.loads((out / VOICE_FILE).read_text(encoding="utf-8"))["config"]
    voice = voice_of(load_file(out / S1_FILE), config["s1"], load_file(out / S2_FILE), config["s2"])
    prompt = prompt_of(clips)
    untuned = similarities(speak_lines(base, base.voice, prompt, SENTENCES), embedding(wave))
    return Judged(tuple(untuned), judge_voice(base, voice, prompt, wave, SENTENCES))


@pytest.mark.timeout(1800)
def test_the_words_are_understood_and_shuffled_tokens_are_not(judged: Judged) -> None:
    assert judged.voice.word_error_rate <= MOST_WORD_ERRORS
    assert judged.voice.shuffled_word_error_rate > LEAST_SHUFFLED_WORD_ERRORS


def test_the_fine_tune_brings_the_voice_nearer_to_its_speaker(judged: Judged) -> None:
    assert paired_gain(judged.voice.similarities, judged.base).low > 0


def test_the_committed_weights_are_small() -> None:
    shipped = [*shipped_base().glob("*.safetensors"), *shipped_base().glob("*.onnx")]
    assert len(shipped) == 5
    assert sum(path.stat().st_size for path in shipped) <= 20_000_000
