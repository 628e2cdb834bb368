"""Takes queued merges, one at a time: brings the objects, lets a worker process merge, pushes what it made.

A crash anywhere leaves the merge queued. It is done again from the beginning, makes the same bytes, and the catalog
answers the version that it has made of them already.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gptsovits.merging import Known, NotMergeable, Plan, plan_base
from services.common.away import is_away
from services.common.database import Database
from services.common.errors import Conflict, Unprocessable, VoiceHubError
from services.common.objects import ObjectStore
from services.stubs.voicehub.catalog.v1 import catalog_pb2
from services.trainer.merging import materials, store
from services.trainer.merging.domain import Merge, State
from services.trainer.merging.versions import Versions
from services.trainer.taking import Taker

log = logging.getLogger(__name__)
WORKER = (sys.executable, "-m", "services.trainer.merging.worker")
WORK_SECONDS = 1800.0


class MergeRunner:
    """The thread of merges."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        versions: Versions,
        folder: Path,
        worker: Sequence[str] = WORKER,
    ) -> None:
        self._database, self._objects, self._versions = database, objects, versions
        self._folder, self._command = folder, tuple(worker)
        self.taker = Taker("merges", self.take)

    def take(self) -> bool:
        """Does the one that waits longest; whether there was one."""
        with self._database.read() as session:
            merge = store.next_queued(session)
        if merge is None:
            return False
        state, result = self._outcome(merge)
        with self._database.write() as session:
            store.end(session, merge.id, state, result)
        return True

    def _outcome(self, merge: Merge) -> tuple[State, str]:
        folder = self._folder / merge.id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            made = self._versions.complete(merge, result=self._merged(merge, folder))
            return (State.MERGED, made) if made else (State.FAILED, "The branch has moved on.")
        except Conflict as outdated:  # closed, merged, or asked for anew with other sides
            return State.FAILED, outdated.message
        except VoiceHubError as error:
            if is_away(error):
                raise
            return self._failed(merge, error.message)
        except NotMergeable as error:
            return self._failed(merge, str(error))
        except (KeyError, OSError, ValueError, subprocess.SubprocessError) as error:
            if is_away(error):
                raise
            log.exception("merge failed", extra={"merge": merge.id})
            return self._failed(merge, f"The merge did not end ({type(error).__name__}); ask for it again.")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _failed(self, merge: Merge, why: str) -> tuple[State, str]:
        try:
            self._versions.complete(merge, failure=why)
        except VoiceHubError as error:
            if is_away(error):
                raise
            log.warning("nobody waits for this merge any more", extra={"merge": merge.id, "detail": error.message})
        return State.FAILED, why

    def _merged(self, merge: Merge, folder: Path) -> catalog_pb2.CreateVersionRequest:
        parents = self._versions.parents(merge)
        wanted = {merge.ours, merge.theirs, *_known(plan_base(parents, merge.ours, merge.theirs))}
        versions = {one: self._versions.get(merge, one) for one in sorted(wanted)}
        request = {
            "ours": merge.ours,
            "theirs": merge.theirs,
            "parents": parents,
            "options": dict(merge.options),
            "versions": {one: materials.told(version) for one, version in versions.items()},
        }
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        materials.bring(self._objects, versions.values(), folder / "objects")
        self._work(folder)
        return materials.result(self._objects, merge, versions[merge.ours], folder / "result")

    def _work(self, folder: Path) -> None:
        """Raises Unprocessable with why the versions cannot be merged, SubprocessError when the worker broke down."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*self._command, str(folder)], stdout=subprocess.PIPE, text=True, timeout=WORK_SECONDS, env=environment,
            check=False,
        )  # fmt: skip
        if done.returncode < 0:
            name = signal.Signals(-done.returncode).name
            raise Unprocessable(f"The merge was ended ({name}); ask for it again.", hint="", reason="MERGE_ENDED")
        done.check_returncode()
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        if "failure" in answer:
            raise Unprocessable(str(answer["failure"]), hint="Choose a side by part.", reason="NOT_MERGEABLE")


def _known(plan: Plan | None) -> set[str]:
    """The versions that a plan reads."""
    if plan is None or isinstance(plan, Known):
        return {plan.version} if plan else set()
    return _known(plan.base) | _known(plan.ours) | _known(plan.theirs)
