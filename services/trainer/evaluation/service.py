"""The gRPC surface of evaluations, and the event that asks for one."""

from __future__ import annotations

import grpc
from sqlalchemy.orm import Session

from services.common.clock import now
from services.common.database import Database
from services.common.errors import NotFound, Unauthenticated
from services.common.events import Event
from services.common.ids import new_id
from services.common.rpc import caller
from services.common.subscriptions import Effect, Subscription
from services.stubs.voicehub.catalog.v1.collaboration_events_pb2 import EvaluationRequested
from services.stubs.voicehub.catalog.v1.events_pb2 import VersionErased
from services.stubs.voicehub.trainer.v1 import evaluation_pb2 as pb
from services.stubs.voicehub.trainer.v1 import evaluation_pb2_grpc
from services.trainer.evaluation import store
from services.trainer.evaluation.domain import Evaluation, State, differences
from services.trainer.evaluation.messages import to_message
from services.trainer.evaluation.runner import EvaluationRunner, forget
from services.trainer.evaluation.speaking import Hub, language_of

# ruff: noqa: N802 - the contract's names


class EvaluationService(evaluation_pb2_grpc.EvaluationServiceServicer):
    """Whoever may read a version may have it evaluated and read what came of it."""

    def __init__(self, database: Database, hub: Hub, runner: EvaluationRunner) -> None:
        self._database, self._hub, self._runner = database, hub, runner

    def CreateEvaluation(
        self, request: pb.CreateEvaluationRequest, context: grpc.ServicerContext
    ) -> pb.CreateEvaluationResponse:
        """The one that there is, or a new one."""
        account = caller().account
        if not account:
            raise Unauthenticated("An evaluation is asked for by an account.", hint="Log in first.")
        version = self._hub.version(account, request.owner, request.name, request.ref)
        language_of(version)
        with self._database.write() as session:
            found = queue(session, version.id, version.owner, version.name)
        self._runner.wake()
        return pb.CreateEvaluationResponse(evaluation=to_message(found))

    def GetEvaluation(
        self, request: pb.GetEvaluationRequest, context: grpc.ServicerContext
    ) -> pb.GetEvaluationResponse:
        """The last one of a version that the caller may read."""
        return pb.GetEvaluationResponse(evaluation=to_message(self._last(request.owner, request.name, request.ref)))

    def CompareEvaluations(
        self, request: pb.CompareEvaluationsRequest, context: grpc.ServicerContext
    ) -> pb.CompareEvaluationsResponse:
        """Head minus base."""
        base, head = (self._last(one.owner, one.name, one.ref) for one in (request.base, request.head))
        found = {
            name: pb.Difference(mean=one.mean, low=one.low, high=one.high)
            for name, one in differences(base, head).items()
        }
        return pb.CompareEvaluationsResponse(base=to_message(base), head=to_message(head), differences=found)

    def subscription(self) -> Subscription:
        """What pull requests ask for, and versions of which nothing shall be left."""
        asked, erased = (str(one.DESCRIPTOR.full_name) for one in (EvaluationRequested, VersionErased))
        handlers = {("community", asked): self._requested, ("versions", erased): self._erased}
        return Subscription("trainer-evaluations", handlers)

    def _requested(self, event: Event) -> Effect:
        fact = event.parse(EvaluationRequested)

        def effect(session: Session) -> None:
            queue(session, fact.version_id, fact.owner, fact.name)

        self._runner.wake()
        return effect

    def _erased(self, event: Event) -> Effect:
        version_id = event.parse(VersionErased).version_id

        def effect(session: Session) -> None:
            for one in store.of_version(session, version_id):
                forget(session, self._hub.objects, one)
            store.forget(session, version_id)

        return effect

    def _last(self, owner: str, name: str, ref: str) -> Evaluation:
        version = self._hub.version(caller().account, owner, name, ref)
        with self._database.read() as session:
            found = store.last(session, version.id)
        if found is None:
            raise NotFound(
                f"{owner}/{name} was not evaluated at this version.",
                hint=f"Ask for it: voicehub evaluate {owner}/{name}@{version.id}",
                reason="NOT_EVALUATED",
            )
        return found


def queue(session: Session, version_id: str, owner: str, name: str) -> Evaluation:
    """The evaluation of a version that did not fail, or a new one that waits."""
    known = store.last(session, version_id, failed_too=False)
    if known is not None:
        return known
    made = Evaluation(new_id(), version_id, owner, name, State.QUEUED, now())
    store.add(session, made)
    return made
