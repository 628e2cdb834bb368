"""`python -m tests.engines up|down|run|lock`: the engines of a cluster on this machine.

`run` holds them as children of one process, which `up` starts in the background and `down` ends; they die with it. What
they are called is written to `engines.json` in the home folder, which `voicehub up --engines` reads.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.engines.cache import cache
from tests.engines.elasticsearch import Elasticsearch
from tests.engines.kafka import Kafka
from tests.engines.maven import write_lock
from tests.engines.postgresql import PostgreSQL
from tests.engines.seaweedfs import SeaweedFS
from tests.engines.server import LOOK_SECONDS, Server
from tests.engines.triton import Triton

ENGINES: Mapping[str, Callable[[Path], Server]] = {
    engine.name: engine for engine in (PostgreSQL, Kafka, SeaweedFS, Elasticsearch, Triton)
}
SAID = "engines.json"
ROOT = Path(__file__).resolve().parents[2]


def run(home: Path, names: Sequence[str]) -> int:
    """Starts the engines, says so in `engines.json`, stops them on SIGTERM or SIGINT."""
    with _held(home) as alone, ExitStack() as stack:
        if not alone:
            print(f"Engines run already from {home}.", file=sys.stderr)
            return 1
        asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: asked.set())
        servers = [stack.enter_context(ENGINES[name](home)) for name in names]
        content = {"pid": os.getpid(), "environment": {server.setting: server.url for server in servers}}
        fresh = home / "engines.json.new"
        fresh.touch(0o600)  # there are passwords in it
        fresh.write_text(json.dumps(content, indent=1))
        fresh.rename(home / SAID)
        stack.callback((home / SAID).unlink)
        asked.wait()
    return 0


def up(home: Path, names: Sequence[str]) -> int:
    """Starts `run` in the background unless it runs; prints the settings when all engines serve."""
    with _held(home) as alone:
        if alone:
            (home / SAID).unlink(missing_ok=True)  # of one that was killed
    command = [sys.executable, "-m", "tests.engines", "run", *names, "--home", str(home)]
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    while not (home / SAID).exists():
        if process.poll() not in (None, 1) or (process.poll() == 1 and not _is_held(home)):
            print((home / "log").read_text(errors="replace")[-3000:], file=sys.stderr)
            return 1
        time.sleep(LOOK_SECONDS)
    for name, value in json.loads((home / SAID).read_text())["environment"].items():
        print(f"export {name}='{value}'")
    return 0


def down(home: Path) -> int:
    """Ends what runs from this home, and waits for it."""
    if _is_held(home):
        holder = os.pidfd_open(int(json.loads((home / SAID).read_text())["pid"]))
        signal.pidfd_send_signal(holder, signal.SIGTERM)
        select.select([holder], [], [])  # readable when `run` has ended, which it does after its last engine
        os.close(holder)
        return 0
    (home / SAID).unlink(missing_ok=True)
    return 0


@contextmanager
def _held(home: Path) -> Iterator[bool]:
    """Holds the home's lock, if nobody does."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _is_held(home: Path) -> bool:
    with _held(home) as alone:
        return not alone


def main(arguments: Sequence[str]) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("verb", choices=("up", "down", "run", "lock"))
    parser.add_argument("names", nargs="*", help=f"some of: {', '.join(ENGINES)} (default: all)")
    parser.add_argument("--home", type=Path, default=cache() / "home", help="where their data lies")
    given = parser.parse_args(arguments)
    if given.verb == "lock":
        for name in given.names:
            with tempfile.TemporaryDirectory() as folder:
                write_lock(name, Path(folder))
        return 0
    if unknown := set(given.names) - set(ENGINES):
        parser.error(f"unknown engine {', '.join(sorted(unknown))}; there are: {', '.join(ENGINES)}")
    if given.verb == "down":
        return down(given.home)
    return {"run": run, "up": up}[given.verb](given.home.resolve(), given.names or list(ENGINES))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
