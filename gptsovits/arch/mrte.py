"""Meeting of content, text and timbre: content attends to phones, and the timbre vector is added."""

from __future__ import annotations

from torch import Tensor, nn

from gptsovits.arch.attention import Attention
from gptsovits.arch.masking import masked, pair_mask


class Mrte(nn.Module):
    """Content ``(B, C, T)``, phones ``(B, C, N)`` and timbre ``(B, hidden, 1)`` -> ``(B, C, T)``."""

    def __init__(self, channels: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.cross_attention = Attention(hidden, heads)
        self.c_pre = nn.Conv1d(channels, hidden, 1)
        self.text_pre = nn.Conv1d(channels, hidden, 1)
        self.c_post = nn.Conv1d(hidden, channels, 1)

    def forward(
        self, content: Tensor, content_mask: Tensor | None, text: Tensor, text_mask: Tensor | None, timbre: Tensor
    ) -> Tensor:
        """The result is not masked: the next encoder does it."""
        content = self.c_pre(masked(content, content_mask))
        text = self.text_pre(masked(text, text_mask))
        visible = pair_mask(content_mask, text_mask)
        attended = self.cross_attention(masked(content, content_mask), masked(text, text_mask), visible)
        result: Tensor = self.c_post(masked(attended + content + timbre, content_mask))
        return result
