"""Downloads and builds, kept outside the work tree by name and digest of what they were made from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp


def root() -> Path:
    """`$VOICEHUB_CACHE`, or a folder of the user's cache."""
    return Path(os.environ.get("VOICEHUB_CACHE") or Path.home() / ".cache" / "voicehub")


def made(name: str, recipe: bytes, make: Callable[[Path], None], place: str) -> Path:
    """The folder below `place` that `make` filled for this recipe; made once, whoever asks first.

    A second process waits for the first. What is half made when a process dies is thrown away by the next one, for a
    folder gets its name only when it is whole.
    """
    target = root() / place / f"{name}-{hashlib.sha256(recipe).hexdigest()[:16]}"
    if target.is_dir():
        return target
    with locked(target.with_name(f"{target.name}.lock")):
        if not target.is_dir():
            for rest in target.parent.glob(f".{target.name}.*"):
                shutil.rmtree(rest)
            fresh = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            make(fresh)
            fresh.chmod(0o755)
            fresh.rename(target)
    return target


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the file's lock; the kernel drops it with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def digest(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
