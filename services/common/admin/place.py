"""Which hub the operator means."""

from __future__ import annotations

import os
from pathlib import Path

from services.common.settings import Settings, load


def settings_at(service: str, data: Path | None) -> Settings:
    """The settings of a service; `data` wins over `VOICEHUB_DATA`."""
    return load(service, {**os.environ, "VOICEHUB_DATA": str(data)} if data else None)
