"""What synthesis on this machine needs and a light installation lacks; imported only when somebody speaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from voicehub.errors import Missing, NotAuditionable

INSTALL = "pip install 'voicehub[local]'"


@contextmanager
def engine() -> Iterator[None]:
    """Turns what the engine may say into errors of this package."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        from gptsovits.errors import VoiceError
        from gptsovits.text.sequence import TextError
    except ImportError as error:
        raise Missing(f"Speaking needs the package {error.name}.", hint=INSTALL) from error
    try:
        yield
    except ImportError as error:
        raise Missing(f"Speaking needs the package {error.name}.", hint=INSTALL) from error
    except (VoiceError, TextError) as error:
        raise NotAuditionable(str(error)) from error
