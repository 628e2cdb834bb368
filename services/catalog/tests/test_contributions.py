"""What happens around a contribution: it is told, it earns, and its evaluation opens gates."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from services.catalog.community.handlers import judged
from services.catalog.store.pull_tables import EvaluationRow
from services.catalog.tests.conftest import Hub
from services.catalog.tests.test_community import published, told
from services.catalog.tests.test_credits import balance, credit_stub
from services.common.database import Database
from services.common.events import make_event
from services.stubs.voicehub.catalog.v1 import catalog_pb2
from services.stubs.voicehub.catalog.v1.collaboration_events_pb2 import PullMerged
from services.stubs.voicehub.trainer.v1.evaluation_pb2 import Evaluation, EvaluationCompleted


def test_an_adopted_contribution_earns_and_is_told_once(hub: Hub) -> None:
    version = published(hub, "una", "improved")
    repository = (
        hub.stub("una").GetRepository(catalog_pb2.GetRepositoryRequest(owner="una", name="improved")).repository
    )
    vic = credit_stub(hub, "vic")
    before = balance(vic)[0]
    fact = PullMerged(repository_id=repository.id, number=4, author="vic", version_id=version.id, account="una")
    hub.bus.publish([make_event("community", repository.id, fact, "catalog") for _ in range(2)])
    hub.eventually(lambda: balance(vic)[0], lambda found: found == before + 50)
    assert hub.eventually(lambda: told(hub, "vic"), bool) == [("pull-request", "improved", "una")]
    assert balance(vic)[0] == before + 50


def test_an_evaluation_of_the_trainer_is_attached_to_its_version(hub: Hub) -> None:
    version = published(hub, "una", "judged")
    tools = {"similarity": "resemblyzer 1", "word_error_rate": "pocketsphinx 5"}
    figures = {"similarity": 0.9, "word_error_rate": 0.25, "mos": 3.1}
    found = Evaluation(id="e", version_id=version.id, figures=figures, tools=tools)
    hub.bus.publish([make_event("training", version.id, EvaluationCompleted(evaluation=found), "trainer")] * 2)
    database = Database(f"sqlite:///{hub.data / 'db' / 'catalog.sqlite'}")

    def look() -> EvaluationRow | None:
        with database.read() as session:
            return session.scalars(select(EvaluationRow).where(EvaluationRow.version_id == version.id)).one_or_none()

    row = hub.eventually(look, lambda kept: kept is not None)
    assert row is not None
    assert row.figures["intelligibility"] == pytest.approx(0.75)
    assert row.tools == {"similarity": "resemblyzer 1", "intelligibility": "pocketsphinx 5"}
    database.engine.dispose()


def test_what_nobody_heard_has_no_intelligibility() -> None:
    silent = judged(Evaluation(version_id="v", figures={"mos": 3.0}, failure=""))
    assert set(silent.figures) == {"mos"}
    more = judged(Evaluation(version_id="v", figures={"word_error_rate": 1.5}))
    assert more.figures["intelligibility"] == 0.0
