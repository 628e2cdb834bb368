"""Pull requests on a real catalog: from fork to merge, gates, talk, and merges of weights by a worker."""

from __future__ import annotations

from collections.abc import Mapping

from services.catalog.collaboration.tests.steps import fork, pulls_of, pushed, ref, refs_of, refusal
from services.catalog.tests.conftest import CARD, Hub
from services.common.events import Event
from services.common.identity import Signer
from services.common.rpc import make_channel
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import collaboration_events_pb2, pulls_pb2, pulls_pb2_grpc, refs_pb2
from services.stubs.voicehub.common.v1 import common_pb2

TOOLS = {"judge": "1.0"}


def workers(hub: Hub) -> pulls_pb2_grpc.JudgementServiceStub:
    channel = make_channel(hub.address, Signer(hub.data / "keys", "trainer").own)
    hub.channels.append(channel)
    return pulls_pb2_grpc.JudgementServiceStub(channel)


def judge(hub: Hub, version: str, similarity: float, intelligibility: float, tools: Mapping[str, str] = TOOLS) -> None:
    figures = to_struct({"similarity": similarity, "intelligibility": intelligibility})
    told = pulls_pb2.Evaluation(version=version, figures=figures, tools=tools)
    workers(hub).RecordEvaluation(pulls_pb2.RecordEvaluationRequest(evaluation=told))


def opened(hub: Hub, author: str, owner: str, name: str, **more: str) -> pulls_pb2.Pull:
    request = pulls_pb2.OpenPullRequest(owner=owner, name=name, title="Warmer vowels", **more)
    return pulls_of(hub, author).OpenPull(request).pull


def look(hub: Hub, account: str, owner: str, name: str, number: int = 1) -> pulls_pb2.Pull:
    return pulls_of(hub, account).GetPull(pulls_pb2.GetPullRequest(owner=owner, name=name, number=number)).pull


def checks(pull: pulls_pb2.Pull) -> dict[str, str]:
    return {c.name: pulls_pb2.CheckState.Name(c.state).removeprefix("CHECK_STATE_").lower() for c in pull.checks}


def merge(name: str, head: str, **more: object) -> pulls_pb2.MergePullRequest:
    return pulls_pb2.MergePullRequest(owner="ann", name=name, number=1, expected_head=head, **more)  # type: ignore[arg-type]


def protect(hub: Hub, name: str, **rules: float) -> None:
    request = refs_pb2.ProtectRefRequest(owner="ann", name=name, ref="main", protected=True)
    request.protection.CopyFrom(refs_pb2.Protection(**rules))  # type: ignore[arg-type]
    refs_of(hub, "ann").ProtectRef(request)


def said(hub: Hub, kind: type, group: str) -> list[Event]:
    consumer = hub.bus.consumer(group, ["community"])
    found: list[Event] = []
    while batch := consumer.poll(limit=500, timeout=0.5):
        found += [d.event for d in batch if d.event.type == kind.DESCRIPTOR.full_name]  # type: ignore[attr-defined]
    consumer.close()
    return found


