"""Several things at once, of which the first that goes wrong, or the user, ends all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from typing import TypeVar

from voicehub.errors import VoiceHubError

T = TypeVar("T")


class Stopped(VoiceHubError):
    """Another job went wrong, or the user wants no more of it."""


class Stop:
    """Looked at by each job after every piece that it moves."""

    def __init__(self) -> None:
        self._event = Event()

    def now(self) -> None:
        """Ends all jobs at their next piece."""
        self._event.set()

    def check(self) -> None:
        """Raises Stopped if there is no more to be done."""
        if self._event.is_set():
            raise Stopped("It was stopped.", hint="Run the command again: it goes on from here.")


def run_all(jobs: Sequence[Callable[[], T]], stop: Stop, workers: int) -> list[T]:
    """What the jobs give, in their order; whatever one raises is raised at once, Ctrl-C too, and ends the others."""
    pool = ThreadPoolExecutor(workers)
    try:
        futures = [pool.submit(job) for job in jobs]
        for done in as_completed(futures):
            done.result()
        return [future.result() for future in futures]
    except BaseException:
        stop.now()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
