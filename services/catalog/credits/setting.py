"""Whether and how much this hub charges: `VOICEHUB_CREDITS` is `on` or `off`, `VOICEHUB_CREDITS_START` a number."""

from __future__ import annotations

import os
from collections.abc import Mapping

from services.catalog.credits.domain import Prices


def prices(environment: Mapping[str, str] | None = None) -> Prices:
    """The prices of this hub; ValueError names a variable that cannot be read."""
    env = os.environ if environment is None else environment
    charging, start = env.get("VOICEHUB_CREDITS", "on"), env.get("VOICEHUB_CREDITS_START", str(Prices.start))
    if charging not in ("on", "off"):
        raise ValueError(f"VOICEHUB_CREDITS is {charging!r}: use on or off")
    if not start.isdigit():
        raise ValueError(f"VOICEHUB_CREDITS_START is {start!r}: use a number of credits")
    return Prices(charging=charging == "on", start=int(start))