def test_from_fork_to_merge_by_fast_forward(hub: Hub) -> None:
    one = pushed(hub, "ann", "welcoming")
    fork(hub, "bob", "ann", "welcoming")
    nothing = pulls_pb2.OpenPullRequest(owner="ann", name="welcoming", head_owner="bob", title="x")
    assert refusal(pulls_of(hub, "bob").OpenPull, nothing).reason == "NOTHING_TO_MERGE"
    two = pushed(hub, "bob", "welcoming")
    made = opened(hub, "bob", "ann", "welcoming", head_owner="bob")
    assert (made.number, made.head_version, made.base_version, made.ref) == (1, two, one, "pull-1")
    assert (made.ahead, made.behind, list(made.merge_bases)) == (1, 0, [one])
    assert checks(made) == {"published": "passed", "history": "passed", "terms": "passed"}
    heard = pb.GetVersionRequest(owner="ann", name="welcoming", ref="pull-1")
    assert hub.stub("cyd").GetVersion(heard).version.id == two, "everybody who reads the target hears the head"
    listed = hub.stub("cyd").ListVersions(pb.ListVersionsRequest(owner="ann", name="welcoming")).versions
    assert [v.id for v in listed] == [one], "what is not merged is not the repository's"
    three = pushed(hub, "bob", "welcoming")
    now = look(hub, "cyd", "ann", "welcoming")
    assert (now.head_version, now.ahead) == (three, 2)
    assert refusal(pulls_of(hub, "bob").MergePull, merge("welcoming", three)).reason == "ROLE_MISSING"
    assert refusal(pulls_of(hub, "ann").MergePull, merge("welcoming", two)).reason == "HEAD_MOVED"
    done = pulls_of(hub, "ann").MergePull(merge("welcoming", three)).pull
    assert (done.state, done.closer) == (pulls_pb2.PULL_STATE_MERGED, "ann")
    assert ref(hub, "ann", "welcoming").version == three
    listed = hub.stub("cyd").ListVersions(pb.ListVersionsRequest(owner="ann", name="welcoming")).versions
    assert [v.id for v in listed] == [three, two, one]
    assert refusal(pulls_of(hub, "ann").MergePull, merge("welcoming", three)).reason == "PULL_NOT_OPEN"
    merged = said(hub, collaboration_events_pb2.PullMerged, "test-merged")
    told = [e.parse(collaboration_events_pb2.PullMerged) for e in merged if e.key]
    assert ("bob", three, "ann") in [(t.author, t.version_id, t.account) for t in told]


def test_no_merge_without_approval_and_a_good_evaluation(hub: Hub) -> None:
    one = pushed(hub, "ann", "gated")
    protect(hub, "gated", approvals=1, similarity_drop=0.02, intelligibility_drop=0.05)
    two = pushed(hub, "ann", "gated", ref="mine")
    made = opened(hub, "ann", "ann", "gated", head_ref="mine")
    assert checks(made)["approvals"] == checks(made)["evaluation"] == "pending"
    asked = {e.key for e in said(hub, collaboration_events_pb2.EvaluationRequested, "test-asked")}
    assert {one, two} <= asked
    liar = pulls_pb2.RecordEvaluationRequest(evaluation=pulls_pb2.Evaluation(version=two))
    stub = pulls_pb2_grpc.JudgementServiceStub(hub.channel("ann"))
    assert refusal(stub.RecordEvaluation, liar).http_status == 403
    judge(hub, one, 0.80, 0.90)
    judge(hub, two, 0.75, 0.95)
    told = refusal(pulls_of(hub, "ann").MergePull, merge("gated", two))
    assert (told.http_status, told.reason, set(told.fields)) == (422, "CHECKS_NOT_PASSED", {"approvals", "evaluation"})
    assert "0.050" in told.fields["evaluation"]
    judge(hub, two, 0.81, 0.88, {"judge": "2.0"})
    assert checks(look(hub, "ann", "ann", "gated"))["evaluation"] == "pending", "other tools do not compare"
    judge(hub, two, 0.81, 0.88)
    review = pulls_pb2.ReviewPullRequest(owner="ann", name="gated", number=1, version=two, verdict=1)  # type: ignore[arg-type]
    assert refusal(pulls_of(hub, "ann").ReviewPull, review).reason == "OWN_PULL"
    assert not pulls_of(hub, "cyd").ReviewPull(review).review.counts
    assert checks(look(hub, "ann", "ann", "gated"))["approvals"] == "pending", "a reader's word does not count"
    grant(hub, "gated", "bob", "write")
    review.verdict = pulls_pb2.REVIEW_VERDICT_REQUEST_CHANGES
    pulls_of(hub, "bob").ReviewPull(review)
    assert checks(look(hub, "ann", "ann", "gated"))["reviews"] == "failed"
    review.verdict = pulls_pb2.REVIEW_VERDICT_APPROVE
    pulls_of(hub, "bob").ReviewPull(review)
    assert look(hub, "ann", "ann", "gated").mergeable
    three = pushed(hub, "ann", "gated", ref="mine")
    assert checks(look(hub, "ann", "ann", "gated"))["approvals"] == "pending", "an approval is of one head"
    judge(hub, three, 0.82, 0.9)
    review.version = three
    pulls_of(hub, "bob").ReviewPull(review)
    pulls_of(hub, "ann").MergePull(merge("gated", three))
    assert ref(hub, "ann", "gated").version == three


