"""Clients of a real catalog, who ask again while it is gone and write down what they were answered, and the worker that
merges weights for them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import grpc

from services.catalog.collaboration.tests.steps import forks_of, pulls_of, refs_of
from services.catalog.tests.conftest import CARD, Hub
from services.common.errors import VoiceHubError, from_rpc
from services.common.events import Event
from services.common.identity import Signer
from services.common.rpc import make_channel
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import (
    access_pb2,
    access_pb2_grpc,
    forks_pb2,
    pulls_pb2,
    pulls_pb2_grpc,
    refs_pb2,
)
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1.collaboration_events_pb2 import MergeRequested

T = TypeVar("T")
PEOPLE = ("ann", "bob", "cyd")
PRIVATE = "cyd"
"""All that this one has is private."""
VOICE, FORK = "voice", "of-"
MOST = 5
"""So many times the steps that were asked for are enough, whatever has not happened."""
LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


@dataclass
class Place:
    """A repository: what was pushed to each branch, in order, by what was answered."""

    id: str
    pushed: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Told:
    """What the hub has answered to anybody.

    Attributes:
        pushed: all versions that somebody pushed.
        results: versions that merges of weights made, with owner and name of where.
        merged: repository id, and the version that its `main` moved to by a pull request.
    """

    pushed: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    results: dict[str, tuple[str, str]] = field(default_factory=dict)
    merged: list[tuple[str, str]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


@dataclass
class Client:
    """Somebody with a voice and forks of others'."""

    name: str
    told: Told
    hub: Hub
    places: dict[str, Place] = field(default_factory=dict)

    def work(self, seed: int, steps: int, killed: threading.Event) -> None:
        """A random history of so many steps at least, until the last kill is over and everything has happened once."""
        chance = random.Random(seed)
        for step in count():
            happened = self.told.merged and self.told.erased and self.told.deleted
            if step >= steps and killed.is_set() and (happened or step > steps * MOST):
                return
            what = chance.choices(("push", "fork", "merge", "erase", "delete"), (10, 2, 6, 2, 1))[0]
            if what == "push" or VOICE not in self.places:
                self.push(chance, step)
            elif what == "fork":
                self.fork(chance.choice([one for one in PEOPLE if one not in (self.name, PRIVATE)]))
            elif what == "merge":
                self.merge(chance)
            elif what == "erase":
                self.erase(chance)
            else:
                self.delete(chance.choice(sorted(self.places)))

    def push(self, chance: random.Random, step: int) -> None:
        """To a branch of anything that is one's own; uploaded again if garbage collection was quicker."""
        name = chance.choice(sorted(self.places)) if VOICE in self.places else VOICE
        branch = chance.choice(("main", "main", "side"))

        def pushed() -> pb.Version:
            request = self.hub.push_request(
                self.name, name, visibility_if_new=self._kind(), ref=branch, idempotency_key=f"{self.name}-{step}"
            )
            return self.hub.stub(self.name).CreateVersion(request).version

        made = surely(pushed, "UPLOAD_MISSING")
        self.told.pushed.add(made.id)
        if name not in self.places:
            self.places[name] = Place(self._id(self.name, name))
        self.places[name].pushed.setdefault(branch, []).append(made.id)
        self.hub.walk(made.id)

    def fork(self, owner: str) -> None:
        """A fork of somebody's voice; private if all that one has is."""
        name = FORK + owner
        request = forks_pb2.ForkRepositoryRequest(owner=owner, name=VOICE, new_name=name, visibility=self._kind())
        if name in self.places:
            return
        try:
            surely(lambda: forks_of(self.hub, self.name).ForkRepository(request))
        except VoiceHubError as refused:  # nothing published there now, or made by a call whose answer was lost
            if refused.reason != "NAME_TAKEN":
                return
        self.places[name] = Place(self._id(self.name, name))

    def merge(self, chance: random.Random) -> None:
        """A pull request from `side`, or from a fork into its upstream, merged by who may; closed if it is not."""
        name = chance.choice(sorted(self.places))
        out = name.startswith(FORK) and self.name != PRIVATE and chance.random() < 0.7
        target = (name.removeprefix(FORK), VOICE) if out else (self.name, name)
        head = chance.choice(("main", "side")) if out else "side"
        request = pulls_pb2.OpenPullRequest(
            owner=target[0], name=target[1], head_owner=self.name, head_name=name, head_ref=head, title="better"
        )
        try:
            repository = self._id(*target)
            self._settled(name, head)
            opened = surely(lambda: pulls_of(self.hub, self.name).OpenPull(request)).pull
            ended = self._ended(target, opened)
        except VoiceHubError:  # nothing to merge, or deleted meanwhile
            return
        if ended.state == pulls_pb2.PULL_STATE_MERGED:
            self.told.merged.append((repository, ended.head_version))

    def erase(self, chance: random.Random) -> None:
        """One of the versions of one's repositories, also what a merge made there, once its road is over."""
        own = [(name, v) for name, place in self.places.items() for pushed in place.pushed.values() for v in pushed]
        results = list(self.told.results.items())
        own += [(name, v) for v, (owner, name) in results if owner == self.name and name in self.places]
        left = [one for one in sorted(own) if one[1] not in self.told.erased]
        if not left:
            return
        name, version = chance.choice(left)
        request = pb.EraseVersionRequest(owner=self.name, name=name, version=version)

        def gone() -> bool:
            try:
                surely(lambda: self.hub.stub(self.name).EraseVersion(request))
            except VoiceHubError as refused:
                if refused.reason == "VERSION_NOT_FOUND":  # made in a repository that is deleted
                    return True
                if refused.reason != "STILL_ON_ITS_ROAD":
                    raise
                return False
            self.told.erased.add(version)
            return True

        self.hub.eventually(gone, bool)

    def delete(self, name: str) -> None:
        request = access_pb2.DeleteRepositoryRequest(owner=self.name, name=name)
        try:
            surely(lambda: access_pb2_grpc.AccessServiceStub(self.hub.channel(self.name)).DeleteRepository(request))
        except VoiceHubError as refused:  # by a call whose answer was lost
            if refused.http_status != 404:
                raise
        self.told.deleted.append(self.places.pop(name).id)

    def _ended(self, target: tuple[str, str], opened: pulls_pb2.Pull) -> pulls_pb2.Pull:
        at = {"owner": target[0], "name": target[1], "number": opened.number}
        strategy = pulls_pb2.MERGE_STRATEGY_WEIGHTS if opened.behind else pulls_pb2.MERGE_STRATEGY_FAST_FORWARD
        merge = pulls_pb2.MergePullRequest(expected_head=opened.head_version, strategy=strategy, **at)  # type: ignore[arg-type]
        try:
            surely(lambda: pulls_of(self.hub, target[0]).MergePull(merge))
        except VoiceHubError as refused:
            # Done by a call whose answer was lost, or not to be done (any more).
            if refused.reason not in ("PULL_NOT_OPEN", "MERGE_UNDER_WAY"):
                surely(lambda: pulls_of(self.hub, self.name).ClosePull(pulls_pb2.ClosePullRequest(**at)))  # type: ignore[arg-type]
        look = pulls_pb2.GetPullRequest(**at)  # type: ignore[arg-type]
        return self.hub.eventually(
            lambda: surely(lambda: pulls_of(self.hub, self.name).GetPull(look)).pull, lambda pull: not pull.merging
        )

    def _settled(self, name: str, branch: str) -> None:
        """Waits until what was pushed to a branch is published; NotFound for one that is not there."""
        look = refs_pb2.GetRefRequest(owner=self.name, name=name, ref=branch)
        self.hub.eventually(
            lambda: surely(lambda: refs_of(self.hub, self.name).GetRef(look)).ref, lambda ref: ref.version == ref.tip
        )

    def _id(self, owner: str, name: str) -> str:
        request = pb.GetRepositoryRequest(owner=owner, name=name)
        return str(surely(lambda: self.hub.stub(self.name).GetRepository(request)).repository.id)

    def _kind(self) -> pb.Visibility.ValueType:
        return pb.VISIBILITY_PRIVATE if self.name == PRIVATE else pb.VISIBILITY_PUBLIC


