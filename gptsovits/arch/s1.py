"""Stage 1: an autoregressive transformer from phones and prompt tokens to 25 Hz semantic tokens.

State-dict keys are those of the published checkpoints (prefix ``model.``). Sequences are time-major: ``(B, T, C)``.
Text positions see the whole text; audio positions see the text and the audio up to themselves.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.config import S1Config

KeysValues = tuple[Tensor, Tensor]
"""Keys and values of one layer, each ``(B, H, S, d)``."""


class TokenEmbedding(nn.Module):
    """A table of vectors with dropout; ids ``(B, T)`` -> ``(B, T, C)``."""

    def __init__(self, vocabulary: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor) -> Tensor:
        """Looks up the vectors of ``ids``."""
        result: Tensor = self.dropout(self.word_embeddings(ids))
        return result


class SinePosition(nn.Module):
    """Adds ``alpha`` times a sine table, computed on the fly so that no length limits it."""

    frequencies: Tensor
    even: Tensor

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1))
        self.dropout = nn.Dropout(dropout)
        steps = torch.arange(0, dim, 2, dtype=torch.float32)
        frequencies = torch.exp(steps * -(math.log(10000.0) / dim)).repeat_interleave(2)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.register_buffer("even", torch.arange(dim) % 2 == 0, persistent=False)

    def table(self, positions: Tensor) -> Tensor:
        """Sines at even and cosines at odd channels; positions ``(..., T)`` -> ``(..., T, C)``."""
        angles = positions.to(self.frequencies.dtype).unsqueeze(-1) * self.frequencies
        return torch.where(self.even, angles.sin(), angles.cos())

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Adds the table at ``positions (T,)`` or ``(B, T)`` to ``x (B, T, C)``."""
        result: Tensor = self.dropout(x + self.alpha * self.table(positions))
        return result


