"""The torch engine behind the same calls as :class:`gptsovits.runtime.voice.Voice`: what exports are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from gptsovits.arch.content import ContentNetwork, content_features
from gptsovits.arch.loading import Tensors, load_s1, load_s2
from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_inference import infer
from gptsovits.arch.s2 import Synthesizer
from gptsovits.audio.dsp import reference_level, spectrogram
from gptsovits.config import PROMPT_SILENCE
from gptsovits.errors import MissingInput
from gptsovits.runtime.content import CONTENT_RATE, resampled
from gptsovits.runtime.prompt import Conditioning, Prompt, bert_for
from gptsovits.runtime.sampling import Floats, Race, Sampling, Tokens


class TorchVoice:
    """Both stages in memory; not thread-safe while training."""

    def __init__(self, stage1: Text2Semantic, stage2: Synthesizer) -> None:
        self.stage1, self.stage2 = stage1.eval(), stage2.eval()

    @classmethod
    def from_tensors(
        cls, s1_tensors: Tensors, s1_config: Mapping[str, Any], s2_tensors: Tensors, s2_config: Mapping[str, Any]
    ) -> TorchVoice:
        """From the content of two checkpoint files."""
        return cls(load_s1(s1_tensors, s1_config), load_s2(s2_tensors, s2_config))

    @torch.inference_mode()
    def prepare(self, prompt: Prompt, encoder: ContentNetwork | None = None) -> Conditioning:
        """Timbre and prompt tokens, see :meth:`gptsovits.runtime.voice.Voice.prepare`."""
        magnitudes = spectrogram(reference_level(prompt.wave), self.stage2.config.spectrogram)
        speaker = None if prompt.speaker is None else torch.from_numpy(prompt.speaker)
        ge = self.stage2.timbre(torch.from_numpy(magnitudes)[None], None, speaker).numpy()
        dim = self.stage1.config.bert_dim
        if prompt.phones is None or len(prompt.phones) == 0:
            return Conditioning.timbre_only(ge, dim)
        return Conditioning(ge, self._codes(prompt, encoder), prompt.phones, bert_for(prompt.phones, prompt.bert, dim))

    def generate_tokens(
        self,
        target_phones: Tokens,
        target_bert: Floats | None,
        conditioning: Conditioning,
        sampling: Sampling | None = None,
        race: Race | None = None,
    ) -> Tokens:
        """Semantic tokens ``(T,)`` of one sentence."""
        dim = self.stage1.config.bert_dim
        phones = torch.from_numpy(np.concatenate((conditioning.phones, target_phones)))[None]
        bert = None
        if dim:
            columns = np.concatenate((conditioning.bert, bert_for(target_phones, target_bert, dim)), 1)
            bert = torch.from_numpy(columns)[None]
        chosen = sampling or Sampling()
        (found,) = infer(self.stage1, phones, bert, torch.from_numpy(conditioning.codes)[None], chosen, race=race)
        return found.semantic(chosen.drop_first_on_early_stop)

    @torch.inference_mode()
    def decode(
        self,
        codes: Tokens,
        target_phones: Tokens,
        ge: Floats,
        noise_scale: float,
        noise: Floats,
        speed: float = 1.0,
    ) -> Floats:
        """Wave ``(L,)`` with given unit-normal ``noise (1, C, frames)``."""
        wave: Floats = self.stage2.decode(
            torch.from_numpy(codes)[None, None], torch.from_numpy(target_phones)[None], torch.from_numpy(ge),
            noise_scale, speed, torch.from_numpy(noise),
        )[0, 0].numpy()  # fmt: skip
        return wave

    def _codes(self, prompt: Prompt, encoder: ContentNetwork | None) -> Tokens:
        if prompt.codes is not None:
            return prompt.codes
        features = None if prompt.features is None else torch.from_numpy(prompt.features)
        if features is None and encoder is not None:
            wave = resampled(prompt.wave, self.stage2.config.spectrogram.sampling_rate, CONTENT_RATE)
            padded = np.concatenate((wave, np.zeros(PROMPT_SILENCE, np.float32)))
            features = content_features(encoder, torch.from_numpy(padded)[None])
        if features is None:
            raise MissingInput("The prompt has words but neither features nor codes: give a content encoder.")
        return np.asarray(self.stage2.extract_latent(features)[0, 0].numpy(), np.int64)
