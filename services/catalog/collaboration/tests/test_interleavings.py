"""What one does while another's version, request or take-down is on its way: nothing is lost, moved or shown by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.catalog.collaboration import forgetting
from services.catalog.collaboration.organisation_service import OrganisationService
from services.catalog.collaboration.tests.inside import SERVICE, Inside
from services.catalog.collecting import Collector
from services.catalog.community import moderation
from services.catalog.store import repositories
from services.catalog.store.access_tables import MemberRow
from services.common.errors import Conflict, NotFound, Unprocessable
from services.common.structs import to_struct
from services.common.tables import outbox
from services.stubs.voicehub.catalog.v1 import access_pb2, forks_pb2, pulls_pb2, refs_pb2
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1.moderation_pb2 import VersionWithheld
from services.stubs.voicehub.common.v1 import common_pb2


class Story:
    """`ann/voice` and forks of it, step by step; contents are numbered as they come."""

    def __init__(self, hub: Inside) -> None:
        self.hub, self._contents, self._made = hub, 0, dict[str, int]()

    def push(self, owner: str, name: str = "voice", *, publish: bool = True, by: str = "", **more: Any) -> str:
        self._contents += 1
        made = self.hub.push(by or owner, owner, name, self._contents, **more).id
        self._made[made] = self._contents
        if publish:
            self.publish(made)
        return made

    def publish(self, version: str) -> None:
        self.hub.publish(version, self._made[version])

    def fork(self, who: str, name: str = "voice", ref: str = "") -> None:
        request = forks_pb2.ForkRepositoryRequest(owner="ann", name=name, ref=ref)
        self.hub.ask(who, self.hub.forks.ForkRepository, request)

    def ref(self, owner: str, ref: str = "main", name: str = "voice") -> refs_pb2.Ref:
        request = refs_pb2.GetRefRequest(owner=owner, name=name, ref=ref)
        found: refs_pb2.Ref = self.hub.ask(owner, self.hub.refs.GetRef, request).ref
        return found

    def set_ref(self, who: str, ref: str, version: str, **more: Any) -> None:
        request = refs_pb2.SetRefRequest(owner=who, name="voice", ref=ref, version=version, **more)
        self.hub.ask(who, self.hub.refs.SetRef, request)

    def delete_ref(self, ref: str, expected: str) -> None:
        request = refs_pb2.DeleteRefRequest(owner="ann", name="voice", ref=ref, expected=expected)
        self.hub.ask("ann", self.hub.refs.DeleteRef, request)

    def open(self, ref: str = "main", by: str = "bob", **more: Any) -> pulls_pb2.Pull:
        values = {"owner": "ann", "name": "voice", "head_owner": "bob", "title": "x", "head_ref": ref, **more}
        request = pulls_pb2.OpenPullRequest(**values)
        found: pulls_pb2.Pull = self.hub.ask(by, self.hub.pulls.OpenPull, request).pull
        return found

    def pull(self, number: int = 1) -> pulls_pb2.Pull:
        request = pulls_pb2.GetPullRequest(owner="ann", name="voice", number=number)
        found: pulls_pb2.Pull = self.hub.ask("ann", self.hub.pulls.GetPull, request).pull
        return found

    def close(self, number: int) -> None:
        request = pulls_pb2.ClosePullRequest(owner="ann", name="voice", number=number)
        self.hub.ask("ann", self.hub.pulls.ClosePull, request)

    def merge(self, head: str, number: int = 1) -> None:
        request = pulls_pb2.MergePullRequest(owner="ann", name="voice", number=number, expected_head=head)
        self.hub.ask("ann", self.hub.pulls.MergePull, request)

    def weights(self, head: str) -> str:
        """The result of a merge of weights, that waits for its scan."""
        request = pulls_pb2.MergePullRequest(owner="ann", name="voice", number=1, expected_head=head)
        done = self.hub.begin(request)
        self._contents += 1
        done.result.CopyFrom(self.hub.pushed("ann", "voice", self._contents))
        made: str = self.hub.ask(SERVICE, self.hub.judgements.CompleteMerge, done).version.id
        self._made[made] = self._contents
        return made

    def weights_into(self, branch: str) -> tuple[str, str, str]:
        """A branch's version, the head of a fork that asks into it, and the result of both, that waits for its scan."""
        self.push("ann")
        base = self.push("ann", ref=branch)
        self.fork("bob")
        head = self.push("bob")
        self.open(base_ref=branch)
        return base, head, self.weights(head)

    def judge(self, version: str) -> None:
        told = pulls_pb2.Evaluation(version=version, figures=to_struct({"similarity": 0.8}), tools={"judge": "1"})
        request = pulls_pb2.RecordEvaluationRequest(evaluation=told)
        self.hub.ask(SERVICE, self.hub.judgements.RecordEvaluation, request)

    def erase(self, owner: str, version: str) -> None:
        request = pb.EraseVersionRequest(owner=owner, name="voice", version=version)
        self.hub.ask(owner, self.hub.catalog.EraseVersion, request)

    def read(self, who: str, version: str, owner: str = "ann", name: str = "voice") -> pb.Version:
        request = pb.GetVersionRequest(owner=owner, name=name, ref=version)
        found: pb.Version = self.hub.ask(who, self.hub.catalog.GetVersion, request).version
        return found

    def history(self, ref: str) -> list[str]:
        """By pages of one, as a reader with a slow line goes through it."""
        seen, cursor = list[str](), ""
        while not seen or cursor:
            page = common_pb2.PageRequest(size=1, cursor=cursor)
            request = refs_pb2.ListHistoryRequest(owner="ann", name="voice", ref=ref, page=page)
            answer = self.hub.ask("ann", self.hub.refs.ListHistory, request)
            seen += [version.id for version in answer.versions]
            cursor = answer.next_cursor
        return seen

    def forget_fork(self) -> None:
        """Bob's fork goes, and with it what nobody else holds."""
        self.hub.ask(
            "bob", self.hub.access.DeleteRepository, access_pb2.DeleteRepositoryRequest(owner="bob", name="voice")
        )
        Collector(self.hub.database, self.hub.objects, grace_seconds=0).collect()


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(Inside(tmp_path))


