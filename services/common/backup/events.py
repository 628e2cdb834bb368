"""Events that were on their way at the moment of a cut, as lines of JSON."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from services.common.events import Event


def write(path: Path, events: Iterable[Event]) -> int:
    """Writes them in their order; answers how many."""
    count = 0
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for event in events:
            said = {**vars(event), "time": event.time.isoformat(), "data": base64.b64encode(event.data).decode()}
            file.write(json.dumps(said, ensure_ascii=False) + "\n")
            count += 1
    return count


def read(path: Path) -> Iterator[Event]:
    """The events of such a file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            said = json.loads(line)
            data, time = base64.b64decode(said.pop("data")), datetime.fromisoformat(said.pop("time"))
            yield Event(**said, time=time, data=data)
