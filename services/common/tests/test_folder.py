"""What the embedded object store leaves behind; the contract is in tests/contract/test_objects.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from services.common.objects import Area
from services.common.objects.folder import FolderStore

_PUTTING = """
import sys, time
from pathlib import Path
from services.common.objects import Area
from services.common.objects.folder import FolderStore

def chunks():
    yield bytes(1 << 20)
    print("half", flush=True)
    time.sleep(60)

FolderStore(Path(sys.argv[1])).put(Area.QUARANTINE, chunks())
"""


def test_what_a_killed_process_left_goes_and_what_another_one_puts_stays(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    left = tmp_path / "incoming"

    def chunks() -> Iterator[bytes]:
        yield b"one"
        with subprocess.Popen([sys.executable, "-c", _PUTTING, str(tmp_path)], stdout=subprocess.PIPE) as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == b"half\n"
            assert len(list(left.iterdir())) == 2
            killed.kill()
        FolderStore(tmp_path)  # the next process
        assert len(list(left.iterdir())) == 1
        yield b"two"

    info = store.put(Area.SERVED, chunks())
    assert store.open(Area.SERVED, info.digest).read() == b"onetwo"
    assert list(left.iterdir()) == []