def test_a_version_published_late_does_not_undo_that_main_was_forced_back(story: Story) -> None:
    first = story.push("ann")
    late = story.push("ann", publish=False)
    story.set_ref("ann", "main", first, expected=late, force=True)
    story.publish(late)
    assert (story.ref("ann").version, story.ref("ann").tip) == (first, first)
    after = story.push("ann")
    assert story.ref("ann").version == after
    assert list(story.read("ann", after).parents) == [first]


def test_a_version_pushed_to_a_branch_that_was_deleted_does_not_take_over_a_new_one_of_that_name(story: Story) -> None:
    first = story.push("ann")
    late = story.push("ann", ref="side", publish=False)
    story.delete_ref("side", late)
    anew = story.push("ann", ref="side", onto=first, publish=False)
    story.publish(late)
    assert story.ref("ann", "side").version == ""
    story.publish(anew)
    assert story.ref("ann", "side").version == anew


def test_of_two_pushes_the_later_may_be_published_first_and_stays(story: Story) -> None:
    first = story.push("ann", publish=False)
    second = story.push("ann", publish=False)
    story.publish(second)
    assert story.ref("ann").version == second
    story.publish(first)
    assert story.ref("ann").version == second


def test_closing_a_request_leaves_what_led_to_the_head_of_another(story: Story) -> None:
    first = story.push("ann")
    story.fork("bob")
    middle = story.push("bob", ref="one")
    last = story.push("bob", ref="two", onto=middle)
    story.open("one")
    story.open("two")
    story.close(1)
    assert story.history("pull-2") == [last, middle, first]
    story.forget_fork()
    story.merge(last, 2)
    assert story.history("main") == [last, middle, first]
    assert len(story.read("ann", middle).tensors) == 2


def test_what_a_push_stands_on_is_held_for_itself_though_a_request_brought_it(story: Story) -> None:
    first = story.push("ann")
    story.fork("bob")
    brought = story.push("bob")
    story.open()
    story.push("ann", ref="fix", onto=brought)
    story.close(1)
    story.forget_fork()
    assert story.history("fix")[1:] == [brought, first]
    assert len(story.read("ann", brought).tensors) == 2


def test_a_base_that_is_deleted_ends_the_merge_of_weights_into_it(story: Story) -> None:
    base, head, result = story.weights_into("dev")
    story.delete_ref("dev", base)
    story.publish(result)
    assert "dev was deleted" in story.pull().merge_failure
    assert (story.pull().head_version, story.pull().merging) == (head, False)


def test_a_base_that_is_deleted_while_the_result_is_judged_keeps_no_other_version_from_being_judged(
    story: Story,
) -> None:
    first = story.push("ann")
    base = story.push("ann", ref="dev")
    story.fork("bob")
    head = story.push("bob")
    story.open(base_ref="dev")
    result = story.weights(head)
    story.publish(result)
    assert story.pull().head_version == result
    story.delete_ref("dev", base)
    story.judge(first)
    assert "dev was deleted" in story.pull().merge_failure


