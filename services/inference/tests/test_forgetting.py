"""An account is erased: its batches end, and go when what was under way has ended; those of others stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.common.errors import Unavailable
from services.common.events import make_event
from services.inference.batches import forgetting, store
from services.inference.batches.shards import UnderWay
from services.inference.tests.batching import Batching, batching
from services.inference.tests.speaking import export_nano
from services.inference.tests.test_batches import LINES, create
from services.stubs.voicehub.gateway.v1.gateway_pb2 import AccountErased
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Batching]:
    with batching(export_nano(tmp_path / "bundle"), tmp_path / "hub") as running:
        yield running


def erased(hub: Batching, account: str) -> None:
    """The event, handled once as the subscription does."""
    fact = AccountErased(account=account, pseudonym="~removed-0123")
    (handler,) = forgetting.subscription(hub.database, UnderWay()).handlers.values()
    effect = handler(make_event("community", account, fact, "gateway"))
    assert effect is not None
    with hub.database.write() as session:
        effect(session)


def test_batches_of_an_erased_account_end_and_go(hub: Batching) -> None:
    ann, bob = (create(hub, hub.plan(*LINES[:1]), account).id for account in ("ann", "bob"))
    with pytest.raises(Unavailable):  # nobody has made its zip: the event comes again
        erased(hub, "ann")
    asked = hub.as_account("ann").GetBatch(pb.GetBatchRequest(id=ann))
    assert asked.batch.state == pb.BATCH_STATE_CANCELLED
    hub.subscriber.start()
    hub.ended(hub.as_account("ann"), ann)
    for _ in range(2):
        erased(hub, "ann")
    hub.forgotten(ann)
    assert hub.ended(hub.as_account("bob"), bob).state == pb.BATCH_STATE_FINISHED
    with hub.database.read() as session:
        assert store.of_account(session, "ann") == []
