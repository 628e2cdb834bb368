"""Speaking on this machine, without torch and without the hub: a pulled voice, a text, a wave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from numpy.typing import NDArray

from voicehub.cache import Cache
from voicehub.errors import NotAuditionable, Unreadable
from voicehub.local import engine
from voicehub.models import Version
from voicehub.names import VoiceName
from voicehub.prompts import choose

if TYPE_CHECKING:
    from gptsovits.runtime.bert import BertFeatures
    from gptsovits.runtime.content import ContentEncoder
    from gptsovits.runtime.prompt import Conditioning
    from gptsovits.runtime.sampling import Sampling
    from gptsovits.runtime.voice import Voice
    from gptsovits.text.lexicon import Lexicon

Wave = NDArray[np.float32]


@dataclass(frozen=True)
class Said:
    """A float32 mono wave `(L,)`, its sample rate in Hz, and the semantic tokens of its pieces, one after another.

    `left_out`: words of the text that the language has no sounds for.
    """

    wave: Wave
    sample_rate: int
    tokens: tuple[int, ...]
    left_out: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.wave) / self.sample_rate


@dataclass(frozen=True)
class Exactly:
    """Recorded inputs that make a synthesis repeatable to the last token.

    Attributes:
        features: `.safetensors` with the target's `phones (N,)` and `bert (D, N)`.
        noise: `.safetensors` or `.npy` with the recorded noise `(1, C, 2T)`; None draws it from the seed.
        greedy: take the likeliest token.
        early_stop: most tokens to generate; -1 for no limit.
        noise_scale: how much of the noise is used.
    """

    features: Path
    noise: Path | None = None
    greedy: bool = True
    early_stop: int = -1
    noise_scale: float = 0.5
    seed: int | None = None


class Speaker:
    """A pulled voice, opened."""

    def __init__(self, cache: Cache, name: VoiceName, *, prompt: str = "", threads: int = 1) -> None:
        self.version, self._folder = cache.find(name)
        self._cache, self._name = cache, name
        with engine():
            self._voice = self._open(threads)
            self._bert = self._bert_features(threads)
            self._conditioning = self._prepare(prompt, threads)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages its base speaks."""
        return tuple(self._voice.facts.languages)

    @property
    def sample_rate(self) -> int:
        """Of everything it says, in Hz."""
        return self._voice.facts.sample_rate

    def say(self, text: str, language: str = "", *, seed: int | None = None, speed: float = 1.0) -> Said:
        """Speaks a text; `language` defaults to the first of the card."""
        with engine():
            from gptsovits.runtime.speaking import Manner, frontend, left_out, speak

            language = language or self._own_language()
            manner = Manner(sampling=self._sampling(seed), speed=speed)
            lexicons = self._lexicons()
            reader = frontend(lexicons, self._bert, self.languages)
            speech = speak(self._voice, text, language, self._conditioning, manner, reader)
            own = lexicons.get(language.lower().removeprefix("all_"))
            unread = left_out(text, language, own, spoken=self.languages)
        tokens = tuple(int(c) for piece in speech.pieces for c in piece.codes)
        return Said(np.asarray(speech.wave, np.float32), speech.sample_rate, tokens, unread)

    def say_exactly(self, given: Exactly) -> Said:
        """Speaks recorded features: raw wave, before level, pause, 16 bit and label."""
        with engine():
            from gptsovits.runtime.sampling import Sampling

            phones, bert, noise = _read_target(given.features)
            noise = read_noise(given.noise) if given.noise else noise
            sampling = Sampling(greedy=given.greedy, early_stop=given.early_stop, seed=given.seed)
            codes = self._voice.generate_tokens(phones, bert, self._conditioning, sampling)
            ge, scale = self._conditioning.ge, given.noise_scale
            wave = self._voice.decode(codes, phones, ge, noise_scale=scale, noise=noise, seed=given.seed)
        return Said(np.asarray(wave, np.float32), self._voice.facts.sample_rate, tuple(int(c) for c in codes))

    def decode(self, tokens: NDArray[np.int64], phones: NDArray[np.int64], *, seed: int | None = None) -> Wave:
        """The raw wave `(L,)` of given semantic tokens `(T,)` that say `phones (N,)`."""
        with engine():
            return np.asarray(self._voice.decode(tokens, phones, self._conditioning.ge, seed=seed), np.float32)

    def _open(self, threads: int) -> Voice:
        from gptsovits.runtime.voice import Voice

        if not (self._folder / "onnx" / "bundle.json").exists():
            hint = self.version.not_auditionable or f"Pull it with its ONNX bundle: voicehub pull {self._name}"
            raise NotAuditionable(f"{self._name} cannot speak on this machine.", hint=hint)
        return Voice.load(self._folder / "onnx", threads)

    def _prepare(self, wanted: str, threads: int) -> Conditioning:
        from gptsovits.runtime.conditioning import condition

        prompt, encoder = choose(self.version, wanted), self._encoder(threads)
        return condition(self._voice, prompt, self._folder, encoder, bert=self._bert)

    def _sampling(self, seed: int | None) -> Sampling:
        """What the bundle recommends, else the usual; a voice's stage 1 may be trained for other odds."""
        from gptsovits.runtime.bundle import read_header
        from gptsovits.runtime.sampling import Sampling

        return Sampling(**read_header(self._folder / "onnx").get("sampling", {}), seed=seed)

    def _lexicons(self) -> Mapping[str, Lexicon]:
        """The voice's own words by language: its `lexicon.yaml`, as the scan wrote it anew."""
        path = next((self._folder / f.path for f in self.version.files if f.path.startswith("lexicon/")), None)
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path else {}

    def _encoder(self, threads: int) -> ContentEncoder | None:
        from gptsovits.runtime.content import ContentEncoder

        folder = self._cache.base(str(self.version.requires.get("content_encoder", "-")))
        return ContentEncoder.load(folder, threads) if (folder / "base.json").exists() else None

    def _bert_features(self, threads: int) -> BertFeatures | None:
        from gptsovits.runtime.bert import BertFeatures

        folder = self._cache.base(str(self.version.requires.get("bert", "-")))
        if not (folder / "base.json").exists():
            return None
        bert = BertFeatures.load(folder, threads)
        return bert if bert.feature_dim == self._voice.facts.bert_dim else None

    def _own_language(self) -> str:
        declared = [str(code).split("-")[0] for code in self.version.card.get("languages") or ()]
        return next((c for c in declared if c in self.languages), self.languages[0] if self.languages else "en")


def _read_target(path: Path) -> tuple[NDArray[np.int64], Wave | None, Wave | None]:
    from gptsovits.formats.features import read_target_features

    target = read_target_features(path)
    return target.phones, target.bert, target.noise


def read_noise(path: Path) -> Wave:
    """Recorded noise `(1, C, 2T)` from `.npy` or `.safetensors` (a tensor named `noise`)."""
    try:
        value = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _tensor(path, "noise")
        return np.asarray(value, np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise Unreadable(f"{path} holds no noise: {error}.", hint="Give a .npy or .safetensors file.") from error


def _tensor(path: Path, name: str) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            return file.get_tensor(name)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def requirements_missing(version: Version, cache: Cache) -> dict[str, str]:
    """What the voice requires and this machine lacks, by kind."""
    wanted = {k: v for k, v in version.requires.items() if k != "symbols"}
    return {kind: digest for kind, digest in wanted.items() if not (cache.base(digest) / "base.json").exists()}