def grant(hub: Hub, name: str, account: str, role: str) -> None:
    from services.stubs.voicehub.catalog.v1 import access_pb2, access_pb2_grpc

    given = access_pb2.Grant(account=account, role=role)
    stub = access_pb2_grpc.AccessServiceStub(hub.channel("ann"))
    stub.SetCollaborator(access_pb2.SetCollaboratorRequest(owner="ann", name=name, grant=given))


def test_terms_are_not_loosened_by_a_merge(hub: Hub) -> None:
    pushed(hub, "ann", "strict", declaration=common_pb2.Declaration(source="s", license="CC-BY-4.0", consent="self"))
    loose = common_pb2.Declaration(source="s", license="CC0-1.0", consent="public-domain")
    pushed(hub, "ann", "strict", ref="loose", declaration=loose)  # her own voice, on a branch of her own
    made = opened(hub, "ann", "ann", "strict", head_ref="loose")
    assert checks(made)["terms"] == "failed"
    assert refusal(pulls_of(hub, "ann").MergePull, merge("strict", made.head_version)).reason == "CHECKS_NOT_PASSED"


def test_a_private_head_is_not_shown_to_readers_of_the_target(hub: Hub) -> None:
    pushed(hub, "ann", "discreet")
    fork(hub, "bob", "ann", "discreet", visibility=pb.VISIBILITY_PRIVATE)
    pushed(hub, "bob", "discreet")
    ask = pulls_pb2.OpenPullRequest(owner="ann", name="discreet", head_owner="bob", title="x")
    assert refusal(pulls_of(hub, "bob").OpenPull, ask).reason == "HEAD_IS_PRIVATE"
    assert refusal(pulls_of(hub, "cyd").OpenPull, ask).http_status == 404
    hub.stub("bob").UpdateRepository(
        pb.UpdateRepositoryRequest(owner="bob", name="discreet", visibility=pb.VISIBILITY_PUBLIC)
    )
    made = opened(hub, "bob", "ann", "discreet", head_owner="bob")
    hub.stub("bob").UpdateRepository(
        pb.UpdateRepositoryRequest(owner="bob", name="discreet", visibility=pb.VISIBILITY_PRIVATE)
    )
    secret = pushed(hub, "bob", "discreet")
    seen = look(hub, "cyd", "ann", "discreet")
    assert (seen.head_version, seen.head_owner) == (made.head_version, "")
    hidden = pb.GetVersionRequest(owner="ann", name="discreet", ref=secret)
    assert refusal(hub.stub("cyd").GetVersion, hidden).http_status == 404


def test_people_talk_in_threads_and_play_sounds(hub: Hub) -> None:
    one = pushed(hub, "ann", "talked")
    pushed(hub, "ann", "talked", ref="mine")
    opened(hub, "ann", "ann", "talked", head_ref="mine")
    version = hub.stub("ann").GetVersion(pb.GetVersionRequest(owner="ann", name="talked", ref=one)).version
    prompt = pulls_pb2.Snippet(version=one, object=version.files[0].object)
    ask = pulls_pb2.CreateRemarkRequest(owner="ann", name="talked", number=1, text="Hear the end.", snippet=prompt)
    first = pulls_of(hub, "cyd").CreateRemark(ask).remark
    assert (first.thread, first.snippet.object.digest) == (first.id, version.files[0].object.digest)
    reply = pulls_pb2.CreateRemarkRequest(owner="ann", name="talked", number=1, text="I do.", thread=first.id)
    pulls_of(hub, "ann").CreateRemark(reply)
    tensor = pulls_pb2.Snippet(version=one, object=common_pb2.ObjectRef(digest=version.tensors[0].digest))
    ask.snippet.CopyFrom(tensor)
    assert refusal(pulls_of(hub, "cyd").CreateRemark, ask).reason == "NO_SUCH_SOUND"
    reply.thread = "0" * 32
    assert refusal(pulls_of(hub, "ann").CreateRemark, reply).reason == "THREAD_NOT_FOUND"
    settle = pulls_pb2.ResolveThreadRequest(owner="ann", name="talked", number=1, thread=first.id, resolved=True)
    assert refusal(pulls_of(hub, "dan").ResolveThread, settle).reason == "ROLE_MISSING"
    assert pulls_of(hub, "cyd").ResolveThread(settle).remark.resolved
    listed = pulls_pb2.ListRemarksRequest(owner="ann", name="talked", number=1, page=common_pb2.PageRequest(size=1))
    page = pulls_of(hub, "").ListRemarks(listed)
    listed.page.cursor = page.next_cursor
    assert [r.text for r in (*page.remarks, *pulls_of(hub, "").ListRemarks(listed).remarks)] == [
        "Hear the end.",
        "I do.",
    ]


