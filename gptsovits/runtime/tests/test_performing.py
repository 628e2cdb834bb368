"""A script says what `speak` says, with silences in it, and ends at the token at which it is told to."""

from __future__ import annotations

import numpy as np
import pytest

from gptsovits.parity.recorded_synthesis import recorded_prompt, recorded_target
from gptsovits.runtime.performing import Performance, Silence
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.speaking import Manner, Piece, speak
from gptsovits.runtime.streaming import Chunks
from gptsovits.runtime.tests.conftest import GOLDEN, BundleOf
from gptsovits.runtime.voice import Voice

V2 = "tiny_v2_e8_s128.pth"
MANNER = Manner(Sampling(seed=5, early_stop=40, drop_first_on_early_stop=False), pause=0.25)


class Enough(Exception):
    """Told to stop."""


def pieces() -> list[Piece]:
    phones = recorded_target(GOLDEN).phones
    return [Piece("one", phones[:12]), Piece("two", phones[12:])]


@pytest.mark.parametrize("chunks", [None, Chunks(first=4, largest=8, lookahead=2)])
def test_a_script_is_spoken_as_a_text_is(bundle_of: BundleOf, chunks: Chunks | None) -> None:
    voice = Voice.load(bundle_of(V2))
    conditioning = voice.prepare(recorded_prompt(GOLDEN))
    said = speak(voice, "one two", "en", conditioning, MANNER, lambda *_: pieces())
    counted: list[int] = []
    performance = Performance(voice, conditioning, MANNER, chunks, lambda: counted.append(1))
    parts = list(performance.parts(pieces()))
    wave = np.concatenate([part.wave for part in parts])
    assert len(counted) == sum(len(piece.codes) for piece in said.pieces)
    assert len(wave) == len(said.wave)
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    if chunks is None:
        np.testing.assert_allclose(wave, said.wave, atol=1e-5)


def test_a_break_takes_the_place_of_the_pause(bundle_of: BundleOf) -> None:
    voice = Voice.load(bundle_of(V2))
    conditioning = voice.prepare(recorded_prompt(GOLDEN))
    one, two = pieces()
    plain = [len(part.wave) for part in Performance(voice, conditioning, MANNER).parts([one, two])]
    broken = [len(part.wave) for part in Performance(voice, conditioning, MANNER).parts([one, Silence(1.0), two])]
    rate = voice.facts.sample_rate
    assert plain == [plain[0], rate // 4, plain[2], rate // 4]
    assert broken == [plain[0], rate, plain[2], rate // 4]


def test_the_work_ends_at_the_token_at_which_it_is_told_to(bundle_of: BundleOf) -> None:
    voice = Voice.load(bundle_of(V2))
    conditioning = voice.prepare(recorded_prompt(GOLDEN))
    tokens = 0

    def count() -> None:
        nonlocal tokens
        tokens += 1
        if tokens == 7:
            raise Enough

    with pytest.raises(Enough):
        list(Performance(voice, conditioning, MANNER, None, count).parts(pieces()))
    assert tokens == 7
