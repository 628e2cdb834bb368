"""Lossless deltas of tensors: a changed tensor as the difference from the one it grew from. numpy and zstd only.

How it works: training moves a matrix mostly along few directions, so a product of two thin matrices of small whole
numbers says where most values went. Floats become integers of the same order, and their difference from that prediction
is folded to a small non-negative number (zigzag). The exponent of the *old* value says how large a difference to
expect, so values are grouped by it, and each group is coded by itself: the upper eight bits by zstd's entropy coder,
what lies below them as it is.
"""

from gptsovits.formats.delta.coarse import coarse
from gptsovits.formats.delta.decoder import decode
from gptsovits.formats.delta.encoder import as_bytes, encode, worth
from gptsovits.formats.delta.layout import DeltaError, Header, read_header
from gptsovits.formats.delta.words import supports

__all__ = ["DeltaError", "Header", "as_bytes", "coarse", "decode", "encode", "read_header", "supports", "worth"]
