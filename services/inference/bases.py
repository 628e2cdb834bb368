"""The bases as the hub serves them: registered in folders, their files in the served area."""

from __future__ import annotations

import logging
from importlib.resources import files
from pathlib import Path

from services.common.objects import Area, ObjectStore
from services.common.objects.port import chunks_of
from services.inference.registry import DESCRIPTION, BaseRegistry, RegisteredBase

log = logging.getLogger(__name__)


class Bases:
    """Registry and object store together."""

    def __init__(self, registry: BaseRegistry, objects: ObjectStore) -> None:
        self._registry, self._objects = registry, objects
        self._stored: set[str] = set()

    def register_shipped(self) -> RegisteredBase | None:
        """Registers the base that comes with the program, if it comes with one."""
        shipped = Path(str(files("gptsovits"))) / "bases" / "nano"
        if not (shipped / DESCRIPTION).is_file():
            log.warning("no base is shipped with this installation", extra={"folder": str(shipped)})
            return None
        return self._registry.register(shipped)

    def served(self) -> list[RegisteredBase]:
        """All bases, with every file downloadable."""
        found = self._registry.all()
        for base in found:
            if base.digest not in self._stored:
                self._store(base)
                self._stored.add(base.digest)
        return found

    def _store(self, base: RegisteredBase) -> None:
        for file in base.files:
            try:
                self._objects.info(Area.SERVED, file.digest)
            except KeyError:
                with (base.folder / file.path).open("rb") as stream:
                    self._objects.put(Area.SERVED, chunks_of(stream))
