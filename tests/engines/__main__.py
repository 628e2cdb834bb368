"""`python -m tests.engines up|down|run|lock`: the engines of a cluster on this machine.

`run` holds them as children of one process, which `up` starts in the background and `down` ends; they die with it. What
they are called is written to `engines.json` in the home folder, which `voicehub up --engines` reads.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.engines.background import Background
from tests.engines.cache import cache
from tests.engines.elasticsearch import Elasticsearch
from tests.engines.kafka import Kafka
from tests.engines.maven import write_lock
from tests.engines.postgresql import PostgreSQL
from tests.engines.seaweedfs import SeaweedFS
from tests.engines.server import Server
from tests.engines.triton import Triton

ENGINES: Mapping[str, Callable[[Path], Server]] = {
    engine.name: engine for engine in (PostgreSQL, Kafka, SeaweedFS, Elasticsearch, Triton)
}
SAID = "engines.json"


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
    home: Path = given.home.resolve()
    names: Sequence[str] = given.names or list(ENGINES)
    background = Background("tests.engines", home, SAID)
    if given.verb == "down":
        return background.down()
    if given.verb == "up":
        return background.up([*names, "--home", str(home)])

    def start(stack: ExitStack) -> Mapping[str, str]:
        servers = [stack.enter_context(ENGINES[name](home)) for name in names]
        return {server.setting: server.url for server in servers}

    return background.run(start)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
