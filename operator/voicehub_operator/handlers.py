"""What kopf is told: which resources are watched. Every handler only keeps the newest state and wakes who decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kopf

from voicehub_operator.batches import Batches
from voicehub_operator.domain.names import GROUP, KIND_LABEL, VERSION
from voicehub_operator.scans import Scans
from voicehub_operator.scheduler import Scheduler
from voicehub_operator.settings import Settings


class NoDiffs(kopf.DiffBaseStorage):
    """Kopf copies every object of every event to find out what has changed; here the rules do that."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Nothing to compare."""
        return {}

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        """Nothing is kept."""
        return None

    def store(self, **_: Any) -> None:
        """Nothing is written."""


def login(settings: kopf.OperatorSettings) -> kopf.ConnectionInfo:
    """The service account of the pod, else KUBECONFIG; LoginError if there is neither."""
    found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    if found is None:
        raise kopf.LoginError("There is no service account in this pod, and KUBECONFIG names no cluster.")
    return found


def configure(settings: Settings) -> kopf.OperatorSettings:
    """Kopf as it is used here: watches end by themselves before a silent line could make them deaf."""
    made = kopf.OperatorSettings()
    made.watching.server_timeout = settings.watch_seconds
    made.watching.client_timeout = settings.watch_seconds + 30.0
    made.watching.connect_timeout = 10.0
    made.watching.reconnect_backoff = 0.2
    made.networking.request_timeout = 30.0
    made.networking.connect_timeout = 10.0
    made.networking.error_backoffs = [0.2, 0.5, 1, 1, 2, 2, 3, 5, 8]
    made.queueing.idle_timeout = 1.0
    made.persistence.diffbase_storage = NoDiffs()
    made.posting.enabled = False
    made.scanning.disabled = True  # else it would need rights in the whole cluster
    made.peering.standalone = True  # the lease says who acts; peers of equal priority would freeze each other
    return made


def register(
    scheduler: Scheduler, scans: Scans, batches: Batches, made: kopf.OperatorSettings
) -> kopf.OperatorRegistry:
    """The handlers."""
    registry = kopf.OperatorRegistry()
    world = scheduler.world
    kopf.on.login(registry=registry)(lambda **_: login(made))

    def watch(see: Callable[..., None], wake: Callable[[], None], *place: str, **filters: Any) -> None:
        async def seen(event: Any, **_: Any) -> None:
            see(dict(event["object"]), gone=event["type"] == "DELETED")
            wake()

        kopf.on.event(*place, registry=registry, id=f"see-{place[-1]}-{see.__name__}", **filters)(seen)

    watch(world.training, scheduler.wake, GROUP, VERSION, "trainingjobs")
    watch(world.queue, scheduler.wake, GROUP, VERSION, "trainingqueues")
    watch(world.job, scheduler.wake, "batch", "v1", "jobs", labels={KIND_LABEL: "training"})
    watch(scans.see, scans.wake, GROUP, VERSION, "scanjobs")
    watch(scans.see_job, scans.wake, "batch", "v1", "jobs", labels={KIND_LABEL: "scan"})
    watch(batches.see, batches.wake, GROUP, VERSION, "batchsyntheses")
    return registry