class Worker:
    """Merges weights as the trainer does: hears of it, reports a result, which walks the road and is judged."""

    def __init__(self, hub: Hub, told: Told) -> None:
        self._hub, self._told = hub, told
        channel = make_channel(hub.address, Signer(hub.data / "keys", "trainer").own)
        hub.channels.append(channel)
        self._stub = pulls_pb2_grpc.JudgementServiceStub(channel)

    def work(self, over: threading.Event) -> None:
        """Until it is over and nothing waits."""
        consumer = self._hub.bus.consumer("test-merges", ["community"])
        while True:
            last = over.is_set()
            batch = consumer.poll(limit=20, timeout=0.1)
            for delivery in batch:
                if delivery.event.type == MergeRequested.DESCRIPTOR.full_name:
                    self._merge(delivery.event)
                consumer.commit(delivery)
            if last and not batch:
                break
        consumer.close()

    def _merge(self, event: Event) -> None:
        asked = event.parse(MergeRequested)
        made = self._result(asked)
        if not made:
            return
        self._told.results[made] = (asked.owner, asked.name)
        assert self._result(asked) in ("", made), "a worker that died may say it again"
        for version in (asked.base_version, made):
            figures = to_struct({"similarity": 0.8, "intelligibility": 0.9})
            told = pulls_pb2.Evaluation(version=version, figures=figures, tools={"judge": "1.0"})
            surely(lambda: self._stub.RecordEvaluation(pulls_pb2.RecordEvaluationRequest(evaluation=told)))  # noqa: B023
        self._hub.walk(made)

    def _result(self, asked: MergeRequested) -> str:
        """Id of the version that the result became; empty if nobody waits for it any more."""
        try:
            return str(surely(lambda: self._complete(asked), "UPLOAD_MISSING").id)
        except VoiceHubError as refused:
            if refused.reason not in ("PULL_NOT_OPEN", "MERGE_OUTDATED"):
                raise
            return ""

    def _complete(self, asked: MergeRequested) -> pb.Version:
        files = self._hub.push_request(asked.owner, asked.name).files
        result = pb.CreateVersionRequest(message="merged", card=to_struct(CARD), files=files)
        done = pulls_pb2.CompleteMergeRequest(
            pull_id=asked.pull_id, base_version=asked.base_version, head_version=asked.head_version, result=result
        )
        return self._stub.CompleteMerge(done).version


def surely(call: Callable[[], T], once_more: str = "") -> T:
    """The answer, asked for again while the catalog is gone, and after a refusal for that reason."""
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() in LOST:
                continue
            refused = from_rpc(error)
            if not once_more or refused.reason != once_more:
                raise refused from error