def test_a_tag_is_no_base_and_no_sync_moves_one(story: Story) -> None:
    first = story.push("ann")
    story.set_ref("ann", "v1", first, kind=refs_pb2.REF_KIND_TAG)
    story.fork("bob")
    story.push("bob")
    with pytest.raises(Unprocessable, match="only branches move"):
        story.open(base_ref="v1")
    story.open()
    story.push("bob", ref="other")
    with pytest.raises(Unprocessable, match="only branches move"):
        story.open("other", base_ref="pull-1")
    story.set_ref("bob", "next", first, kind=refs_pb2.REF_KIND_TAG)
    story.push("ann", ref="next", onto=first)
    request = forks_pb2.SyncForkRequest(owner="bob", name="voice", ref="next")
    with pytest.raises(Conflict, match="tags stay"):
        story.hub.ask("bob", story.hub.forks.SyncFork, request)


def _publicly(story: Story, name: str) -> None:
    request = pb.UpdateRepositoryRequest(owner="bob", name=name, visibility=pb.VISIBILITY_PUBLIC)
    story.hub.ask("bob", story.hub.catalog.UpdateRepository, request)


@pytest.mark.parametrize("merged", [False, True])
def test_what_a_reader_brought_from_a_private_voice_does_not_become_public_in_another(
    story: Story, merged: bool
) -> None:
    secret = story.push("ann", "secret", visibility_if_new=pb.VISIBILITY_PRIVATE)
    grant = access_pb2.SetCollaboratorRequest(
        owner="ann", name="secret", grant=access_pb2.Grant(account="bob", role="read")
    )
    story.hub.ask("ann", story.hub.access.SetCollaborator, grant)
    story.fork("bob", "secret")
    if merged:
        request = forks_pb2.ForkRepositoryRequest(owner="bob", name="secret", new_name="box")
        story.hub.ask("bob", story.hub.forks.ForkRepository, request)
        newest = story.push("bob", "secret")
        pulled = story.open(owner="bob", name="box", head_name="secret")
        ask = pulls_pb2.MergePullRequest(owner="bob", name="box", number=pulled.number, expected_head=newest)
        story.hub.ask("bob", story.hub.pulls.MergePull, ask)
    else:
        story.push("bob", "box", visibility_if_new=pb.VISIBILITY_PRIVATE)
        story.open(owner="bob", name="box", head_name="secret")
    with pytest.raises(Unprocessable) as refused:
        _publicly(story, "box")
    assert refused.value.reason in ("HOLDS_PRIVATE", "FORK_OF_PRIVATE")
    with pytest.raises(NotFound):
        story.read("", secret, "bob", "box")


def test_what_is_ones_own_or_was_offered_becomes_public(story: Story) -> None:
    """The control: a private fork of a private voice of one's own, merged, and the whole made public."""
    story.push("bob", "mine", visibility_if_new=pb.VISIBILITY_PRIVATE)
    grant = access_pb2.SetCollaboratorRequest(
        owner="bob", name="mine", grant=access_pb2.Grant(account="cyd", role="read")
    )
    story.hub.ask("bob", story.hub.access.SetCollaborator, grant)
    request = forks_pb2.ForkRepositoryRequest(owner="bob", name="mine")
    story.hub.ask("cyd", story.hub.forks.ForkRepository, request)
    grant = access_pb2.SetCollaboratorRequest(
        owner="cyd", name="mine", grant=access_pb2.Grant(account="bob", role="write")
    )
    story.hub.ask("cyd", story.hub.access.SetCollaborator, grant)
    head = story.push("cyd", "mine")
    pulled = story.open(owner="bob", name="mine", head_owner="cyd", head_name="mine")
    with pytest.raises(Unprocessable, match="stays private"):
        _publicly(story, "mine")
    ask = pulls_pb2.MergePullRequest(owner="bob", name="mine", number=pulled.number, expected_head=head)
    story.hub.ask("bob", story.hub.pulls.MergePull, ask)
    _publicly(story, "mine")
    assert story.read("", head, "bob", "mine").id == head


