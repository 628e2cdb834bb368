"""A bounded fuzzing run of every reader, and bounds on memory for inputs made to use much of it."""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.security.attacks.containers import golden
from voicescan import scan_bytes

_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 4
_FLOOR = 48 << 20


@pytest.mark.timeout(900)
@pytest.mark.parametrize("reader", ["pickle", "zip", "safetensors", "onnx", "legacy", "numpy", "documents", "anything"])
def test_reader_survives_a_bounded_run(reader: str, tmp_path: Path) -> None:
    fuzzer = [sys.executable, "-m", "tests.security.fuzz", reader, str(_SECONDS), str(tmp_path)]
    # A program started straight from here would begin with this process's own peak of memory (getrusage keeps it over
    # exec), and the fuzzer's limit would count it: a small shell stands between.
    command = ["sh", "-c", '"$@"; exit $?', "sh", *fuzzer]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    executed = re.search(r"number_of_executed_units: (\d+)", run.stderr)
    assert executed
    assert int(executed[1]) > 20


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02" + b"]" * (1 << 20) + b".",
        b"\x80\x02" + b"}" * (1 << 20) + b".",
        b"\x80\x04" + b"N\x85\x94" * (1 << 20) + b".",
        b"\x80\x02" + b"cab\ncd\n" * (200_000) + b".",
        b'{"a":[' + b"[]," * 150_000 + b"1]}",
        (1 << 20).to_bytes(8, "little") + b'{"a":[' + b"[]," * 349_520 + b"1]}    ",
        b"\x08\x08\x12\x01x\x3a\xff\xff\x7f" + b"\x0a\x00" * (1 << 20),
    ],
    ids=["lists", "dicts", "tuples", "globals", "json", "safetensors", "onnx"],
)
def test_memory_stays_in_proportion(content: bytes) -> None:
    tracemalloc.start()
    try:
        report = scan_bytes(content, "voice.pth")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 4 * len(content) + _FLOOR
    assert report.findings or report.format == "json"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_never_raises_and_a_changed_byte_never_hides(data: st.DataObject) -> None:
    honest = golden()
    position = data.draw(st.integers(0, len(honest) - 1))
    value = data.draw(st.integers(0, 255))
    changed = honest[:position] + bytes([value]) + honest[position + 1 :]
    report = scan_bytes(changed, "voice.ckpt")
    assert report.verdict in ("clean", "suspicious", "malicious", "unreadable")
    assert report.to_json()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 20))
def test_a_cut_file_is_never_clean(keep: int) -> None:
    honest = golden()
    report = scan_bytes(honest[: min(keep, len(honest) - 1)], "voice.ckpt")
    assert report.verdict != "clean"