class SelfAttention(nn.Module):
    """Multi-head attention with one stacked projection for queries, keys and values."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of ``x (B, T, C)``, each ``(B, H, T, d)``."""
        batch, length, dim = x.shape
        stacked = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        split = stacked.view(batch, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        return split[0], split[1], split[2]

    def merge(self, heads: Tensor) -> Tensor:
        """Output projection of ``(B, H, T, d)`` -> ``(B, T, C)``."""
        result: Tensor = self.out_proj(heads.transpose(1, 2).flatten(2))
        return result

    def forward(self, x: Tensor, visible: Tensor | None, past: KeysValues | None) -> tuple[Tensor, KeysValues]:
        """Attends from ``x`` to ``past`` and ``x``; ``visible`` is a boolean mask that broadcasts to (B, H, T, S)."""
        query, key, value = self.project(x)
        if past is not None:
            key, value = torch.cat((past[0], key), 2), torch.cat((past[1], value), 2)
        rate = self.dropout if self.training else 0.0
        heads = F.scaled_dot_product_attention(query, key, value, attn_mask=visible, dropout_p=rate)
        return self.merge(heads), (key, value)


class TransformerLayer(nn.Module):
    """Post-norm layer: ``x = LN1(x + attention(x))``, ``x = LN2(x + W2 relu(W1 x))``; the inner width is ``4 dim``."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = SelfAttention(dim, heads, dropout)
        self.linear1 = nn.Linear(dim, 4 * dim)
        self.linear2 = nn.Linear(4 * dim, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def feed_forward(self, x: Tensor, attended: Tensor) -> Tensor:
        """Both residual additions and the inner network."""
        x = self.norm1(x + self.dropout(attended))
        inner = self.linear2(self.dropout(F.relu(self.linear1(x))))
        result: Tensor = self.norm2(x + self.dropout(inner))
        return result

    def forward(self, x: Tensor, visible: Tensor | None, past: KeysValues | None) -> tuple[Tensor, KeysValues]:
        """Runs the layer on ``x (B, T, C)``; see :meth:`SelfAttention.forward`."""
        attended, kept = self.self_attn(x, visible, past)
        return self.feed_forward(x, attended), kept


class TransformerStack(nn.Module):
    """The layers in order; there is no norm after the last."""

    def __init__(self, config: S1Config) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerLayer(config.hidden_dim, config.head, config.layer_dropout) for _ in range(config.n_layer)
        )

    def forward(
        self, x: Tensor, visible: Tensor | None = None, past: list[KeysValues] | None = None
    ) -> tuple[Tensor, list[KeysValues]]:
        """Hidden states ``(B, T, C)`` and the keys and values of every layer."""
        kept = []
        for index, layer in enumerate(self.layers):
            x, layer_kept = layer(x, visible, past[index] if past is not None else None)
            kept.append(layer_kept)
        return x, kept


class SemanticDecoder(nn.Module):
    """The network behind the key prefix ``model.``."""

    def __init__(self, config: S1Config) -> None:
        super().__init__()
        dim = config.embedding_dim
        self.config = config
        if config.bert_dim:
            self.bert_proj = nn.Linear(config.bert_dim, dim)
        self.ar_text_embedding = TokenEmbedding(config.phoneme_vocab_size, dim, config.dropout)
        self.ar_text_position = SinePosition(dim, config.layer_dropout)
        self.ar_audio_embedding = TokenEmbedding(config.vocab_size, dim, config.dropout)
        self.ar_audio_position = SinePosition(dim, config.layer_dropout)
        self.h = TransformerStack(config)
        self.ar_predict_layer = nn.Linear(config.hidden_dim, config.vocab_size, bias=False)

    def embed_text(self, phones: Tensor, bert: Tensor | None, padding: Tensor | None = None) -> Tensor:
        """Phones ``(B, N)`` and BERT features ``(B, bert_dim, N)`` -> ``(B, N, C)``.

        ``padding (B,)`` counts invalid positions on the left: they become zero vectors, and the first real phone
        keeps position 0.
        """
        x = self.ar_text_embedding(phones)
        if bert is not None and self.config.bert_dim:
            x = x + self.bert_proj(bert.transpose(1, 2))
        positions = torch.arange(phones.shape[1], device=phones.device)
        if padding is None:
            unpadded: Tensor = self.ar_text_position(x, positions)
            return unpadded
        shifted = positions - padding[:, None]
        placed: Tensor = self.ar_text_position(x, shifted.clamp_min(0))
        return placed * (shifted >= 0).unsqueeze(-1)

    def embed_audio(self, tokens: Tensor, start: int | Tensor = 0) -> Tensor:
        """Tokens ``(B, M)``, the first at audio position ``start`` -> ``(B, M, C)``."""
        positions = torch.arange(tokens.shape[1], device=tokens.device) + start
        result: Tensor = self.ar_audio_position(self.ar_audio_embedding(tokens), positions)
        return result


def visibility(phones: Tensor, tokens: Tensor, padding: Tensor | None, token_lengths: Tensor | None = None) -> Tensor:
    """Boolean attention mask ``(B or 1, 1, N + M, N + M)`` for phones ``(B, N)`` followed by tokens ``(B, M)``.

    ``padding (B,)`` hides that many text positions on the left from every query, ``token_lengths (B,)`` the tokens
    on the right that only fill the batch.
    """
    text_length = phones.shape[1]
    position = torch.arange(text_length + tokens.shape[1], device=phones.device)
    is_text = position < text_length
    causal = position[None, :] <= position[:, None]
    visible = (is_text[None, :] | causal)[None, None]
    if padding is not None:
        visible = visible & (position >= padding[:, None])[:, None, None, :]
    if token_lengths is not None:
        visible = visible & (position < text_length + token_lengths[:, None])[:, None, None, :]
    return visible


class Text2Semantic(nn.Module):
    """Stage 1 as a whole: ``Text2Semantic(S1Config())`` has the 295 tensors of a published checkpoint."""

    def __init__(self, config: S1Config) -> None:
        super().__init__()
        self.config = config
        self.model = SemanticDecoder(config)

    def forward(
        self,
        phones: Tensor,
        bert: Tensor | None,
        tokens: Tensor,
        padding: Tensor | None = None,
        token_lengths: Tensor | None = None,
    ) -> tuple[Tensor, list[KeysValues]]:
        """Logits of all next tokens for teacher-forced input.

        ``phones (B, N)``, ``bert (B, bert_dim, N)`` or None, ``tokens (B, M)`` (M may be 0), ``padding (B,)``
        left-padded text positions, ``token_lengths (B,)`` where the tokens are padded on the right. Returns logits
        ``(B, M + 1, V)``, the first predicted by the last text position, and the keys and values per layer.
        """
        text = self.model.embed_text(phones, bert, padding)
        sequence = torch.cat((text, self.model.embed_audio(tokens)), 1)
        hidden, kept = self.model.h(sequence, visibility(phones, tokens, padding, token_lengths))
        return self.model.ar_predict_layer(hidden[:, phones.shape[1] - 1 :]), kept

    def step(
        self, token: Tensor, position: int, past: list[KeysValues], padding: Tensor | None = None
    ) -> tuple[Tensor, list[KeysValues]]:
        """One more token ``(B,)`` at audio ``position`` after ``past``: logits ``(B, V)`` and the longer cache."""
        x = self.model.embed_audio(token[:, None], position)
        visible = None
        if padding is not None:
            key_position = torch.arange(past[0][0].shape[2] + 1, device=token.device)
            visible = (key_position >= padding[:, None])[:, None, None, :]
        hidden, kept = self.model.h(x, visible, past)
        return self.model.ar_predict_layer(hidden[:, -1]), kept
