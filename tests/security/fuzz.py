"""Coverage-guided fuzzing (atheris) of the readers: ``python -m tests.security.fuzz READER SECONDS [FOLDER]``.

Any exception but ``Refused``, more than two CPU seconds for an input (all are below 1 MB), more memory than four times
the input and a fixed 24 MB (allocated by Python, measured on one input of 64), or more than 512 MB for the process
ends the run with a non-zero exit code; libFuzzer then leaves the input in ``build/fuzz``.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["voicescan"]):
    from voicescan.documents import parse_json, parse_yaml
    from voicescan.findings import Refused
    from voicescan.inspection import inspect
    from voicescan.numpy_files import read_npy
    from voicescan.onnx_graphs import read_onnx
    from voicescan.pickles import read_whole
    from voicescan.safetensors import read_safetensors
    from voicescan.torch_legacy import read_legacy

from tests.security.attacks.case import Payload
from tests.security.attacks.containers import Member, archive, data_pickle
from tests.security.attacks.other_formats import numpy_and_joblib, onnx, safetensors
from tests.security.attacks.pickled import opcode_tricks

BUILD = Path(__file__).resolve().parents[2] / "build" / "fuzz"
_SECONDS, _MEGABYTES, _LONGEST = 2.0, 512, 1 << 16
_TIMES, _FLOOR, _MEASURED_ONE_IN = 4, 24 << 20, 64
"""Measured seldom, for each start and stop of tracemalloc costs the process some KB for good (CPython 3.11)."""


def _documents(data: bytes) -> None:
    parse_yaml(data, "fuzz") if data[:1] == b"y" else parse_json(data, "fuzz")


READERS: dict[str, Callable[[bytes], object]] = {
    "pickle": lambda data: read_whole(data, "fuzz"),
    "zip": lambda data: inspect(memoryview(b"PK\x03\x04" + data[4:]), "fuzz"),
    "safetensors": lambda data: read_safetensors(memoryview(data.ljust(8, b"\x00")), "fuzz"),
    "onnx": lambda data: read_onnx(memoryview(data), "fuzz"),
    "legacy": lambda data: read_legacy(memoryview(data), "fuzz"),
    "numpy": lambda data: read_npy(memoryview(b"\x93NUMPY" + data[6:]), "fuzz"),
    "documents": _documents,
    "anything": lambda data: inspect(memoryview(data), "fuzz"),
}


def seeds(reader: str) -> list[bytes]:
    """Small inputs to start from."""
    payload = Payload("/nonexistent/marker")
    pickles = [data_pickle()[:2000], *(b"\x80\x02" + case.name.encode() for case in opcode_tricks(payload))]
    small = archive([Member("a/data.pkl", b"\x80\x02}."), Member("a/version", b"3\n"), Member("a/data/0", bytes(8))])
    found = {
        "pickle": [data_pickle(), *pickles],
        "zip": [small, archive([Member("b", small, method=8)])],
        "safetensors": [case.content for case in safetensors(payload) if len(case.content) < 4096],
        "onnx": [case.content for case in onnx(payload)],
        "numpy": [case.content for case in numpy_and_joblib(payload)],
        "documents": [b'{"a": [1, {"b": null}]}', b"y: [1, {a: 2}]\n"],
    }
    everything = [content for contents in found.values() for content in contents]
    return found.get(reader, everything)


def checked(read: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """The reader with its bounds of time and memory; AssertionError when one does not hold."""
    turns = itertools.cycle(range(_MEASURED_ONE_IN))

    def once(data: bytes) -> None:
        start = time.process_time()
        if next(turns):
            _read(read, data)
        else:
            _measured(read, data)
        spent = time.process_time() - start
        if spent > _SECONDS:
            raise AssertionError(f"{len(data)} bytes took {spent:.1f} s")

    return once


def _read(read: Callable[[bytes], object], data: bytes) -> None:
    with contextlib.suppress(Refused):
        read(data)


def _measured(read: Callable[[bytes], object], data: bytes) -> None:
    tracemalloc.start()
    try:
        _read(read, data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    if peak > _TIMES * len(data) + _FLOOR:
        raise AssertionError(f"{len(data)} bytes took {peak >> 20} MB")


def main(reader: str, seconds: int, folder: Path) -> None:
    """Fuzz one reader for a while; does not return."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(seeds(reader)):
        (folder / f"seed-{index}").write_bytes(seed[:_LONGEST])
    options = [
        f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-rss_limit_mb={_MEGABYTES}", "-timeout=20",
        f"-artifact_prefix={BUILD}/{reader}-", "-print_final_stats=1", str(folder),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], checked(READERS[reader]))
    atheris.Fuzz()


if __name__ == "__main__":
    _reader, _seconds = sys.argv[1], int(sys.argv[2])
    main(_reader, _seconds, Path(sys.argv[3]) if len(sys.argv) > 3 else Path(tempfile.mkdtemp(prefix="fuzz-")))
