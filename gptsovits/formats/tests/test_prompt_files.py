from __future__ import annotations

from gptsovits.formats.prompt_files import PromptFile, prompt_files

PATHS = ["lexicon/l.yaml", "prompts/a.flac", "prompts/b.flac", "prompts/c.safetensors"]


def test_the_card_orders_the_prompts_and_says_their_words() -> None:
    entries = [{"file": "gone.wav"}, {"file": "b.mp3", "text": "hi", "language": "en"}, {"file": "a.flac"}]
    assert prompt_files(PATHS, entries) == [PromptFile("prompts/b.flac", "hi", "en"), PromptFile("prompts/a.flac")]


def test_without_a_card_everything_that_may_be_a_prompt_is_one() -> None:
    assert [prompt.path for prompt in prompt_files(PATHS, ())] == PATHS[1:]
    assert prompt_files(PATHS[:1], [{"file": "a.flac"}]) == []


def test_only_a_recording_with_words_needs_an_encoder() -> None:
    needs = [PromptFile(path, text).needs_encoder for path in ("a.wav", "a.safetensors") for text in ("hi", "")]
    assert needs == [True, False, False, False]