def test_who_is_left_of_an_organisation_may_not_leave_while_an_erased_member_is_forgotten(story: Story) -> None:
    hub, service = story.hub, OrganisationService(story.hub.database)
    hub.ask("ann", service.CreateOrganisation, access_pb2.CreateOrganisationRequest(name="choir"))
    grant = access_pb2.Grant(account="bob", role="admin")
    hub.ask("ann", service.SetMember, access_pb2.SetMemberRequest(organisation="choir", grant=grant))
    with hub.database.write() as session:
        forgetting.lock_out(session, "ann")
    with pytest.raises(Unprocessable, match="no admin"):
        hub.ask("bob", service.RemoveMember, access_pb2.RemoveMemberRequest(organisation="choir", account="bob"))
    with hub.database.write() as session:
        forgetting.forget(session, "ann", "~removed-1", [])
    with hub.database.read() as session:
        assert session.scalars(select(MemberRow.account)).all() == ["bob"]


def test_a_request_whose_head_is_erased_has_the_head_that_its_branch_fell_back_to(story: Story) -> None:
    story.push("ann")
    story.fork("bob")
    before, last = story.push("bob"), story.push("bob")
    assert story.open().head_version == last
    story.erase("bob", last)
    assert story.pull().head_version == before
    story.merge(before)
    assert story.ref("ann").version == before


def test_a_result_that_is_erased_while_it_is_judged_is_no_head_any_more(story: Story) -> None:
    story.push("ann")
    story.fork("bob")
    head = story.push("bob")
    story.push("ann")
    story.open()
    result = story.weights(head)
    story.publish(result)
    assert story.pull().head_version == result
    story.erase("ann", result)
    assert (story.pull().head_version, story.pull().merging) == (head, False)
    assert "was erased" in story.pull().merge_failure


def test_a_take_down_withholds_what_no_voice_that_stays_holds(story: Story) -> None:
    shared = story.push("ann")
    story.fork("cyd")
    story.fork("bob")
    merged = story.push("bob")
    story.open()
    story.merge(merged)
    own = story.push("ann")
    story.forget_fork()

    def withheld() -> dict[str, bool]:
        with story.hub.database.read() as session:
            query = select(outbox.c.data).where(outbox.c.type == VersionWithheld.DESCRIPTOR.full_name)
            said = [VersionWithheld.FromString(data) for data in session.scalars(query.order_by(outbox.c.sequence))]
        return {one.version_id: one.withheld for one in said}

    with story.hub.database.write() as session:
        row = repositories.named(session, "ann", "voice")
        assert row is not None
        moderation._hide(session, row, True)
    assert withheld() == {merged: True, own: True}
    assert story.read("cyd", shared, "cyd").id == shared
    with story.hub.database.write() as session:
        row = repositories.named(session, "ann", "voice")
        assert row is not None
        moderation._hide(session, row, False)
    assert withheld() == {shared: False, merged: False, own: False}


def test_a_tag_that_takes_the_name_of_a_base_is_not_moved_by_the_request(story: Story) -> None:
    story.push("ann")
    base = story.push("ann", ref="dev")
    story.fork("bob", ref="dev")
    head = story.push("bob")
    story.open(base_ref="dev")
    story.delete_ref("dev", base)
    story.set_ref("ann", "dev", base, kind=refs_pb2.REF_KIND_TAG)
    with pytest.raises(Unprocessable, match="only branches move"):
        story.merge(head)
    assert story.ref("ann", "dev").version == base


def test_a_tag_that_takes_the_name_of_a_base_ends_the_merge_of_weights_into_it(story: Story) -> None:
    base, _, result = story.weights_into("dev")
    story.publish(result)
    story.delete_ref("dev", base)
    story.set_ref("ann", "dev", base, kind=refs_pb2.REF_KIND_TAG)
    story.judge(base)
    story.judge(result)
    assert story.ref("ann", "dev").version == base
    assert "dev was deleted" in story.pull().merge_failure


def _take_down(story: Story, owner: str) -> None:
    request = pb.ReportRepositoryRequest(owner=owner, name="voice", reason="not theirs")
    report = story.hub.ask("eve", story.hub.catalog.ReportRepository, request).report_id
    with story.hub.database.write() as session:
        moderation.decide(session, "mod", report, True, "not theirs")


def test_what_is_taken_down_is_not_read_by_a_request_for_it_nor_merged(story: Story) -> None:
    first = story.push("ann")
    story.fork("bob")
    story.fork("cyd")
    stolen = story.push("bob")
    other = story.push("cyd")
    assert story.open().number == 1
    assert story.open(head_owner="cyd", by="cyd").number == 2
    assert story.read("eve", stolen).id == stolen
    _take_down(story, "bob")
    for ref in (stolen, "pull-1"):
        with pytest.raises(NotFound):
            story.read("eve", ref)
    with pytest.raises(Conflict, match="is closed"):
        story.merge(stolen)
    assert story.pull().state == pulls_pb2.PULL_STATE_CLOSED
    assert story.pull(2).state == pulls_pb2.PULL_STATE_OPEN
    assert story.read("eve", "pull-2").id == other
    assert story.read("eve", "main").id == first