def test_closing_gives_back_what_it_brought_but_not_what_others_need(hub: Hub) -> None:
    pushed(hub, "ann", "closed")
    fork(hub, "bob", "ann", "closed")
    two = pushed(hub, "bob", "closed")
    opened(hub, "bob", "ann", "closed", head_owner="bob")
    tag = refs_pb2.SetRefRequest(owner="bob", name="closed", ref="stable", version=two)
    refs_of(hub, "bob").SetRef(tag)
    opened(hub, "bob", "ann", "closed", head_owner="bob", head_ref="stable")
    close = pulls_pb2.ClosePullRequest(owner="ann", name="closed", number=1)
    assert refusal(pulls_of(hub, "cyd").ClosePull, close).reason == "ROLE_MISSING"
    pulls_of(hub, "bob").ClosePull(close)
    read = pb.GetVersionRequest(owner="ann", name="closed", ref=two)
    assert hub.stub("cyd").GetVersion(read).version.id == two, "the second request still brings it"
    close.number = 2
    pulls_of(hub, "ann").ClosePull(close)
    assert refusal(hub.stub("cyd").GetVersion, read).http_status == 404
    open_ones = pulls_pb2.ListPullsRequest(owner="ann", name="closed", state=pulls_pb2.PULL_STATE_OPEN)
    assert not pulls_of(hub, "").ListPulls(open_ones).pulls
    open_ones.state = pulls_pb2.PULL_STATE_UNSPECIFIED
    assert [p.number for p in pulls_of(hub, "").ListPulls(open_ones).pulls] == [2, 1]


def diverged(hub: Hub, name: str, license_: str = "CC-BY-NC-4.0") -> tuple[str, str]:
    """Ann's main and Bob's fork have each gone on; answers both heads, with a request open."""
    pushed(hub, "ann", name)
    fork(hub, "bob", "ann", name)
    declared = common_pb2.Declaration(source="bob's sentences", license=license_, consent="self")
    theirs = pushed(hub, "bob", name, declaration=declared)
    ours = pushed(hub, "ann", name)
    opened(hub, "bob", "ann", name, head_owner="bob")
    return ours, theirs


def begun(hub: Hub, name: str, theirs: str, group: str, **options: object) -> collaboration_events_pb2.MergeRequested:
    """A merge of weights that a worker hears of."""
    ask = merge(name, theirs, strategy=pulls_pb2.MERGE_STRATEGY_WEIGHTS, options=to_struct(options))
    assert pulls_of(hub, "ann").MergePull(ask).pull.merging
    assert refusal(pulls_of(hub, "ann").MergePull, ask).reason == "MERGE_UNDER_WAY"
    events = said(hub, collaboration_events_pb2.MergeRequested, group)
    asked = [event.parse(collaboration_events_pb2.MergeRequested) for event in events]
    return [one for one in asked if (one.name, one.head_version) == (name, theirs)][-1]


def completed(hub: Hub, asked: collaboration_events_pb2.MergeRequested, **instead: object) -> pb.Version:
    """What a worker reports: a result, or a failure."""
    files = hub.push_request("ann", asked.name).files
    result = pb.CreateVersionRequest(message="Merge of pull request 1", card=to_struct(CARD), files=files)
    values: dict[str, object] = {"result": result, **instead}
    done = pulls_pb2.CompleteMergeRequest(
        pull_id=asked.pull_id,
        base_version=asked.base_version,
        head_version=asked.head_version,
        **values,  # type: ignore[arg-type]
    )
    person = pulls_pb2_grpc.JudgementServiceStub(hub.channel("ann"))
    assert refusal(person.CompleteMerge, done).http_status == 403
    made = workers(hub).CompleteMerge(done).version
    assert workers(hub).CompleteMerge(done).version.id == made.id, "a worker that died may say it again"
    return made


