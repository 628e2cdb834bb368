"""Speaking with a nano voice in torch, for choosing checkpoints and for judging; the hub itself speaks through ONNX."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gptsovits.arch.s1_inference import infer
from gptsovits.nano.base import NanoBase, NanoVoice
from gptsovits.nano.spectral import Spectrogram
from gptsovits.nano.synthesizer import NOISE_CHANNELS
from gptsovits.runtime.monotonic import MonotonicReading
from gptsovits.runtime.sampling import Sampling
from gptsovits.text import phonemize

Floats = npt.NDArray[np.float32]

SAMPLING = Sampling(top_k=5, temperature=0.5, repetition_penalty=1.0, early_stop=375)
"""Stage 1 of this size errs less when it is held to its likelier tokens."""


@dataclass(frozen=True)
class Conditioning:
    """What a prompt tells: timbre ``(1, G, 1)``, its tokens ``(P,)`` and phones ``(N,)``."""

    ge: Tensor
    tokens: Tensor
    phones: Tensor


@torch.inference_mode()
def condition(base: NanoBase, voice: NanoVoice, wave: Floats, text: str, language: str = "en") -> Conditioning:
    """Conditioning on a prompt: 16 kHz speech and its words."""
    sound = torch.from_numpy(wave)[None]
    ge = voice.s2.style(Spectrogram()(sound))
    tokens = voice.s2.quantise(base.content(sound))[0]
    return Conditioning(ge, tokens, torch.tensor(phonemize(text, language).ids))


@torch.inference_mode()
def tokens_of(
    voice: NanoVoice, phones: Tensor, prompt: Conditioning, seed: int, sampling: Sampling = SAMPLING
) -> Tensor:
    """Semantic tokens ``(T,)`` for phones ``(N,)``, after the prompt."""
    seeded = Sampling(**{**sampling.__dict__, "seed": seed})
    classes = voice.s2.token_classes()
    if classes is None:
        together = torch.cat((prompt.phones, phones))[None]
        generated = infer(voice.s1, together, None, prompt.tokens[None], seeded)[0]
    else:
        # As at synthesis (gptsovits.runtime.voice): the prompt gives the timbre, and the text is read from its start.
        reading = MonotonicReading([classes[phones.numpy()]], voice.s1.config.EOS)
        generated = infer(voice.s1, phones[None], None, prompt.tokens[None, :0], seeded, reading=reading)[0]
    return torch.from_numpy(generated.tokens[generated.prompt_length :].copy())


@torch.inference_mode()
def decode(voice: NanoVoice, tokens: Tensor, phones: Tensor, ge: Tensor, seed: int) -> Floats:
    """Wave of tokens ``(T,)`` at 16 kHz, at the nominal noise scale."""
    noise = torch.randn(1, NOISE_CHANNELS, 2 * len(tokens), generator=torch.Generator().manual_seed(seed))
    wave = voice.s2.decode(tokens[None], phones[None], ge, noise, torch.tensor([0.5]))
    return np.asarray(wave[0, 0].numpy(), np.float32)


def speak(voice: NanoVoice, text: str, prompt: Conditioning, seed: int = 0, language: str = "en") -> Floats:
    """``text`` spoken after the prompt."""
    phones = torch.tensor(phonemize(text, language).ids)
    return decode(voice, tokens_of(voice, phones, prompt, seed), phones, prompt.ge, seed)