def test_what_a_merged_request_did_not_bring_is_let_go_of(story: Story) -> None:
    hub, private = story.hub, pb.VISIBILITY_PRIVATE
    first = story.push("ann", visibility_if_new=private)
    grant = access_pb2.Grant(account="bob", role="read")
    request = access_pb2.SetCollaboratorRequest(owner="ann", name="voice", grant=grant)
    hub.ask("ann", hub.access.SetCollaborator, request)
    story.fork("bob")
    given_up = story.push("bob", ref="better")
    story.open("better")
    later = story.push("bob", ref="other", onto=given_up)
    story.open("other")
    last = story.push("bob", ref="main", onto=first)
    story.set_ref("bob", "better", last, expected=given_up, force=True)
    story.merge(last)
    assert story.history("pull-2") == [later, given_up, first], "another request brings it still"
    story.close(2)
    with pytest.raises(NotFound):
        story.read("ann", given_up)
    public = pb.UpdateRepositoryRequest(owner="ann", name="voice", visibility=pb.VISIBILITY_PUBLIC)
    hub.ask("ann", hub.catalog.UpdateRepository, public)
    assert story.read("", "main").id == last


def test_the_members_of_an_organisation_that_gave_a_private_voice_away_find_nothing_of_it(story: Story) -> None:
    hub, service = story.hub, OrganisationService(story.hub.database)
    hub.ask("ann", service.CreateOrganisation, access_pb2.CreateOrganisationRequest(name="choir"))
    grant = access_pb2.Grant(account="eve", role="read")
    hub.ask("ann", service.SetMember, access_pb2.SetMemberRequest(organisation="choir", grant=grant))
    story.push("choir", by="ann", visibility_if_new=pb.VISIBILITY_PRIVATE)
    found = pb.SearchVoicesRequest(query="middle-aged man")
    assert hub.ask("eve", hub.catalog.SearchVoices, found).total == 1
    offer = access_pb2.OfferTransferRequest(owner="choir", name="voice", new_owner="bob")
    made = hub.ask("ann", hub.access.OfferTransfer, offer).transfer
    answer = access_pb2.AnswerTransferRequest(id=made.id, accepted=True)
    hub.ask("bob", hub.access.AnswerTransfer, answer)
    assert hub.ask("bob", hub.catalog.SearchVoices, found).total == 1
    answered = hub.ask("eve", hub.catalog.SearchVoices, found)
    assert (answered.total, len(answered.hits), len(answered.facets)) == (0, 0, 0)


def test_a_fork_of_ones_own_that_was_private_becomes_public_after_the_first_was_deleted(story: Story) -> None:
    hub, private = story.hub, pb.VISIBILITY_PRIVATE
    version = story.push("bob", visibility_if_new=private)
    hub.ask("bob", hub.forks.ForkRepository, forks_pb2.ForkRepositoryRequest(owner="bob", name="voice", new_name="two"))
    grant = access_pb2.Grant(account="cyd", role="read")
    request = access_pb2.SetCollaboratorRequest(owner="bob", name="voice", grant=grant)
    hub.ask("bob", hub.access.SetCollaborator, request)
    hub.ask("cyd", hub.forks.ForkRepository, forks_pb2.ForkRepositoryRequest(owner="bob", name="voice"))
    hub.ask("bob", hub.access.DeleteRepository, access_pb2.DeleteRepositoryRequest(owner="bob", name="voice"))
    _publicly(story, "two")
    assert story.read("", version, "bob", "two").id == version
    publicly = pb.UpdateRepositoryRequest(owner="cyd", name="voice", visibility=pb.VISIBILITY_PUBLIC)
    with pytest.raises(Unprocessable, match="stays private"):
        hub.ask("cyd", hub.catalog.UpdateRepository, publicly)


def test_a_request_that_brings_nothing_any_more_is_not_merged(story: Story) -> None:
    story.push("ann")
    story.fork("bob")
    head = story.push("bob")
    story.open()
    story.set_ref("bob", "again", head)
    story.open("again")
    story.merge(head, 1)
    with pytest.raises(Unprocessable, match="cannot be merged") as refused:
        story.merge(head, 2)
    assert "has all that the head has" in refused.value.fields["history"]
    assert not story.pull(2).mergeable
