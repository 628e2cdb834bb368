"""A private folder for one job: inputs laid out for the sandbox, and room for what comes back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.common.objects import Area, ObjectStore


@dataclass(frozen=True)
class Workplace:
    """`inputs` is what the sandbox may read; `spool` is only ours."""

    inputs: Path
    spool: Path

    def lay(self, objects: ObjectStore, area: Area, digest: str, name: str) -> Path:
        """Copies an object to `inputs/name`, readable for the sandbox's user; KeyError if there is no such object."""
        target = self.inputs / name
        for folder in reversed([p for p in target.parents if p.is_relative_to(self.inputs)]):
            folder.mkdir(mode=0o755, exist_ok=True)
        with objects.open(area, digest) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        target.chmod(0o644)
        return target


@contextmanager
def workplace() -> Iterator[Workplace]:
    """Makes the folder and removes it afterwards."""
    with tempfile.TemporaryDirectory(prefix="voicehub-scan-", ignore_cleanup_errors=True) as root:
        place = Workplace(Path(root) / "inputs", Path(root) / "spool")
        place.inputs.mkdir()
        place.inputs.chmod(0o755)
        place.spool.mkdir()
        yield place
