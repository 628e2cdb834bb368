"""What an evaluation says, and what differs between two."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile
from sqlalchemy import select

from gptsovits.judge.sentences import sentences_of
from gptsovits.pipeline.tests.speech import RATE, speech_like
from services.common.clock import now
from services.common.database import Database
from services.common.events import make_event
from services.common.identity import Signer
from services.common.migrations import upgrade
from services.common.objects import Area, open_store
from services.common.tables import outbox
from services.stubs.voicehub.catalog.v1.catalog_pb2 import ExportFile, Version
from services.stubs.voicehub.catalog.v1.events_pb2 import VersionErased
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef
from services.trainer.evaluation import store
from services.trainer.evaluation.domain import Evaluation, Sentence, State, differences
from services.trainer.evaluation.runner import EvaluationRunner
from services.trainer.evaluation.service import EvaluationService, queue
from services.trainer.evaluation.speaking import Hub
from services.trainer.evaluation.worker import judge
from services.trainer.tests.conftest import MIGRATIONS


def evaluation(similarity: float, errors: int, mos: float) -> Evaluation:
    sentences = tuple(
        Sentence(f"s{n}", similarity=similarity + n / 100, errors=errors, words=10, mos=mos) for n in range(8)
    )
    return Evaluation("e", "v", "ana", "voice", State.SUCCEEDED, now(), language="en", sentences=sentences)


def test_figures_are_means_and_pooled_word_errors() -> None:
    assert evaluation(0.8, 2, 3.0).figures == {"mos": 3.0, "similarity": 0.835, "word_error_rate": 0.2}
    deaf = replace(evaluation(0.8, 2, 3.0), sentences=(Sentence("s", mos=2.0),))
    assert deaf.figures == {"mos": 2.0}


def test_differences_are_paired_by_sentence_and_sure_only_where_they_are() -> None:
    base, head = evaluation(0.7, 3, 3.0), evaluation(0.8, 1, 3.0)
    found = differences(base, head)
    assert found["similarity"].mean == pytest.approx(0.1)
    assert found["similarity"].low > 0.09
    assert found["word_error_rate"].mean == pytest.approx(-0.2)
    assert found["word_error_rate"].high == pytest.approx(-0.2)
    assert found["mos"].mean == found["mos"].low == found["mos"].high == 0.0
    assert differences(base, replace(head, language="zh")) == {}
    silent = replace(head, sentences=tuple(replace(one, similarity=None) for one in head.sentences))
    assert "similarity" not in differences(base, silent)


def test_a_noisy_difference_has_zero_in_its_interval() -> None:
    source = np.random.default_rng(3)

    def noisy() -> Evaluation:
        sentences = tuple(Sentence(f"s{n}", mos=float(source.normal(3, 0.5))) for n in range(20))
        return replace(evaluation(0, 0, 0), sentences=sentences)

    found = differences(noisy(), noisy())["mos"]
    assert found.low < 0 < found.high


def test_a_version_has_one_evaluation_and_another_one_only_when_that_failed(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'trainer.sqlite'}")
    upgrade(database, MIGRATIONS)
    with database.write() as session:
        first = queue(session, "v", "ana", "voice")
        assert queue(session, "v", "ana", "voice").id == first.id
        store.save(session, replace(first, state=State.FAILED, failure="no"))
        second = queue(session, "v", "ana", "voice")
        assert second.id != first.id
        store.save(session, replace(second, state=State.SUCCEEDED, sentences=(Sentence("s", mos=2.0),)))
        assert queue(session, "v", "ana", "voice").figures == {"mos": 2.0}
    database.engine.dispose()


def test_of_an_erased_version_no_audio_is_kept_that_another_one_lacks(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'trainer.sqlite'}")
    upgrade(database, MIGRATIONS)
    objects = open_store(f"file://{tmp_path / 'objects'}")
    own, shared, late = (objects.put(Area.SERVED, [b"RIFF %d" % n]).digest for n in range(3))
    hub = Hub("", "", cast("Signer", None), objects)
    runner = EvaluationRunner(database, hub, tmp_path / "judging")
    subscription = EvaluationService(database, hub, runner).subscription()
    with database.write() as session:
        gone, other = queue(session, "gone", "ana", "voice"), queue(session, "other", "ana", "voice")
        for one, digests in ((gone, (own, shared)), (other, (shared,))):
            sentences = tuple(Sentence("s", digest=digest) for digest in digests)
            store.save(session, replace(one, state=State.SUCCEEDED, sentences=sentences))
    fact = VersionErased(version_id="gone")
    handler = subscription.handlers["versions", str(VersionErased.DESCRIPTOR.full_name)]
    effect = handler(make_event("versions", "gone", fact, "catalog"))
    assert effect is not None
    with database.write() as session:
        effect(session)
        assert store.last(session, "gone") is None
        assert store.last(session, "other") is not None
    assert set(objects.digests(Area.SERVED)) == {shared, late}
    runner._end(replace(gone, state=State.SUCCEEDED, sentences=(Sentence("s", digest=late),)))  # was under way
    assert set(objects.digests(Area.SERVED)) == {shared}
    with database.read() as session:
        assert store.last(session, "gone") is None
        assert session.execute(select(outbox)).first() is None
    database.engine.dispose()


class Heard(Hub):
    """A catalog with one version, and an inference that speaks it."""

    def version(self, account: str | None, owner: str, name: str, ref: str) -> Version:
        prompt = ExportFile(path="prompts/a.flac", object=ObjectRef(digest="0" * 64))
        return Version(id=ref, bundle=[ExportFile(path="s2.onnx")], files=[prompt])

    def speak(self, version_id: str, text: str, language: str, target: Path) -> None:
        target.write_bytes(b"RIFF")


@pytest.mark.parametrize(("away", "state"), [(False, State.FAILED), (True, State.QUEUED)])
def test_an_object_that_is_gone_ends_an_evaluation_and_a_store_that_is_away_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away: bool, state: State
) -> None:
    """The one would be tried for ever, with all others behind it; the other was given up for good."""
    database = Database(f"sqlite:///{tmp_path / 'trainer.sqlite'}")
    upgrade(database, MIGRATIONS)
    objects = open_store(f"file://{tmp_path / 'objects'}")
    runner = EvaluationRunner(database, Heard("", "", cast("Signer", None), objects), tmp_path / "judging", most=1)
    with database.write() as session:
        queue(session, "v", "ana", "voice")
    if away:
        monkeypatch.setattr(objects, "open", Mock(side_effect=ConnectionError("no answer")))
        with pytest.raises(ConnectionError):
            runner._take()
    else:
        assert runner._take()
    with database.read() as session:
        assert [one.version_id for one in store.in_state(session, state)] == ["v"]
    database.engine.dispose()


def test_the_judges_hear_the_same_speaker_and_say_what_they_cannot_hear(tmp_path: Path) -> None:
    for name, seconds in (("reference.wav", 6.0), ("line.wav", 4.0)):
        soundfile.write(tmp_path / name, speech_like(seconds), RATE)
    line = {"text": "Hello there.", "file": "line.wav"}
    found = judge({"language": "en", "lines": [line], "references": ["reference.wav"]}, tmp_path)
    sentence = found["sentences"][0]
    assert sentence["similarity"] > 0.9
    assert (sentence["words"], sentence["seconds"]) == (2, pytest.approx(4.0, abs=0.1))
    assert 1 <= sentence["mos"] <= 5
    assert found["missing"] == {}
    assert found["tools"]["similarity"].startswith("resemblyzer ")
    silent = judge({"language": "zh", "lines": [line], "references": []}, tmp_path)
    assert set(silent["missing"]) == {"similarity", "word_error_rate"}
    assert silent["sentences"][0]["errors"] is None
    json.dumps(found)


def test_each_language_has_sentences_of_its_own() -> None:
    own = {language: sentences_of(language) for language in ("en", "zh-CN", "yue", "zh-yue", "ja", "ko-KR")}
    assert own["yue"] == own["zh-yue"]
    assert len({one for found in own.values() for one in found}) == 20 + 4 * 10