def heard(hub: Hub, name: str, version: str) -> pulls_pb2.Pull:
    """The result is published: the head of the request."""
    hub.walk(version)
    hub.until(hub.stub("ann"), "ann", name, version, pb.VERSION_STATE_PUBLISHED)
    return look(hub, "ann", "ann", name)


def test_weights_are_merged_and_judged_before_the_branch_moves(hub: Hub) -> None:
    ours, theirs = diverged(hub, "blended")
    assert checks(look(hub, "ann", "ann", "blended"))["history"] == "pending"
    assert refusal(pulls_of(hub, "ann").MergePull, merge("blended", theirs)).reason == "CHECKS_NOT_PASSED"
    odd = merge("blended", theirs, strategy=pulls_pb2.MERGE_STRATEGY_WEIGHTS, options=to_struct({"method": "ties"}))
    assert refusal(pulls_of(hub, "ann").MergePull, odd).reason == "BAD_RECIPE"
    asked = begun(hub, "blended", theirs, "test-merge", strategy="ties")
    assert (asked.owner, asked.base_version, asked.head_version, asked.number) == ("ann", ours, theirs, 1)
    assert asked.options["strategy"] == "ties"
    made = completed(hub, asked)
    assert (list(made.parents), made.author) == ([ours, theirs], "ann")
    assert (made.declaration.license, made.declaration.consent) == ("CC-BY-NC-4.0", "self")
    ready = heard(hub, "blended", made.id)
    assert (ready.head_version, ready.merging, ready.behind, ready.mergeable) == (made.id, True, 0, False)
    assert {ours, made.id} <= {e.key for e in said(hub, collaboration_events_pb2.EvaluationRequested, "test-asked-2")}
    judge(hub, ours, 0.80, 0.90)
    assert ref(hub, "ann", "blended").version == ours, "it is judged first"
    judge(hub, made.id, 0.77, 0.93)
    done = look(hub, "ann", "ann", "blended")
    assert (done.state, done.merging, done.merge_failure) == (pulls_pb2.PULL_STATE_MERGED, False, "")
    assert (ref(hub, "ann", "blended").version, done.closer) == (made.id, "ann")


def test_a_result_that_is_judged_worse_gives_the_old_head_back_and_another_try(hub: Hub) -> None:
    ours, theirs = diverged(hub, "worse")
    made = completed(hub, begun(hub, "worse", theirs, "test-worse"))
    judge(hub, ours, 0.80, 0.90)
    heard(hub, "worse", made.id)
    judge(hub, made.id, 0.60, 0.90)
    after = look(hub, "ann", "ann", "worse")
    assert (after.state, after.head_version, after.merging) == (pulls_pb2.PULL_STATE_OPEN, theirs, False)
    assert "similarity falls by 0.200" in after.merge_failure
    assert made.id in after.merge_failure
    assert ref(hub, "ann", "worse").version == ours
    again = completed(hub, begun(hub, "worse", theirs, "test-worse", choices={"decoder": "theirs"}))
    judge(hub, again.id, 0.81, 0.90)
    hub.walk(again.id)
    hub.eventually(lambda: ref(hub, "ann", "worse").version, lambda tip: tip == again.id)


def test_a_merge_onto_a_branch_that_moved_is_not_made(hub: Hub) -> None:
    _, theirs = diverged(hub, "moving")
    asked = begun(hub, "moving", theirs, "test-moving")
    later = pushed(hub, "ann", "moving")
    assert not completed_nothing(hub, asked)
    after = look(hub, "ann", "ann", "moving")
    assert (after.head_version, after.merging) == (theirs, False)
    assert f"main moved on to {later}" in after.merge_failure
    asked = begun(hub, "moving", theirs, "test-moving")
    made = completed(hub, asked)
    last = pushed(hub, "ann", "moving")
    heard(hub, "moving", made.id)
    after = look(hub, "ann", "ann", "moving")
    assert (after.head_version, ref(hub, "ann", "moving").version) == (theirs, last)
    assert f"main moved on to {last}" in after.merge_failure


