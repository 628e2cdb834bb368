"""Who is told what: of pull requests who takes part, of offers and roles whom they concern."""

from __future__ import annotations

from services.catalog.collaboration.tests.steps import fork, grant, pulls_of, pushed, told
from services.catalog.tests.conftest import Hub
from services.stubs.voicehub.catalog.v1 import access_pb2, access_pb2_grpc, pulls_pb2
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

PULLS = ("pull-comment", "pull-review", "pull-closed")
TRANSFERS = ("transfer-offered", "transfer-accepted", "transfer-declined")


def access(hub: Hub, account: str) -> access_pb2_grpc.AccessServiceStub:
    return access_pb2_grpc.AccessServiceStub(hub.channel(account))


def offered(hub: Hub, owner: str, name: str, new_owner: str) -> str:
    request = access_pb2.OfferTransferRequest(owner=owner, name=name, new_owner=new_owner)
    return str(access(hub, owner).OfferTransfer(request).transfer.id)


def answer(hub: Hub, account: str, offer: str, *, accepted: bool) -> None:
    access(hub, account).AnswerTransfer(access_pb2.AnswerTransferRequest(id=offer, accepted=accepted))


def test_who_takes_part_in_a_pull_request_hears_of_words_reviews_and_its_end(hub: Hub) -> None:
    pushed(hub, "ann", "discussed")
    fork(hub, "bob", "ann", "discussed")
    head = pushed(hub, "bob", "discussed")
    where = pulls_pb2.GetPullRequest(owner="ann", name="discussed", number=1)
    asked = pulls_pb2.OpenPullRequest(owner="ann", name="discussed", head_owner="bob", title="Warmer")
    pulls_of(hub, "bob").OpenPull(asked)
    remark = pulls_pb2.CreateRemarkRequest(owner=where.owner, name=where.name, number=1, text="It lisps.")
    pulls_of(hub, "cyd").CreateRemark(remark)
    changes = pulls_pb2.REVIEW_VERDICT_REQUEST_CHANGES
    review = pulls_pb2.ReviewPullRequest(
        owner=where.owner, name=where.name, number=1, version=head, verdict=changes, text="Less hiss."
    )
    pulls_of(hub, "ann").ReviewPull(review)
    pulls_of(hub, "ann").ClosePull(pulls_pb2.ClosePullRequest(owner=where.owner, name=where.name, number=1))
    comment = ("pull-comment", "1", "It lisps.", "cyd")
    ends = [("pull-closed", "1", "Warmer", "ann"), ("pull-review", "1", "asks for changes: Less hiss.", "ann")]
    assert told(hub, "bob", "discussed", *PULLS) == [*ends, comment]
    assert told(hub, "cyd", "discussed", *PULLS) == ends, "who said something takes part"
    assert told(hub, "ann", "discussed", *PULLS) == [comment]
    assert not told(hub, "dan", "discussed", *PULLS)


def test_offers_and_answers_are_told_also_of_what_is_private(hub: Hub) -> None:
    pushed(hub, "ann", "passed-on", visibility_if_new=pb.VISIBILITY_PRIVATE)
    first = offered(hub, "ann", "passed-on", "bob")
    assert told(hub, "bob", "passed-on", *TRANSFERS) == [("transfer-offered", first, "is offered to you", "ann")]
    answer(hub, "bob", first, accepted=False)
    assert not told(hub, "bob", "passed-on", *TRANSFERS), "what is private is nobody's again whose offer is over"
    assert told(hub, "ann", "passed-on", *TRANSFERS) == [("transfer-declined", first, "was declined", "bob")]
    organisations = access_pb2_grpc.OrganisationServiceStub(hub.channel("cyd"))
    organisations.CreateOrganisation(access_pb2.CreateOrganisationRequest(name="madrigal"))
    second = offered(hub, "ann", "passed-on", "madrigal")
    assert len(told(hub, "cyd", "passed-on", *TRANSFERS)) == 1, "who leads an organisation answers for it"
    answer(hub, "cyd", second, accepted=True)
    assert told(hub, "ann", "passed-on", *TRANSFERS)[0] == ("transfer-accepted", second, "has a new owner", "cyd")


def test_who_leads_an_organisation_hears_of_its_voices(hub: Hub) -> None:
    organisations = access_pb2_grpc.OrganisationServiceStub(hub.channel("lea"))
    organisations.CreateOrganisation(access_pb2.CreateOrganisationRequest(name="consort"))
    pushed(hub, "consort", "led", account="lea")
    hub.stub("bob").CreateComment(pb.CreateCommentRequest(owner="consort", name="led", text="Lovely."))
    assert [text for _, _, text, _ in told(hub, "lea", "led", "comment")] == ["Lovely."]


def test_a_new_role_is_told_to_who_has_it_and_once(hub: Hub) -> None:
    pushed(hub, "ann", "shared-out", visibility_if_new=pb.VISIBILITY_PRIVATE)
    for role in ("read", "write", "write"):
        grant(hub, "ann", "shared-out", "bob", role)
    roles = [("role", role, f"your role is {role} now", "ann") for role in ("write", "read")]
    assert told(hub, "bob", "shared-out", "role") == roles
