"""The five graphs of a voice as torch modules, cut so that everything that changes less often runs less often."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.arch.s1 import Text2Semantic, TransformerLayer
from gptsovits.arch.s2 import Synthesizer
from gptsovits.arch.text_encoder import stretched


class Quantise(nn.Module):
    """Content features ``(1, C, T)`` at 50 Hz -> tokens ``(1, T // 2)``."""

    def __init__(self, network: Synthesizer) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """Once per prompt."""
        return self.network.extract_latent(features)[:, 0]


class Style(nn.Module):
    """Reference spectrogram ``(1, bins, T)`` -> timbre ``(1, G, 1)``."""

    def __init__(self, network: Synthesizer) -> None:
        super().__init__()
        self.network = network

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Once per reference."""
        return self.network.timbre(spectrogram)


class SpeakerStyle(Style):
    """As :class:`Style`, with the speaker embedding ``(1, sv_dim)`` of the Pro versions."""

    def forward(self, spectrogram: Tensor, sv_emb: Tensor) -> Tensor:  # type: ignore[override]
        """Once per reference."""
        return self.network.timbre(spectrogram, None, sv_emb)


class Prefill(nn.Module):
    """Phones ``(B, N)`` left-padded by ``padding (B,)`` and prompt tokens ``(B, P)``, P may be 0.

    -> logits ``(B, V)`` of the first token, keys and values ``(layers, B, H, N + P, d)``.
    """

    def __init__(self, network: Text2Semantic) -> None:
        super().__init__()
        self.network = network

    def forward(self, phones: Tensor, prompt: Tensor, padding: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Once per sentence."""
        return self._run(phones, None, prompt, padding)

    def _run(
        self, phones: Tensor, bert: Tensor | None, prompt: Tensor, padding: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        logits, kept = self.network(phones, bert, prompt, padding)
        return logits[:, -1], torch.stack([key for key, _ in kept]), torch.stack([value for _, value in kept])


class BertPrefill(Prefill):
    """As :class:`Prefill`, with BERT features ``(B, bert_dim, N)``."""

    def forward(  # type: ignore[override]
        self, phones: Tensor, bert: Tensor, prompt: Tensor, padding: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Once per sentence."""
        return self._run(phones, bert, prompt, padding)


class Step(nn.Module):
    """One token ``(B,)`` per row at its audio ``position (B,)``, with a cache of fixed capacity C that the caller owns.

    ``cache`` holds keys and values per layer, ``(B, H, C, d)`` each, of which the first ``length (1,)`` are valid and
    the first ``padding (B,)`` hidden. Only the new keys and values ``(layers, B, H, 1, d)`` are returned: the
    caller writes them at ``length``, so that no step copies the cache. Rows end at the same slot, but need not have
    begun together: what a row lacks in the front is its padding, and its position is its own.
    """

    def __init__(self, network: Text2Semantic) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, token: Tensor, position: Tensor, length: Tensor, padding: Tensor, *cache: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Once per token; ``cache`` is all keys, then all values."""
        layers = self.network.model.h.layers
        x = self.network.model.embed_audio(token[:, None], position[:, None])
        slots = torch.arange(cache[0].shape[2], device=token.device)
        hidden = (slots >= length) | (slots < padding[:, None])
        blocked = torch.where(hidden, -math.inf, 0.0).to(x.dtype)[:, None, None, :]
        new_keys, new_values = [], []
        for index, layer in enumerate(layers):
            assert isinstance(layer, TransformerLayer)
            x, key, value = _cached_layer(layer, x, cache[index], cache[len(layers) + index], blocked)
            new_keys.append(key)
            new_values.append(value)
        logits = self.network.model.ar_predict_layer(x[:, -1])
        return logits, torch.stack(new_keys), torch.stack(new_values)


def _cached_layer(
    layer: TransformerLayer, x: Tensor, keys: Tensor, values: Tensor, blocked: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Attention over cache and new token apart, so that the two are never concatenated.

    One position needs no transposition, and shapes that name no extent of the input leave no arithmetic in the graph.
    """
    attention = layer.self_attn
    width = attention.out_proj.in_features // attention.heads
    stacked = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)
    parts = torch.split(stacked, attention.heads * width, -1)
    query, key, value = (part.reshape(-1, attention.heads, 1, width) for part in parts)
    query = query * (width**-0.5)
    past = query @ keys.transpose(-1, -2) + blocked
    own = query @ key.transpose(-1, -2)
    weights = F.softmax(torch.cat((past, own), -1), -1)
    heads = weights[..., :-1] @ values + weights[..., -1:] * value
    attended: Tensor = attention.out_proj(heads.reshape(-1, 1, attention.heads * width))
    return layer.feed_forward(x, attended), key, value


class Decode(nn.Module):
    """Tokens ``(1, T)``, phones ``(1, N)``, timbre ``(1, G, 1)`` -> wave ``(1, 1, F * hop)``.

    ``noise (1, C, F)`` is unit normal, and its length sets the number of frames. ``timeline (2,)`` says which: frame i
    lies at ``(timeline[0] + i) * timeline[1]`` of the 2T latent frames. Whole: 0 and 2T / F; from the middle: the
    first frame and the speed. ``noise_scale (1,)``.
    """

    def __init__(self, network: Synthesizer) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, codes: Tensor, phones: Tensor, ge: Tensor, noise: Tensor, noise_scale: Tensor, timeline: Tensor
    ) -> Tensor:
        """Once per sentence or chunk."""
        network = self.network
        content = network.content(codes.unsqueeze(0))
        latent = network.enc_p.content_latent(content, None, phones, None, network.text_timbre(ge))
        prior = network.enc_p.prior(stretched(latent, noise.shape[2], timeline[1], timeline[0]), None)
        return network.render(prior, ge, noise, noise_scale)
