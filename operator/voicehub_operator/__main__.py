"""`python -m voicehub_operator`."""

from __future__ import annotations

import asyncio
import logging

from pythonjsonlogger.json import JsonFormatter

from voicehub_operator.settings import load
from voicehub_operator.wiring import serve


def main() -> None:
    """Serves the namespace that VOICEHUB_OPERATOR_NAMESPACE names."""
    settings = load()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
