"""Renamed, handed on, archived, deleted; organisations keep somebody to lead them."""

from __future__ import annotations

from services.catalog.collaboration.tests.steps import pushed, ref, refs_of, refusal
from services.catalog.tests.conftest import Hub
from services.stubs.voicehub.catalog.v1 import access_pb2, access_pb2_grpc, refs_pb2
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb


def access(hub: Hub, account: str) -> access_pb2_grpc.AccessServiceStub:
    return access_pb2_grpc.AccessServiceStub(hub.channel(account))


def organisations(hub: Hub, account: str) -> access_pb2_grpc.OrganisationServiceStub:
    return access_pb2_grpc.OrganisationServiceStub(hub.channel(account))


def look(hub: Hub, account: str, owner: str, name: str) -> pb.Repository:
    return hub.stub(account).GetRepository(pb.GetRepositoryRequest(owner=owner, name=name)).repository


def test_an_old_name_leads_on_until_somebody_uses_it(hub: Hub) -> None:
    one = pushed(hub, "ann", "before")
    rename = access_pb2.RenameRepositoryRequest(owner="ann", name="before", new_name="after")
    assert access(hub, "ann").RenameRepository(rename).repository.name == "after"
    assert look(hub, "bob", "ann", "before").name == "after"
    assert list(hub.stub("ann").CreateVersion(hub.push_request("ann", "before", ref="x")).version.parents) == [one]
    hub.stub("ann").CreateRepository(pb.CreateRepositoryRequest(owner="ann", name="before"))
    assert (look(hub, "bob", "ann", "before").name, look(hub, "bob", "ann", "before").head) == ("before", "")
    taken = access_pb2.RenameRepositoryRequest(owner="ann", name="after", new_name="before")
    assert refusal(access(hub, "ann").RenameRepository, taken).reason == "NAME_TAKEN"


def test_an_old_name_of_a_private_voice_tells_nothing(hub: Hub) -> None:
    pushed(hub, "ann", "veiled", visibility_if_new=pb.VISIBILITY_PRIVATE)
    rename = access_pb2.RenameRepositoryRequest(owner="ann", name="veiled", new_name="veiled-anew")
    access(hub, "ann").RenameRepository(rename)
    for asked in ("veiled", "veiled-anew"):
        hidden = refusal(hub.stub("bob").GetRepository, pb.GetRepositoryRequest(owner="ann", name=asked))
        absent = refusal(hub.stub("bob").GetRepository, pb.GetRepositoryRequest(owner="ann", name="nothing"))
        assert hidden.message.replace(asked, "nothing") == absent.message
        assert (hidden.hint, hidden.reason) == (absent.hint, absent.reason)


def test_a_transfer_is_accepted_by_the_receiver(hub: Hub) -> None:
    pushed(hub, "ann", "given")
    offer = access_pb2.OfferTransferRequest(owner="ann", name="given", new_owner="bob")
    made = access(hub, "ann").OfferTransfer(offer).transfer
    assert look(hub, "bob", "ann", "given").owner == "ann"
    answer = access_pb2.AnswerTransferRequest(id=made.id, accepted=True)
    missing = refusal(access(hub, "cyd").AnswerTransfer, answer)
    assert (missing.http_status, missing.hint) == (404, "List them: voicehub repo offers.")
    assert [t.name for t in access(hub, "bob").ListTransfers(access_pb2.ListTransfersRequest()).transfers] == ["given"]
    own = access_pb2.ListTransfersRequest(made=True)
    assert [t.new_owner for t in access(hub, "ann").ListTransfers(own).transfers] == ["bob"]
    assert not access(hub, "bob").ListTransfers(own).transfers
    moved = access(hub, "bob").AnswerTransfer(answer).repository
    assert (moved.owner, moved.role) == ("bob", "admin")
    assert (look(hub, "ann", "ann", "given").owner, look(hub, "ann", "ann", "given").role) == ("bob", "write")
    assert refusal(access(hub, "bob").AnswerTransfer, answer).http_status == 404
    found = hub.stub("cyd").SearchVoices(pb.SearchVoicesRequest(query="owner:bob")).hits
    assert "given" in [hit.repository.name for hit in found]


