"""Bounds that every honest file stays far below. Sizes in bytes."""

from __future__ import annotations

from typing import Final

MAX_FILE: Final = 8 << 30
MAX_PICKLE: Final = 16 << 20
MAX_OPCODES: Final = 250_000
MAX_CONTAINERS: Final = 50_000
MAX_LONG_BYTES: Final = 256
MAX_ENTRIES: Final = 20_000
MAX_NAME: Final = 512
MAX_TENSORS: Final = 2_500
MAX_DIMENSIONS: Final = 8
MAX_CONFIG_VALUES: Final = 10_000
MAX_CONFIG_DEPTH: Final = 12
MAX_CONFIG_TEXT: Final = 4_096
MAX_SAFETENSORS_HEADER: Final = 2 << 20
MAX_DOCUMENT: Final = 512 << 10
MAX_DOCUMENT_DEPTH: Final = 64
MAX_NESTING: Final = 4
UNFOLDING_FLOOR: Final = 8 << 20
MAX_UNFOLDING: Final = 3
MAX_RATIO: Final = 200
MAX_ABSOLUTE_WEIGHT: Final = 1e6
