"""Takes queued evaluations, one at a time: speaks the sentences, then lets a worker process judge them."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from gptsovits.judge.sentences import sentences_of
from services.common import outbox
from services.common.away import is_away
from services.common.clock import now
from services.common.database import Database
from services.common.errors import Unprocessable, VoiceHubError
from services.common.events import make_event
from services.common.objects import Area, ObjectStore
from services.common.objects.port import chunks_of
from services.stubs.voicehub.trainer.v1.evaluation_pb2 import EvaluationCompleted
from services.trainer.evaluation import store
from services.trainer.evaluation.domain import Evaluation, Sentence, State
from services.trainer.evaluation.messages import to_message
from services.trainer.evaluation.speaking import Hub, language_of
from services.trainer.taking import Taker

log = logging.getLogger(__name__)
WORKER = (sys.executable, "-m", "services.trainer.evaluation.worker")
JUDGING_SECONDS = 1800.0


class EvaluationRunner:
    """The thread of evaluations. One that a crash interrupted begins anew."""

    def __init__(
        self, database: Database, hub: Hub, folder: Path, worker: Sequence[str] = WORKER, most: int | None = None
    ) -> None:
        """`most`: sentences that are judged at most, the first ones; None for all."""
        self._database, self._hub, self._folder, self._command = database, hub, folder, tuple(worker)
        self._most = most
        self._taker = Taker("evaluations", self._take)

    def start(self) -> None:
        """Queues again what a crash interrupted and starts."""
        with self._database.write() as session:
            for one in store.in_state(session, State.RUNNING):
                store.save(session, replace(one, state=State.QUEUED))
        self._taker.start()

    def stop(self) -> None:
        """Stops after the sentence under way."""
        self._taker.stop()

    def wake(self) -> None:
        """Something was queued."""
        self._taker.wake()

    def _take(self) -> bool:
        with self._database.read() as session:
            queued = store.in_state(session, State.QUEUED)
        if queued:
            self._evaluate(queued[0])
        return bool(queued)

    def _evaluate(self, queued: Evaluation) -> None:
        folder = self._folder / queued.id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            self._end(self._judged(queued, folder))
        except VoiceHubError as error:
            if is_away(error):
                raise
            self._end(replace(queued, state=State.FAILED, failure=f"{error.message} {error.hint}".strip()))
        except (KeyError, OSError, ValueError, subprocess.SubprocessError) as error:
            if is_away(error):
                raise
            log.exception("evaluation failed", extra={"evaluation": queued.id})
            self._end(replace(queued, state=State.FAILED, failure=f"The judges failed: {type(error).__name__}."))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _judged(self, queued: Evaluation, folder: Path) -> Evaluation:
        if find_spec("resemblyzer") is None:
            raise Unprocessable(
                "There are no judges here.", hint="Install the extra `train` with the trainer.", reason="NO_JUDGES"
            )
        version = self._hub.version(None, queued.owner, queued.name, queued.version_id)
        language = language_of(version)
        lines = []
        for number, text in enumerate(sentences_of(language)[: self._most]):
            file = f"line-{number}.wav"
            self._hub.speak(version.id, text, language, folder / file)
            lines.append({"text": text, "file": file})
        request = {"language": language, "lines": lines, "references": self._hub.references(version, folder)}
        found = self._judge(request, folder)
        sentences = [
            Sentence(**line, **self._kept(folder / spoken["file"]))
            for line, spoken in zip(found["sentences"], lines, strict=True)
        ]
        return replace(
            queued,
            state=State.SUCCEEDED,
            language=language,
            sentences=tuple(sentences),
            missing=found["missing"],
            tools=found["tools"] if self._most is None else _of_few(found["tools"], len(lines)),
        )

    def _judge(self, request: dict[str, Any], folder: Path) -> dict[str, Any]:
        (folder / "request.json").write_text(json.dumps(request))
        done = subprocess.run(
            [*self._command, str(folder)], stdout=subprocess.PIPE, text=True, timeout=JUDGING_SECONDS, check=True
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def _kept(self, path: Path) -> dict[str, Any]:
        with path.open("rb") as stream:
            info = self._hub.objects.put(Area.SERVED, chunks_of(stream))
        return {"digest": info.digest, "size": info.size}

    def _end(self, evaluation: Evaluation) -> None:
        ended = replace(evaluation, end_time=now())
        with self._database.write() as session:
            if not store.save(session, ended):
                forget(session, self._hub.objects, ended)  # the version was erased meanwhile
                return
            payload = EvaluationCompleted(evaluation=to_message(ended))
            outbox.record(session, make_event("training", ended.version_id, payload, "trainer"))


def forget(session: Session, objects: ObjectStore, evaluation: Evaluation) -> None:
    """Removes the audio that was judged, within a transaction that writes: no evaluation is stored meanwhile."""
    for digest in store.audio_alone(session, evaluation):
        objects.delete(Area.SERVED, digest)


def _of_few(tools: Mapping[str, str], count: int) -> dict[str, str]:
    """The judges of fewer sentences: what they say is not compared with what others say of all."""
    return {figure: f"{judge} ({count} sentences)" for figure, judge in tools.items()}
