"""How a worker of a training says by its exit code what the end means (sysexits.h)."""

from __future__ import annotations

REFUSED = 65
"""EX_DATAERR: the recording can never become a voice; the operator of a cluster does not try again what ends so."""
TRY_AGAIN = 75
"""EX_TEMPFAIL."""
