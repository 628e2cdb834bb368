"""Chunks of tokens: outside the cross-fades each sounds as all known tokens decoded at once, whatever the sizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptsovits.parity.recorded_synthesis import recorded_prompt, recorded_target
from gptsovits.runtime.noise import FrameNoise
from gptsovits.runtime.rows import MAX_TOKENS
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.speaking import Manner, Piece, speak
from gptsovits.runtime.streaming import ChunkDecoder, Chunks, faded, speak_chunks, stream_piece
from gptsovits.runtime.tests.conftest import GOLDEN, BundleOf
from gptsovits.runtime.voice import Voice
from gptsovits.serving.wire import is_due

V2 = "tiny_v2_e8_s128.pth"
HOP = 640
TOLERANCE = 2e-4


@st.composite
def cuttings(draw: st.DrawFn) -> tuple[Chunks, list[int], float]:
    """Sizes, how many tokens are known at each push, and a speed."""
    lookahead = draw(st.integers(1, 6))
    sizes = Chunks(lookahead=lookahead, fade=draw(st.integers(1, lookahead)))
    pushes = draw(st.lists(st.integers(lookahead + 1, 20), min_size=1, max_size=4))
    return sizes, np.cumsum(pushes).tolist(), draw(st.sampled_from([1.0, 1.0, 0.25, 0.8, 1.3, 2.5, 4.0]))


@given(cuttings())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_chunk_equals_all_known_tokens_but_for_the_fade(
    bundle_of: BundleOf, case: tuple[Chunks, list[int], float]
) -> None:
    sizes, pushes, speed = case
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    ge = voice.timbre(recorded_prompt(GOLDEN).wave)
    codes = np.random.default_rng(pushes[-1]).integers(0, 64, pushes[-1])
    manner = Manner(Sampling(seed=3), speed=speed)
    decoder, tape = ChunkDecoder(voice, target.phones, ge, manner, sizes), FrameNoise(3, voice.facts.latent_channels)
    sent, fade, before = 0, 2 * sizes.fade * HOP, np.zeros(0, np.float32)
    for known in pushes:
        final = known == pushes[-1]
        part = decoder.push(codes[:known], final)
        frames = (2 * known if speed == 1 else int(2 * known / speed) + 1) if final else int(2 * known / speed)
        whole = voice.decode_window(codes[:known], target.phones, ge, 0.5, tape.until(frames), 0, speed)
        expected = whole[sent : sent + len(part)]
        skipped = fade if known != pushes[0] else 0
        assert np.abs(part[skipped:] - expected[skipped:]).max(initial=0) < TOLERANCE
        if sent and len(part):
            assert abs(part[0] - before[sent]) < TOLERANCE, "it goes on as what was heard would have"
        before, sent = whole if len(part) else before, sent + len(part)
    assert sent == frames * HOP
    if speed == 1.0:
        at_once = voice.decode(codes, target.phones, ge, seed=3)
        assert np.abs(at_once[-len(part) + fade :] - part[fade:]).max() < TOLERANCE


def test_one_chunk_is_the_whole_sentence(bundle_of: BundleOf) -> None:
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    ge, codes = voice.timbre(recorded_prompt(GOLDEN).wave), np.arange(30)
    decoder = ChunkDecoder(voice, target.phones, ge, Manner(Sampling(seed=8)), Chunks())
    np.testing.assert_allclose(
        decoder.push(codes, final=True), voice.decode(codes, target.phones, ge, seed=8), atol=TOLERANCE
    )


def test_a_stream_says_the_same_tokens_in_the_same_time_as_speech(bundle_of: BundleOf) -> None:
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    conditioning = voice.prepare(recorded_prompt(GOLDEN))
    pieces = [Piece("one", target.phones[:12]), Piece("two", target.phones[12:])]
    manner = Manner(Sampling(seed=5, early_stop=40, drop_first_on_early_stop=False), pause=0.25)
    whole = speak(voice, "one two", "en", conditioning, manner, lambda *_: pieces)
    sizes = Chunks(first=4, largest=8, lookahead=2)
    parts = list(speak_chunks(voice, "one two", "en", conditioning, manner, sizes, lambda *_: pieces))
    assert sum(map(len, parts)) == len(whole.wave)
    assert len(parts) > 6
    assert len(parts[0]) == 4 * 1280
    found = voice.stream_tokens(pieces[0].phones, None, conditioning, manner.sampling)
    np.testing.assert_array_equal(list(found), whole.pieces[0].codes)


def test_streams_in_64_threads_do_not_mix(bundle_of: BundleOf) -> None:
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    conditioning = voice.prepare(recorded_prompt(GOLDEN))

    def heard(number: int) -> bytes:
        piece, manner = Piece("", target.phones[: 6 + number % 4]), Manner(Sampling(seed=number % 4, early_stop=16))
        parts = stream_piece(voice, piece, conditioning, manner, Chunks(first=5, largest=5, lookahead=2))
        return np.concatenate(list(parts)).round(3).tobytes()

    alone = [heard(number) for number in range(4)]
    assert len(set(alone)) == 4
    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(heard, range(64))) == alone * 16


def test_tokens_are_sent_where_chunks_end() -> None:
    ends = list(islice(Chunks().ends(), 40))
    assert ends[:4] == [14, 34, 74, 124]
    assert ends[-1] > MAX_TOKENS
    assert [end for end in ends if not is_due(end)] == []
    assert [said for said in range(ends[0]) if is_due(said)] == []


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.99, 1.0, 1.7, 2.0, 2.01, 3.0, 4.0])
def test_a_stream_is_as_long_as_speech_and_fades_every_chunk_at_any_speed(bundle_of: BundleOf, speed: float) -> None:
    voice, target = Voice.load(bundle_of(V2)), recorded_target(GOLDEN)
    ge, codes = voice.timbre(recorded_prompt(GOLDEN).wave), np.arange(40)
    decoder, sent, heard = ChunkDecoder(voice, target.phones, ge, Manner(Sampling(seed=8), speed=speed), Chunks()), 0, 0
    for known in (14, 34, 40):
        part = decoder.push(codes[:known], known == 40)
        sent, heard = sent + len(part), heard + (len(part) > 0)
        assert len(decoder._tail) == (0 if known == 40 else 2 * HOP)
    assert sent == len(voice.decode(codes, target.phones, ge, seed=8, speed=speed))
    assert heard == 3


def test_a_fade_of_equal_sound_changes_nothing_and_sizes_are_checked() -> None:
    wave = np.linspace(-1, 1, 50, dtype=np.float32)
    np.testing.assert_allclose(faded(wave[:20], wave), wave, atol=1e-6)
    with pytest.raises(ValueError, match="fade <= lookahead"):
        Chunks(fade=3, lookahead=2)
