"""How the C library keeps the memory of a process with many threads."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
ARENAS = 1
LARGEST_KEPT = 32 << 20
"""Bytes of a block that comes from the heaps; glibc takes no larger number."""
MOST_KEPT = 256 << 20
"""Bytes of unused memory at the end of a heap above which it goes back to the system."""


def share_arenas() -> bool:
    """Lets all threads share `ARENAS` heaps; call it before there are threads. False where this is not glibc.

    Otherwise glibc makes eight a core, and what one request frees in one thread is not there for the next in another:
    a service whose every request needs megabytes for a moment grew by 80 MB in a few hundred of them. It is the first
    heap alone that grows without a seam; others are made of parts of 64 MB, which go back one by one (`keep_freed`).
    """
    return _set(_M_ARENA_MAX, ARENAS)


def keep_freed() -> bool:
    """Keeps what is freed for the next request, up to `MOST_KEPT` bytes; False where this is not glibc.

    Otherwise glibc gives it back to the system and asks for it again: for a service whose every request needs megabytes
    for a moment, each page of them is a fault and a page of zeros that the system writes, again and again.
    """
    return _set(_M_MMAP_THRESHOLD, LARGEST_KEPT) and _set(_M_TRIM_THRESHOLD, MOST_KEPT)


def _set(parameter: int, value: int) -> bool:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(parameter, value))
