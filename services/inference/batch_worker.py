"""`python -m services.inference.batch_worker`: an inference that only speaks the shards of batches.

In a cluster there are as many of these as shards wait (BatchSynthesis, docs/operator.md); they share the tables, the
bus and the objects of the inference service, which then takes no shards itself (VOICEHUB_BATCH_WORKERS=elsewhere).
A worker that dies leaves its shard to another one, which speaks only what is not spoken yet.
"""

from __future__ import annotations

from pathlib import Path

from services.common import settings
from services.common.memory import keep_freed, share_arenas
from services.common.runtime import House, Parts, run
from services.inference.speaking import Speaking


def bootstrap(house: House) -> Parts:
    """The parts of a batch worker from the engines of the house: no surface but health."""
    speaking = Speaking.wire(house)
    return Parts(
        register=lambda _: None,
        names=[],
        subscriptions=[speaking.batches.shards.subscription()],
        start=speaking.start,
        stop=speaking.stop,
    )


if __name__ == "__main__":
    share_arenas()
    keep_freed()
    raise SystemExit(run(settings.load("inference"), Path(__file__).parent / "migrations", bootstrap))
