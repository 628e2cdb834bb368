"""Runs queued jobs, one at a time, each in a worker process of its own; what they made is pushed beside the next one.

The worker writes JSON lines on its standard output (progress, then the result or a failure). If this service dies the
kernel ends the worker with it; at the next start a job that was running is queued again and continues from its folder.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from services.common import tracing
from services.common.away import is_away
from services.common.database import Database
from services.common.errors import NotFound, VoiceHubError
from services.common.objects import Area, ObjectStore
from services.common.objects.port import chunks_of
from services.common.subscriptions import Subscription
from services.trainer import records, store
from services.trainer.based import make_base
from services.trainer.domain.jobs import Job, State
from services.trainer.news import News
from services.trainer.port import Publish
from services.trainer.pushes import Push, Pushes

log = logging.getLogger(__name__)
IDLE_SECONDS, AWAY_SECONDS, PATIENCE_SECONDS = 1.0, 5.0, 30.0
WORKER = (sys.executable, "-m", "services.trainer.worker")


def work_order(job: Job) -> dict[str, Any]:
    """What a worker must know of a job, besides the recording and the folder of bases."""
    return {
        "transcript": job.transcript, "language": job.language, "card": dict(job.card), "quick": job.quick,
        "declaration": dict(job.declaration), "base": job.base,
    }  # fmt: skip


class Runner:
    """The thread that takes queued jobs and the news that watchers wait for."""

    tunes_versions = True

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        folder: Path,
        bases: Path,
        publish: Publish,
        worker: Sequence[str] = WORKER,
    ) -> None:
        self._database, self._objects, self._folder, self._bases = database, objects, folder, bases
        self._command = tuple(worker)
        self._news = News()
        self._pushes = Pushes(database, publish, self._news.wake)
        self._stop = threading.Event()
        self._worker: tuple[str, subprocess.Popen[str]] | None = None
        self._thread = threading.Thread(target=self._run, name="trainer-runner", daemon=True)

    def start(self) -> None:
        """Removes what a crash left of jobs that are done, and starts taking jobs, those first that it interrupted."""
        with self._database.read() as session:
            left = [one for one in self._folder.iterdir() if one.is_dir()] if self._folder.is_dir() else []
            over = [one for one in left if (found := store.find(session, one.name)) and found.state is State.SUCCEEDED]
        for one in over:
            shutil.rmtree(one, ignore_errors=True)
        self._pushes.start()
        self._thread.start()

    def stop(self) -> None:
        """Ends the worker; its job continues at the next start."""
        self._stop.set()
        self.wake()
        if self._worker:
            self._worker[1].terminate()
        self._thread.join(timeout=10)
        self._pushes.stop(timeout=10)

    def wake(self) -> None:
        """Something changed: look for work, tell the watchers."""
        self._news.wake()

    def generation(self) -> int:
        """How many news there were so far."""
        return self._news.generation()

    def wait_for_news(self, seen: int, timeout: float) -> None:
        """Waits until there are news after `seen`."""
        self._news.wait_for_news(seen, timeout)

    def subscriptions(self) -> Sequence[Subscription]:
        """None: its worker speaks to it alone."""
        return ()

    def cancel(self, job_id: str) -> None:
        """Ends the worker of this job, if it is the one that runs."""
        worker = self._worker
        if worker and worker[0] == job_id:
            worker[1].terminate()
        self.wake()

    def forget(self, job_id: str) -> None:
        """Removes the folder of a job once its worker is gone."""
        self.cancel(job_id)
        worker = self._worker
        if worker and worker[0] == job_id:
            _end(worker[1])
        shutil.rmtree(self._folder / job_id, ignore_errors=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            seen = self._news.generation()
            try:
                queued = self._queued()
                if queued:
                    with tracing.span("train", tracing.SpanKind.INTERNAL, "", {"voicehub.job.id": queued[0].id}):
                        self._run_job(queued[0])
                    continue
            except Exception as error:  # edge of the thread: one job's trouble must not stop the next
                log.warning("runner failed, trying again", exc_info=error)
                if is_away(error):
                    self._stop.wait(AWAY_SECONDS)
                    continue
            self.wait_for_news(seen, IDLE_SECONDS)

    def _queued(self) -> Sequence[Job]:
        """Oldest first. This thread alone runs jobs: one that runs while it looks is being pushed, or was cut off."""
        pushed = self._pushes.jobs()
        with self._database.read() as session:
            left = [job for job in store.in_state(session, State.RUNNING) if job.id not in pushed]
            queued = store.in_state(session, State.QUEUED)
        if not left:
            return queued
        with self._database.write() as session:
            for job in left:
                store.requeue(session, job)
            return store.in_state(session, State.QUEUED)

    def _run_job(self, job: Job) -> None:
        with self._database.write() as session:
            store.set_state(session, job.id, State.RUNNING)
        try:
            self._do(job)
        except Exception as error:  # edge of a job: what is away comes back, anything else is told to its owner
            if self._stop.is_set():
                raise
            if is_away(error):
                with self._database.write() as session:
                    store.requeue(session, job)
                raise
            log.exception("training failed", extra={"job": job.id})
            self._fail(job, _sentence(error))

    def _do(self, job: Job) -> None:
        folder = self._prepare(job)
        outcome = self._work(job, folder)
        if self._stop.is_set():
            return
        with self._database.read() as session:
            current = store.find(session, job.id)
        if current is None:  # its account was erased
            shutil.rmtree(folder, ignore_errors=True)
            return
        if current.state is not State.RUNNING:
            return  # cancelled meanwhile
        if "failure" in outcome:
            self._fail(job, str(outcome["failure"]))
            return
        if self._may_push(job):
            self._pushes.add(Push(job, folder, outcome.get("report", {})))

    def _prepare(self, job: Job) -> Path:
        folder = self._folder / job.id
        folder.mkdir(parents=True, exist_ok=True)
        recording = folder / "recording"
        if not recording.exists():
            partial = folder / "recording.part"
            with self._recording(job) as source, partial.open("wb") as target:
                for chunk in chunks_of(source):
                    target.write(chunk)
            partial.rename(recording)
        order = {**work_order(job), "bases": str(self._bases)}
        if job.base and not (self._bases / job.base).is_dir():
            base = self._base(job, folder)
            order |= {"bases": str(base.parent), "base": base.name}
        (folder / "request.json").write_text(json.dumps(order))
        return folder

    def _base(self, job: Job, folder: Path) -> Path:
        try:
            return make_base(self._objects, job.base, folder)
        except KeyError:
            raise NotFound("The base of this job is gone.", hint="Train again with a base that is there.") from None

    def _recording(self, job: Job) -> BinaryIO:
        try:
            return self._objects.open(Area.QUARANTINE, job.recording)
        except KeyError:
            raise NotFound("The recording of this job is gone.", hint="Upload it again, and train with that.") from None

    def _work(self, job: Job, folder: Path) -> Mapping[str, Any]:
        command = [*self._command, str(folder)]
        with (folder / "worker.log").open("a") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, "OMP_NUM_THREADS": "2"}
            )
        self._worker = (job.id, process)
        try:
            return self._listen(job, process)
        finally:  # nobody would listen to it any more
            process.kill()
            process.wait()
            self._worker = None

    def _listen(self, job: Job, process: subprocess.Popen[str]) -> Mapping[str, Any]:
        """Tells what a worker says until it has ended; its last word."""
        if self._stop.is_set() or not self._wanted(job):  # who said so found no worker to end
            process.terminate()
        outcome: Mapping[str, Any] = {}
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            if "step" in message:
                self.report(job, message["step"], message["fraction"], message["message"], message["figures"])
            else:
                outcome = message
        code = process.wait()
        if code != 0 and "failure" not in outcome:
            ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            outcome = {"failure": f"The training worker stopped ({ended}). Resume the job to continue it."}
        return outcome

    def _wanted(self, job: Job) -> bool:
        with self._database.read() as session:
            current = store.find(session, job.id)
        return current is not None and current.state is State.RUNNING

    def _may_push(self, job: Job) -> bool:
        with self._database.write() as session:
            may = records.begin_push(session, job.id)
        self.wake()
        return may

    def report(self, job: Job, step: str, fraction: float, message: str, figures: Mapping[str, float]) -> None:
        """Stores a progress report and sends it out."""
        with self._database.write() as session:
            records.report(session, job.id, step, fraction, message, figures)
        self.wake()

    def _fail(self, job: Job, failure: str) -> None:
        with self._database.write() as session:
            records.fail_running(session, job.id, failure)
        self.wake()


def _end(worker: subprocess.Popen[str]) -> None:
    """Waits until a worker that was told to end has; one that takes too long is killed."""
    try:
        worker.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _sentence(error: Exception) -> str:
    """For the owner of a job."""
    if isinstance(error, VoiceHubError):
        return f"{error.message} {error.hint}"
    return f"Training failed: {error}. Resume the job to try again."
