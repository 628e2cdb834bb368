"""The port of training: where queued jobs are worked on. VOICEHUB_TRAINING_URL chooses the adapter.

`process://` is a worker process of this machine; `kubernetes://namespace/queue` makes a TrainingJob of each job, and
the operator of the cluster gives it a pod with GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from services.common.database import Database
from services.common.objects import ObjectStore
from services.common.subscriptions import Subscription
from services.trainer.domain.jobs import Job

Publish = Callable[[Job, Path], str]


class Training(Protocol):
    """Takes queued jobs from the database to their ends, each step with its event.

    Attributes:
        tunes_versions: whether a job may begin at a version instead of a base.
    """

    tunes_versions: bool

    def start(self) -> None:
        """Begins to take jobs; what a crash interrupted goes on."""
        ...

    def stop(self) -> None:
        """Takes no more; what runs goes on after the next start."""
        ...

    def wake(self) -> None:
        """There is a queued job, or another reason to look."""
        ...

    def generation(self) -> int:
        """How many news there were so far."""
        ...

    def wait_for_news(self, seen: int, timeout: float) -> None:
        """Waits until there are news after `seen`, at most `timeout` seconds."""
        ...

    def cancel(self, job_id: str) -> None:
        """Ends the work on a job that is cancelled in the database; what it has trained so far is kept."""
        ...

    def forget(self, job_id: str) -> None:
        """Ends the work on a job that is cancelled in the database, if it is under way, and keeps nothing of it."""
        ...

    def subscriptions(self) -> Sequence[Subscription]:
        """What it must hear to know of its work."""
        ...


def open_training(
    url: str, database: Database, objects: ObjectStore, folder: Path, bases: Path, publish: Publish
) -> Training:
    """The adapter that the URL names; ValueError for another scheme or a missing part."""
    parts = urlsplit(url)
    if parts.scheme == "process":
        from services.trainer.runner import Runner

        return Runner(database, objects, folder, bases, publish)
    if parts.scheme == "kubernetes":
        from services.trainer.cluster import Cluster

        queue = parts.path.strip("/")
        if not parts.hostname or not queue:
            raise ValueError("VOICEHUB_TRAINING_URL names no queue; use kubernetes://namespace/queue")
        return Cluster(parts.hostname, queue, database, objects, publish)
    raise ValueError(f"VOICEHUB_TRAINING_URL: unknown scheme {parts.scheme!r}; use process:// or kubernetes://")
