"""New versions and adopted contributions are told to whoever watches; evaluations open the gates of pull requests."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.catalog.collaboration import settling
from services.catalog.community import notices
from services.catalog.store import pulls, repositories, versions
from services.common.events import Event
from services.common.structs import to_struct
from services.common.subscriptions import Effect, Subscription
from services.stubs.voicehub.catalog.v1 import pulls_pb2
from services.stubs.voicehub.catalog.v1.collaboration_events_pb2 import PullMerged
from services.stubs.voicehub.catalog.v1.events_pb2 import VersionPublished
from services.stubs.voicehub.trainer.v1.evaluation_pb2 import Evaluation, EvaluationCompleted

ERRORS, INTELLIGIBILITY = "word_error_rate", "intelligibility"


def subscription() -> Subscription:
    """The consumer group of notices and evaluations; what comes twice changes nothing."""
    return Subscription(
        "catalog-notices",
        {
            ("versions", str(VersionPublished.DESCRIPTOR.full_name)): _published,
            ("community", str(PullMerged.DESCRIPTOR.full_name)): _merged,
            ("training", str(EvaluationCompleted.DESCRIPTOR.full_name)): _evaluated,
        },
    )


def _published(event: Event) -> Effect:
    version_id = event.parse(VersionPublished).version_id

    def effect(session: Session) -> None:
        version = versions.get(session, version_id)
        if version is not None:
            key = notices.of_version(version.id)
            happened = notices.Happened("version", key, version.id, version.message, version.author)
            notices.tell(session, repositories.by_id(session, version.repository_id), happened)

    return effect


def _merged(event: Event) -> Effect:
    fact = event.parse(PullMerged)

    def effect(session: Session) -> None:
        repository = repositories.by_id(session, fact.repository_id)
        key = f"merged:{fact.repository_id}:{fact.number}"
        row = pulls.find(session, repository, fact.number)
        # the account of either may have been erased since; then the row has its pseudonym
        author, closer = (row.author, row.closer) if row is not None else (fact.author, fact.account)
        happened = notices.Happened("pull-request", key, str(fact.number), "merged", closer)
        notices.tell(session, repository, happened, [author])

    return effect


def _evaluated(event: Event) -> Effect:
    told = judged(event.parse(EvaluationCompleted).evaluation)

    def effect(session: Session) -> None:
        if versions.get(session, told.version) is not None:
            settling.judged(session, told)

    return effect


def judged(found: Evaluation) -> pulls_pb2.Evaluation:
    """An evaluation as the gates of pull requests read it: the higher the better."""
    figures = dict(found.figures)
    tools = dict(found.tools)
    if ERRORS in figures:
        figures[INTELLIGIBILITY] = max(0.0, 1.0 - figures.pop(ERRORS))
        tools[INTELLIGIBILITY] = tools.pop(ERRORS, "")
    return pulls_pb2.Evaluation(
        version=found.version_id, figures=to_struct(figures), tools=tools, failure=found.failure
    )
