"""Credits of the catalog as a process: over gRPC, by events, for whom they are."""

from __future__ import annotations

import grpc
import pytest

from services.catalog.tests.conftest import Hub
from services.common.errors import Forbidden, Unauthenticated, Unprocessable, VoiceHubError, from_rpc
from services.common.events import make_event
from services.common.identity import Identity, Signer
from services.common.rpc import make_channel
from services.stubs.voicehub.catalog.v1 import catalog_pb2
from services.stubs.voicehub.catalog.v1 import credits_pb2 as pb
from services.stubs.voicehub.catalog.v1.credits_pb2_grpc import CreditServiceStub
from services.stubs.voicehub.common.v1.charges_pb2 import ReservationClosed

START = 10_000


def credit_stub(hub: Hub, account: str = "", service: str = "gateway") -> CreditServiceStub:
    signer = Signer(hub.data / "keys", service)
    token = (lambda: signer.sign(Identity(account))) if account or service == "gateway" else signer.own
    channel = make_channel(hub.address, token)
    hub.channels.append(channel)
    return CreditServiceStub(channel)


def balance(stub: CreditServiceStub) -> tuple[int, int]:
    found = stub.GetCredits(pb.GetCreditsRequest()).credits
    return found.balance, found.reserved


def refused(call: object, request: object) -> VoiceHubError:
    with pytest.raises(grpc.RpcError) as caught:
        call(request)  # type: ignore[operator]
    return from_rpc(caught.value)


def test_a_gift_moves_once_and_is_on_both_statements(hub: Hub) -> None:
    gina, hugo = credit_stub(hub, "gina"), credit_stub(hub, "hugo")
    gift = pb.GiveCreditsRequest(to="hugo", amount=30, note="thanks", idempotency_key="k")
    assert gina.GiveCredits(gift).credits.balance == START - 30
    assert gina.GiveCredits(gift).credits.balance == START - 30
    assert balance(hugo) == (START + 30, 0)
    lines = hugo.ListCreditEntries(pb.ListCreditEntriesRequest()).entries
    assert [(line.kind, line.amount, line.balance) for line in lines] == [
        ("gift", 30, START + 30), ("start", START, START),
    ]  # fmt: skip
    assert lines[0].note == "thanks"
    too_much = pb.GiveCreditsRequest(to="hugo", amount=START)
    assert refused(gina.GiveCredits, too_much).reason == "TOO_FEW_CREDITS"
    assert isinstance(refused(gina.GiveCredits, pb.GiveCreditsRequest(to="gina", amount=1)), Unprocessable)
    assert isinstance(refused(gina.GiveCredits, pb.GiveCreditsRequest(to="hugo", amount=-1)), Unprocessable)


def test_visitors_have_no_credits_and_people_reserve_nothing(hub: Hub) -> None:
    assert isinstance(refused(credit_stub(hub).GetCredits, pb.GetCreditsRequest()), Unauthenticated)
    request = pb.ReserveCreditsRequest(reservation="r", account="gina", purpose="training", units=1)
    assert isinstance(refused(credit_stub(hub, "gina").ReserveCredits, request), Forbidden)
    assert isinstance(refused(credit_stub(hub, service="scanner").ReserveCredits, request), Forbidden)


def test_work_is_paid_when_it_has_ended_and_given_back_when_it_failed(hub: Hub) -> None:
    trainer, ira = credit_stub(hub, service="trainer"), credit_stub(hub, "ira")
    for number, (units, left) in enumerate([(1, START - 100), (0, START - 100)]):
        request = pb.ReserveCreditsRequest(reservation=f"job-{number}", account="ira", purpose="training", units=1)
        assert [trainer.ReserveCredits(request).amount for _ in range(2)] == [100, 100]
        assert balance(ira)[1] == 100
        closed = ReservationClosed(reservation=f"job-{number}", units=units)
        hub.bus.publish([make_event("training", f"job-{number}", closed, "trainer") for _ in range(2)])
        hub.eventually(lambda: balance(ira), lambda found: found[1] == 0)
        assert balance(ira) == (left, 0)


def test_a_published_voice_and_its_first_download_earn(hub: Hub) -> None:
    jo, stub = credit_stub(hub, "jo"), hub.stub("jo")
    before = balance(jo)[0]
    version = stub.CreateVersion(hub.push_request("jo", "earner")).version
    hub.walk(version.id)
    shown = hub.until(stub, "jo", "earner", version.id, catalog_pb2.VERSION_STATE_PUBLISHED)
    hub.eventually(lambda: balance(jo), lambda found: found[0] == before + 20)
    wanted = catalog_pb2.ResolveDownloadRequest(
        owner="jo", name="earner", version=version.id, digest=shown.tensors[0].digest
    )
    for who in ("jo", "kim", "kim", ""):
        hub.stub(who).ResolveDownload(wanted)
    assert balance(jo)[0] == before + 30
