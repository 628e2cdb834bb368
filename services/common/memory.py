"""How the C library keeps the memory of a process with many threads."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
ARENAS = 2


def share_arenas() -> bool:
    """Lets all threads share `ARENAS` heaps; call it before there are threads. False where this is not glibc.

    Otherwise glibc makes eight a core, and what one request frees in one thread is not there for the next in another:
    a service whose every request needs megabytes for a moment grew by 80 MB in a few hundred of them.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_ARENA_MAX, ARENAS))