def test_a_declined_offer_changes_nothing_and_an_organisation_takes_one(hub: Hub) -> None:
    pushed(hub, "ann", "offered")
    organisations(hub, "cyd").CreateOrganisation(access_pb2.CreateOrganisationRequest(name="guild"))
    offer = access_pb2.OfferTransferRequest(owner="ann", name="offered", new_owner="bob")
    first = access(hub, "ann").OfferTransfer(offer).transfer
    access(hub, "bob").AnswerTransfer(access_pb2.AnswerTransferRequest(id=first.id))
    assert look(hub, "bob", "ann", "offered").owner == "ann"
    offer.new_owner = "guild"
    second = access(hub, "ann").OfferTransfer(offer).transfer
    moved = access(hub, "cyd").AnswerTransfer(access_pb2.AnswerTransferRequest(id=second.id, accepted=True))
    assert moved.repository.owner == "guild"


def test_an_archive_is_read_only_until_it_is_opened(hub: Hub) -> None:
    one = pushed(hub, "ann", "kept")
    archive = access_pb2.ArchiveRepositoryRequest(owner="ann", name="kept", archived=True)
    assert access(hub, "ann").ArchiveRepository(archive).repository.archived
    note = pb.CreateCommentRequest(owner="ann", name="kept", text="late")
    tag = refs_pb2.SetRefRequest(owner="ann", name="kept", ref="v1", version=one, kind=refs_pb2.REF_KIND_TAG)
    for call, request in (
        (hub.stub("ann").CreateVersion, hub.push_request("ann", "kept")),
        (hub.stub("bob").CreateComment, note),
        (refs_of(hub, "ann").SetRef, tag),
    ):
        assert refusal(call, request).reason == "ARCHIVED"
    assert look(hub, "bob", "ann", "kept").head == one
    archive.archived = False
    access(hub, "ann").ArchiveRepository(archive)
    refs_of(hub, "ann").SetRef(tag)


def test_what_is_deleted_is_gone_and_its_name_is_free(hub: Hub) -> None:
    pushed(hub, "ann", "doomed")
    access(hub, "ann").RenameRepository(access_pb2.RenameRepositoryRequest(owner="ann", name="doomed", new_name="dust"))
    away = access_pb2.DeleteRepositoryRequest(owner="ann", name="doomed")
    assert refusal(access(hub, "bob").DeleteRepository, away).reason == "ROLE_MISSING"
    access(hub, "ann").DeleteRepository(away)
    for name in ("doomed", "dust"):
        assert (
            refusal(hub.stub("ann").GetRepository, pb.GetRepositoryRequest(owner="ann", name=name)).http_status == 404
        )
    assert refusal(access(hub, "ann").DeleteRepository, away).http_status == 404
    assert not hub.stub("ann").SearchVoices(pb.SearchVoicesRequest(query="dust")).total
    listed = hub.service_stub("inference").ListRepositories(pb.ListRepositoriesRequest(owner="ann")).repositories
    assert not [r.name for r in listed if r.name.startswith("~")]
    again = pushed(hub, "ann", "dust")
    assert ref(hub, "ann", "dust").version == again


