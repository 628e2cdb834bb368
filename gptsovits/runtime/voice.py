"""A voice that speaks: prompt -> conditioning -> tokens -> wave. Thread-safe; needs numpy and onnxruntime only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from gptsovits.audio.dsp import reference_level, spectrogram
from gptsovits.errors import BrokenVoice, MissingInput
from gptsovits.runtime import limits
from gptsovits.runtime.bundle import Bundle, VoiceFacts
from gptsovits.runtime.content import ContentEncoder
from gptsovits.runtime.engine import Engine, Running, Utterance
from gptsovits.runtime.graph import Device
from gptsovits.runtime.noise import FrameNoise
from gptsovits.runtime.prompt import Conditioning, Prompt, bert_for
from gptsovits.runtime.sampling import Floats, Race, Sampling, Tokens


class Voice:
    """An exported voice of any family and size, on any engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def load(cls, folder: Path | str, threads: int = 1, verify: bool = True, device: Device = "cpu") -> Voice:
        """Opens a bundle folder in this process with ``threads`` per graph; ``verify`` checks every file's digest."""
        return cls(Bundle.open(Path(folder), threads, verify, device))

    @property
    def facts(self) -> VoiceFacts:
        """Rates, sizes and languages of the voice."""
        return self._engine.facts

    def prepare(
        self, prompt: Prompt, encoder: ContentEncoder | None = None, others: Sequence[Prompt] = ()
    ) -> Conditioning:
        """Timbre and prompt tokens; ``encoder`` is needed when the prompt has words but neither features nor codes.

        ``others`` are more references of the speaker: their timbre is averaged, rhythm and manner stay the prompt's.
        """
        ge = self.mean_timbre((prompt, *others))
        if prompt.phones is None or len(prompt.phones) == 0:
            return Conditioning.timbre_only(ge, self.facts.bert_dim)
        phones = self._known_phones(prompt.phones)
        bert = bert_for(phones, prompt.bert, self.facts.bert_dim)
        return Conditioning(ge, self._prompt_codes(prompt, encoder), phones, bert)

    def timbre(self, wave: Floats, speaker: Floats | None = None) -> Floats:
        """Timbre ``(1, G, 1)`` of a reference wave ``(L,)`` at the voice's sample rate."""
        if self.facts.speaker_dim and speaker is None:
            raise MissingInput(
                f"A {self.facts.family} voice needs the speaker embedding of its reference: add sv_emb to the prompt."
            )
        magnitudes = spectrogram(reference_level(self._sound(wave)), self.facts.spectrogram)
        limits.within("frames of reference", magnitudes.shape[1], limits.REFERENCE_FRAMES)
        low = magnitudes[None, : self.facts.spectrogram_bins]
        ge: Floats = self._engine.graphs["style"].run(spectrogram=low, sv_emb=speaker)[0]
        return ge

    def _sound(self, wave: Floats) -> Floats:
        """The reference, which must be one: a sample that is no number would be in every sound of the voice."""
        shape = self.facts.spectrogram
        if len(wave) <= (shape.filter_length - shape.hop_length) // 2:
            raise BrokenVoice("The reference is too short to have a timbre; give 3 to 10 seconds of the voice.")
        if not np.isfinite(wave).all():
            raise BrokenVoice(
                "The reference holds samples that are no sound (infinite or no numbers); export it again."
            )
        return np.asarray(wave, np.float32)

    def mean_timbre(self, references: Sequence[Prompt]) -> Floats:
        """Arithmetic mean of the timbre of several references."""
        vectors = [self.timbre(item.wave, item.speaker) for item in references]
        mean: Floats = np.mean(vectors, axis=0, dtype=np.float32)
        return mean

    def quantise(self, features: Floats) -> Tokens:
        """Content features ``(1, C, T)`` -> tokens ``(T // 2,)``."""
        return np.asarray(self._engine.graphs["quantise"].run(features=features)[0][0], np.int64)

    def generate_tokens(
        self,
        target_phones: Tokens,
        target_bert: Floats | None,
        conditioning: Conditioning,
        sampling: Sampling | None = None,
        race: Race | None = None,
    ) -> Tokens:
        """Semantic tokens ``(T,)`` of one sentence."""
        return self.generate_many([target_phones], [target_bert], conditioning, sampling, race)[0]

    def generate_many(
        self,
        target_phones: Sequence[Tokens],
        target_bert: Sequence[Floats | None],
        conditioning: Conditioning,
        sampling: Sampling | None = None,
        race: Race | None = None,
    ) -> list[Tokens]:
        """Semantic tokens of several sentences at once, beside all others that are spoken now.

        Sentence i draws by the seed + i; it says exactly what it would say alone with that seed.
        """
        chosen, conditioning = sampling or Sampling(), self._continued(conditioning)
        limits.within("sentences", len(target_phones), limits.BATCH)
        utterances = [
            replace(self._utterance(row, given, conditioning, _seeded(chosen, number), race), whole=True)
            for number, (row, given) in enumerate(zip(target_phones, target_bert, strict=True))
        ]
        running: list[Running] = []
        try:
            running.extend(self._engine.stage1.start(utterance) for utterance in utterances)
            return [_semantic(one, chosen, len(conditioning.codes)) for one in running]
        finally:
            for one in running:
                one.close()

    def stream_tokens(
        self,
        target_phones: Tokens,
        target_bert: Floats | None,
        conditioning: Conditioning,
        sampling: Sampling | None = None,
        race: Race | None = None,
    ) -> Iterator[int]:
        """The tokens of :meth:`generate_tokens`, each as soon as it is there; after an early stop the first is kept.

        Work begins with the first token that is asked for, and ends when the generator is closed.
        """
        chosen, conditioning = sampling or Sampling(), self._continued(conditioning)
        utterance = self._utterance(target_phones, target_bert, conditioning, chosen, race)

        def tokens() -> Iterator[int]:
            with closing(self._engine.stage1.start(utterance)) as running:
                yield from running

        return tokens()

    def decode(
        self,
        codes: Tokens,
        target_phones: Tokens,
        ge: Floats,
        noise_scale: float = 0.5,
        noise: Floats | None = None,
        speed: float = 1.0,
        seed: int | None = None,
    ) -> Floats:
        """Tokens ``(T,)`` and the phones that they say ``(N,)`` -> wave ``(L,)`` at the voice's sample rate.

        ``noise (1, C, frames)`` makes it repeatable, and so does ``seed``.
        """
        frames = frames_at_speed(2 * len(codes), speed)
        shape = (1, self.facts.latent_channels, frames)
        if noise is None:
            noise = FrameNoise(seed, self.facts.latent_channels).until(frames)
        if noise.shape != shape:
            raise MissingInput(f"The noise is {noise.shape}, but {len(codes)} tokens at speed {speed} need {shape}.")
        return self._render(codes, target_phones, ge, noise_scale, noise, 0, 2 * len(codes) / max(frames, 1))

    def decode_window(
        self, codes: Tokens, target_phones: Tokens, ge: Floats, noise_scale: float, noise: Floats, first: int,
        speed: float = 1.0,
    ) -> Floats:  # fmt: skip
        """The wave from latent frame ``first`` on, where ``noise (1, C, frames)`` covers all frames from the start.

        A graph that cannot begin in the middle decodes all of it.
        """
        if "timeline" in self._engine.graphs["s2"].inputs:
            return self._render(codes, target_phones, ge, noise_scale, noise[:, :, first:], first, speed)
        whole = self._render(codes, target_phones, ge, noise_scale, noise, 0, speed)
        return whole[first * self.facts.samples_per_token // 2 :]

    def _render(
        self, codes: Tokens, target_phones: Tokens, ge: Floats, noise_scale: float, noise: Floats, first: int,
        step: float,
    ) -> Floats:  # fmt: skip
        """Frame i of the result lies at latent frame ``(first + i) * step``."""
        wave: Floats = self._engine.graphs["s2"].run(
            codes=self._known_codes(codes)[None],
            phones=self._known_phones(target_phones)[None],
            ge=ge,
            noise=np.ascontiguousarray(noise, np.float32),
            noise_scale=np.array([noise_scale], np.float32),
            timeline=np.array([first, step], np.float32),
        )[0][0, 0]
        return wave

    def _continued(self, conditioning: Conditioning) -> Conditioning:
        """What stage 1 continues: the prompt, or nothing where tokens tell their phone.

        What a small encoder mishears in a prompt would make such a stage 1 lose its place, and its pace is learned.
        """
        if self.facts.token_classes is None:
            return conditioning
        return Conditioning.timbre_only(conditioning.ge, self.facts.bert_dim)

    def _utterance(
        self, phones: Tokens, bert: Floats | None, conditioning: Conditioning, sampling: Sampling, race: Race | None
    ) -> Utterance:
        """What stage 1 is given; voices whose tokens tell their phone are held to the order of the text."""
        whole, features = self._after_prompt(phones, bert, conditioning)
        classes = self.facts.token_classes
        return Utterance(
            whole,
            features if self.facts.bert_dim else None,
            np.asarray(conditioning.codes, np.int64),
            sampling,
            None if classes is None else classes[phones],
            race,
        )

    def _after_prompt(
        self, target_phones: Tokens, target_bert: Floats | None, conditioning: Conditioning
    ) -> tuple[Tokens, Floats]:
        """Phones and BERT features of prompt and target, one after the other."""
        dim = self.facts.bert_dim
        phones = np.concatenate((conditioning.phones, self._known_phones(target_phones)))
        limits.within("phones", len(phones), limits.PHONES)
        limits.within("prompt tokens", len(conditioning.codes), limits.PROMPT_TOKENS)
        return phones, np.concatenate((conditioning.bert, bert_for(target_phones, target_bert, dim)), 1)

    def _known_phones(self, phones: Tokens) -> Tokens:
        return _known("phones", phones, self.facts.phones, "use the symbol table of its base")

    def _known_codes(self, codes: Tokens) -> Tokens:
        """Asked here, since a GPU reads what lies behind its table and does not say so."""
        return _known("tokens", codes, self.facts.eos, "decode them with the voice that said them")

    def _prompt_codes(self, prompt: Prompt, encoder: ContentEncoder | None) -> Tokens:
        if prompt.codes is not None:
            return np.asarray(prompt.codes, np.int64)
        if prompt.features is not None:
            return self.quantise(np.asarray(prompt.features, np.float32))
        if encoder is None:
            raise MissingInput(
                "The prompt is a recording, and turning it into tokens needs the content encoder of a "
                f"{self.facts.family} base: register one with `voicehub-admin base add PATH`, or give a prompt "
                "with features."
            )
        return self.quantise(encoder.prompt_features(prompt.wave, self.facts))


def _known(what: str, ids: Tokens, count: int, advice: str) -> Tokens:
    """The ids, of 0 to ``count`` - 1; MissingInput for others."""
    ids = np.asarray(ids, np.int64)
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < count:
        raise MissingInput(
            f"The voice knows {what} 0 to {count - 1}, but was given {int(ids.min())} to {int(ids.max())}; {advice}."
        )
    return ids


def frames_at_speed(frames: int, speed: float) -> int:
    """Latent frames after the change of speed; unchanged at 1."""
    slowest, fastest = limits.SPEED
    if not slowest <= speed <= fastest:
        raise MissingInput(f"The speed is {speed}, but must lie between {slowest:g} and {fastest:g}.")
    return frames if speed == 1.0 else int(frames / speed) + 1


def _seeded(sampling: Sampling, number: int) -> Sampling:
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + number)


def _semantic(running: Running, sampling: Sampling, prompt_length: int) -> Tokens:
    """All its tokens, like the original without the first one after an early stop."""
    tokens = np.array(list(running), np.int64)
    dropped = sampling.drop_first_on_early_stop and running.stopped_early and prompt_length and len(tokens) > 1
    return tokens[1:] if dropped else tokens