def completed_nothing(hub: Hub, asked: collaboration_events_pb2.MergeRequested) -> str:
    files = hub.push_request("ann", asked.name).files
    result = pb.CreateVersionRequest(message="late", card=to_struct(CARD), files=files)
    done = pulls_pb2.CompleteMergeRequest(
        pull_id=asked.pull_id, base_version=asked.base_version, head_version=asked.head_version, result=result
    )
    return str(workers(hub).CompleteMerge(done).version.id)


def test_a_result_that_nobody_can_judge_is_for_people_to_hear(hub: Hub) -> None:
    ours, theirs = diverged(hub, "silent")
    made = completed(hub, begun(hub, "silent", theirs, "test-silent"))
    heard(hub, "silent", made.id)
    for version in (ours, made.id):
        told = pulls_pb2.Evaluation(version=version, failure="There are no judges here.")
        workers(hub).RecordEvaluation(pulls_pb2.RecordEvaluationRequest(evaluation=told))
    after = look(hub, "ann", "ann", "silent")
    assert (after.head_version, after.merging, after.mergeable) == (made.id, False, True)
    assert "no judges" in after.merge_failure
    assert "Hear pull-1" in after.merge_failure
    pulls_of(hub, "ann").MergePull(merge("silent", made.id))
    assert ref(hub, "ann", "silent").version == made.id


def test_a_good_result_waits_for_the_approvals_of_its_branch(hub: Hub) -> None:
    ours, theirs = diverged(hub, "approved")
    protect(hub, "approved", approvals=1, similarity_drop=0.3)
    grant(hub, "approved", "cyd", "write")
    made = completed(hub, begun(hub, "approved", theirs, "test-approved"))
    judge(hub, ours, 0.80, 0.90)
    judge(hub, made.id, 0.60, 0.85)  # within the branch's own limit of similarity
    assert checks(heard(hub, "approved", made.id)) | {"approvals": "passed"} == dict.fromkeys(
        ("published", "history", "terms", "approvals", "evaluation"), "passed"
    )
    assert ref(hub, "ann", "approved").version == ours
    review = pulls_pb2.ReviewPullRequest(owner="ann", name="approved", number=1, version=made.id, verdict=1)  # type: ignore[arg-type]
    pulls_of(hub, "cyd").ReviewPull(review)
    assert ref(hub, "ann", "approved").version == made.id


def test_merges_that_cannot_be_are_explained(hub: Hub) -> None:
    ours, theirs = diverged(hub, "excluded", "CC-BY-SA-4.0")
    ask = merge("excluded", theirs, strategy=pulls_pb2.MERGE_STRATEGY_WEIGHTS)
    asked = pulls_of(hub, "ann").MergePull(ask).pull
    assert asked.merging
    events = said(hub, collaboration_events_pb2.MergeRequested, "test-merge-2")
    told = [e.parse(collaboration_events_pb2.MergeRequested) for e in events]
    pull_id = next(t.pull_id for t in told if t.base_version == ours)
    failed = pulls_pb2.CompleteMergeRequest(
        pull_id=pull_id, base_version=ours, head_version=theirs, failure="s1/ differs"
    )
    workers(hub).CompleteMerge(failed)
    after = look(hub, "ann", "ann", "excluded")
    assert (after.merging, after.merge_failure) == (False, "s1/ differs")
    failed.base_version = theirs
    assert refusal(workers(hub).CompleteMerge, failed).reason == "MERGE_OUTDATED"
    other = pushed(hub, "ann", "stranger")
    fork(hub, "bob", "ann", "stranger", new_name="strange-fork")
    unrelated = pulls_pb2.OpenPullRequest(
        owner="ann", name="excluded", head_owner="bob", head_name="strange-fork", title="x"
    )
    made = pulls_of(hub, "bob").OpenPull(unrelated).pull
    assert checks(made)["history"] == "failed"
    weights = pulls_pb2.MergePullRequest(
        owner="ann", name="excluded", number=2, expected_head=other, strategy=pulls_pb2.MERGE_STRATEGY_WEIGHTS
    )
    assert refusal(pulls_of(hub, "ann").MergePull, weights).reason == "UNRELATED"