def test_an_organisation_owns_and_keeps_an_admin(hub: Hub) -> None:
    organisations(hub, "ann").CreateOrganisation(access_pb2.CreateOrganisationRequest(name="choir"))
    taken = access_pb2.CreateOrganisationRequest(name="choir")
    assert refusal(organisations(hub, "bob").CreateOrganisation, taken).http_status == 409
    add = access_pb2.SetMemberRequest(organisation="choir", grant=access_pb2.Grant(account="bob", role="read"))
    assert refusal(organisations(hub, "bob").SetMember, add).http_status == 404
    organisations(hub, "ann").SetMember(add)
    pushed(hub, "choir", "anthem", account="ann", visibility_if_new=pb.VISIBILITY_PRIVATE)
    assert look(hub, "bob", "choir", "anthem").role == "read"
    mine = hub.stub("bob").ListRepositories(pb.ListRepositoriesRequest(owner="choir")).repositories
    assert [r.name for r in mine] == ["anthem"]
    assert refusal(hub.stub("bob").CreateVersion, hub.push_request("choir", "own")).http_status == 403
    leave = access_pb2.RemoveMemberRequest(organisation="choir", account="ann")
    assert refusal(organisations(hub, "ann").RemoveMember, leave).reason == "LAST_ADMIN"
    add.grant.role = "admin"
    organisations(hub, "ann").SetMember(add)
    organisations(hub, "ann").RemoveMember(leave)
    assert (
        refusal(hub.stub("ann").GetRepository, pb.GetRepositoryRequest(owner="choir", name="anthem")).http_status == 404
    )
    page = organisations(hub, "bob").ListOrganisations(access_pb2.ListOrganisationsRequest()).organisations
    assert [(o.name, o.role) for o in page] == [("choir", "admin")]


def test_an_organisation_that_owns_nothing_is_deleted_by_an_admin(hub: Hub) -> None:
    deleting = access_pb2.DeleteOrganisationRequest(name="band")
    organisations(hub, "ann").CreateOrganisation(access_pb2.CreateOrganisationRequest(name="band"))
    member = access_pb2.SetMemberRequest(organisation="band", grant=access_pb2.Grant(account="bob", role="maintain"))
    organisations(hub, "ann").SetMember(member)
    pushed(hub, "band", "hidden", account="ann", visibility_if_new=pb.VISIBILITY_PRIVATE)
    pushed(hub, "band", "song", account="ann")
    pushed(hub, "cyd", "extra")
    access(hub, "cyd").OfferTransfer(access_pb2.OfferTransferRequest(owner="cyd", name="extra", new_owner="band"))
    assert refusal(organisations(hub, "bob").DeleteOrganisation, deleting).reason == "ROLE_MISSING"
    assert refusal(organisations(hub, "cyd").DeleteOrganisation, deleting).reason == "ORGANISATION_NOT_FOUND"
    owns = refusal(organisations(hub, "ann").DeleteOrganisation, deleting)
    assert (owns.http_status, owns.reason) == (409, "ORGANISATION_OWNS")
    assert owns.message == "band still owns 2 repositories: band/hidden, band/song."
    access(hub, "ann").DeleteRepository(access_pb2.DeleteRepositoryRequest(owner="band", name="hidden"))
    offer = access_pb2.OfferTransferRequest(owner="band", name="song", new_owner="cyd")
    handed = access(hub, "ann").OfferTransfer(offer).transfer
    assert "a repository: band/song." in refusal(organisations(hub, "ann").DeleteOrganisation, deleting).message
    access(hub, "cyd").AnswerTransfer(access_pb2.AnswerTransferRequest(id=handed.id, accepted=True))
    organisations(hub, "ann").DeleteOrganisation(deleting)
    for account in ("ann", "bob"):
        listed = organisations(hub, account).ListOrganisations(access_pb2.ListOrganisationsRequest()).organisations
        assert "band" not in [one.name for one in listed]
        assert refusal(hub.stub(account).CreateVersion, hub.push_request("band", "new")).http_status == 403
    assert refusal(organisations(hub, "ann").DeleteOrganisation, deleting).http_status == 404
    assert not access(hub, "cyd").ListTransfers(access_pb2.ListTransfersRequest(made=True)).transfers
    assert look(hub, "cyd", "band", "song").owner == "cyd", "its old name leads on"
