"""The engines of a cluster that `make engines-up` runs on this machine, instead of the embedded ones."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from services.launcher.errors import CannotStart

CHOSEN = ("VOICEHUB_DATABASE_URL", "VOICEHUB_EVENTS_URL", "VOICEHUB_OBJECTS_URL")
"""What a hub on engines must have."""
ALSO = ("VOICEHUB_SEARCH_URL", "VOICEHUB_INFERENCE_URL")
"""What it takes if it is there: the index is a projection, so that a hub may search on either engine at any start, and
without Triton voices speak in the hub's own process."""


def default_file() -> Path:
    """Where `make engines-up` says what runs."""
    cache = os.environ.get("VOICEHUB_CACHE") or Path.home() / ".cache" / "voicehub"
    return Path(cache) / "engines" / "home" / "engines.json"


def read_engines(file: Path) -> Mapping[str, str]:
    """The settings of the services by their variables; CannotStart if nothing runs there, or not all of it."""
    try:
        environment = json.loads(file.read_text(encoding="utf-8"))["environment"]
    except FileNotFoundError:
        raise CannotStart(f"No engines run: there is no {file}.", hint="make engines-up") from None
    if missing := [name for name in CHOSEN if name not in environment]:
        raise CannotStart(f"Not all engines run: {', '.join(missing)}.", hint="make engines-down, then make engines-up")
    return {name: str(environment[name]) for name in (*CHOSEN, *ALSO) if name in environment}
