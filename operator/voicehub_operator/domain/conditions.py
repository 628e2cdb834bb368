"""Conditions of a training, as `kubectl wait` and other controllers read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voicehub_operator.domain.moments import text
from voicehub_operator.domain.training import Phase, Status

_HOLDS_GPUS = (Phase.STARTING, Phase.RUNNING, Phase.STOPPING)


def conditions(
    status: Status, generation: int, former: Sequence[Mapping[str, Any]], now: float
) -> list[dict[str, Any]]:
    """`Queued` (seen and accepted), `Admitted` (holds GPUs), `Running`, `Succeeded` (False only after it has failed).

    A condition keeps its transition time while its status stays the same.
    """
    phase, known = status.phase, {one["type"]: one for one in former}
    states = {
        "Queued": "True" if status.queued else "False",
        "Admitted": "True" if phase in _HOLDS_GPUS else "False",
        "Running": "True" if phase is Phase.RUNNING else "False",
        "Succeeded": {Phase.SUCCEEDED: "True", Phase.FAILED: "False", Phase.CANCELLED: "False"}.get(phase, "Unknown")
        if phase
        else "Unknown",
    }
    reason = status.reason or "Unknown"
    return [
        {
            "type": name,
            "status": state,
            "reason": "Seen" if name == "Queued" else reason,
            "message": "" if name == "Queued" else status.message,
            "observedGeneration": generation,
            "lastTransitionTime": known[name]["lastTransitionTime"]
            if name in known and known[name]["status"] == state
            else text(now),
        }
        for name, state in states.items()
    ]
