"""What the export worker says when it cannot do its work, and what is left when its service is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from services.common.objects import Area, open_store
from services.inference import exporter
from services.inference.export_worker import AWAY, REFUSED
from services.inference.exporter import Exporter
from services.inference.registry import BaseRegistry
from services.inference.tests.test_domain import scan
from services.launcher.plan import free_ports
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef, Tensor
from services.stubs.voicehub.scanner.v1.scanner_pb2 import RebuiltFile


def worker_of_ours() -> int:
    """The id of the export worker that this process has begun."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # one that ended meanwhile
            command = status.with_name("cmdline").read_bytes()
            if b"export_worker" in command and f"\nPPid:\t{os.getpid()}\n" in status.read_text():
                return int(status.parent.name)
    raise LookupError("no export worker")


@pytest.mark.parametrize("kills", [1, exporter.TRIES])
def test_an_export_that_is_killed_is_tried_again_and_not_for_ever(
    kills: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel does that has no memory left: the version could never be listened to."""
    monkeypatch.setattr(exporter, "PAUSE_SECONDS", 0.05)
    prompt = RebuiltFile(path="prompts/p.safetensors", object=ObjectRef(digest="0" * 64, size=1))
    tensors = [Tensor(name=f"{stage}/x", dtype="float32", shape=[1], digest="0" * 64) for stage in ("s1", "s2")]
    wanted = scan(files=[prompt], tensors=tensors, family="nano")
    with socket.create_server(("127.0.0.1", 0)) as store_that_never_answers, ThreadPoolExecutor(1) as pool:
        store_that_never_answers.settimeout(60)
        url = f"s3+http://key:secret@127.0.0.1:{store_that_never_answers.getsockname()[1]}/bucket"
        objects, bases = open_store(f"file://{tmp_path}/objects"), BaseRegistry(tmp_path / "bases")
        export = pool.submit(Exporter(objects, url, bases, tmp_path / "exports").export, wanted)
        for _ in range(kills):
            with store_that_never_answers.accept()[0]:
                os.kill(worker_of_ours(), signal.SIGKILL)
        if kills < exporter.TRIES:  # the next one ends as it would have without
            with store_that_never_answers.accept()[0]:
                store_that_never_answers.close()
            assert isinstance(export.exception(timeout=60), ConnectionError)
        else:
            sentence = export.result(timeout=60).voice.not_auditionable
            assert "SIGKILL" in sentence
            assert "memory" in sentence
    assert not list((tmp_path / "exports").iterdir())


@pytest.mark.parametrize("away", [True, False])
def test_a_store_that_is_away_says_nothing_about_the_voice(away: bool, tmp_path: Path) -> None:
    folder = f"file://{tmp_path}/objects"
    tensor = open_store(folder).put(Area.SERVED, [bytes(16)])
    order = {
        "objects_url": f"s3+http://key:secret@127.0.0.1:{free_ports(1)[0]}/bucket" if away else folder,
        "family": "v2",
        "tensors": [{"name": "s1/weight", "dtype": "float32", "shape": [4], "digest": tensor.digest}],
        "configs": {},
        "requires": {},
        "out": str(tmp_path / "bundle"),
    }
    (tmp_path / "order.json").write_text(json.dumps(order))
    command = [sys.executable, "-m", "services.inference.export_worker", str(tmp_path / "order.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == (AWAY if away else REFUSED), done.stderr
    assert done.stdout.strip()


SERVICE = """
import sys
from pathlib import Path
from services.common.objects import open_store
from services.inference.exporter import Exporter
from services.inference.registry import BaseRegistry
from services.inference.tests.test_domain import scan
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef, Tensor
from services.stubs.voicehub.scanner.v1.scanner_pb2 import RebuiltFile

folder, url = Path(sys.argv[1]), sys.argv[2]
exporter = Exporter(open_store(f"file://{folder}/objects"), url, BaseRegistry(folder / "bases"), folder / "exports")
prompt = RebuiltFile(path="prompts/p.safetensors", object=ObjectRef(digest="0" * 64, size=1))
tensors = [Tensor(name=f"{stage}/x", dtype="float32", shape=[1], digest="0" * 64) for stage in ("s1", "s2")]
exporter.export(scan(files=[prompt], tensors=tensors, family="nano"))
"""


def test_an_export_ends_with_the_service_that_is_killed_and_its_files_go_at_the_next_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as store_that_never_answers:
        url = f"s3+http://key:secret@127.0.0.1:{store_that_never_answers.getsockname()[1]}/bucket"
        service = subprocess.Popen([sys.executable, "-c", SERVICE, str(tmp_path), url])
        try:
            store_that_never_answers.settimeout(60)
            worker, _ = store_that_never_answers.accept()
        finally:
            service.kill()
            service.wait()
        with worker:
            worker.settimeout(10)
            while worker.recv(1 << 16):  # its request; nothing once it has ended
                pass
    assert list((tmp_path / "exports").iterdir())
    Exporter(open_store(f"file://{tmp_path}/objects"), url, BaseRegistry(tmp_path / "bases"), tmp_path / "exports")
    assert not list((tmp_path / "exports").iterdir())
