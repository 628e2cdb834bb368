"""Reports, exit codes and the command line."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

from voicescan import cli_scan, scan, scan_bytes
from voicescan.__main__ import main
from voicescan.documents import parse_json, parse_yaml, parse_yaml_texts
from voicescan.findings import Refused
from voicescan.inspection import Inspection, inspect

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "data" / "golden" / "checkpoints"
HONEST = GOLDEN / "tiny-e15.ckpt"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    path = tmp_path / "hostile.pth"
    path.write_bytes(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.")
    return path


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    path = tmp_path / "pointer.pth"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    return path


def test_exit_codes(hostile: Path, unreadable: Path) -> None:
    assert cli_scan([HONEST])[1] == 0
    assert cli_scan([HONEST, unreadable])[1] == 5
    assert cli_scan([HONEST, unreadable, hostile])[1] == 1
    assert cli_scan(["/nowhere/at/all.pth"])[1] == 5


def test_folders_are_walked_and_pipes_are_not_waited_for(tmp_path: Path, hostile: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    reports, code = cli_scan([tmp_path])
    assert code == 1
    assert {Path(str(report["path"])).name: report["verdict"] for report in reports} == {
        "hostile.pth": "malicious",
        "pipe.pth": "unreadable",
    }


def test_json_report(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(hostile), str(HONEST), "--json"]) == 1
    bad, good = json.loads(capsys.readouterr().out)
    assert {"path", "verdict", "findings", "format", "tensors"} <= set(bad)
    call = next(finding for finding in bad["findings"] if finding["rule"] == "pickle-call")
    assert "posix.system" in call["message_en"]
    assert "posix.system" in call["message_zh"]
    assert call["place"] == {"entry": "hostile.pth", "offset": 26}
    assert good["tensors"] == {"count": 43, "bytes": good["tensors"]["bytes"], "dtypes": {"F16": 43}}


def test_sarif_report(hostile: Path) -> None:
    run = scan(hostile).to_sarif()["runs"]
    assert isinstance(run, list)
    used = {rule["id"] for rule in run[0]["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run[0]["results"]} == used
    assert run[0]["results"][0]["level"] == "error"


@pytest.mark.parametrize("length", [0x0178, 0x9C78, 0x8B1F, 0x5A4D, 0x2123, 0x4B50, 0xEA60, 0x5A42, 0x0A5D, 0x8080])
def test_a_header_length_that_looks_like_another_format(length: int) -> None:
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    report = scan_bytes(length.to_bytes(8, "little") + header.ljust(length) + bytes(4), "base.safetensors")
    assert (report.verdict, report.format) == ("clean", "safetensors")


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 2, 3, 4)])
def test_plain_arrays_are_clean(shape: tuple[int, ...]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(shape, np.float32))
    assert scan_bytes(buffer.getvalue(), "a.npy").verdict == "clean"


@pytest.mark.parametrize("form", [["--json"], ["--sarif"], []])
def test_no_name_in_a_file_or_of_one_keeps_back_the_report_on_another(
    tmp_path: Path, hostile: Path, form: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = {"config": '{"model": {"version": "nano"}}', "\ud800": "x"}
    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    raw = json.dumps({"__metadata__": metadata, "model.h.a": tensor}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(4))
    (tmp_path / os.fsdecode(b"b\xff.pth")).write_bytes(b"?")
    assert main([str(tmp_path), *form]) == 1
    assert "hostile.pth" in capsys.readouterr().out


def test_a_file_that_no_reader_foresaw_is_unreadable(
    tmp_path: Path, hostile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def inspected(view: memoryview, entry: str) -> Inspection:
        if entry != hostile.name:
            raise ValueError("unforeseen")
        return inspect(view, entry)

    monkeypatch.setattr("voicescan.scanner.inspect", inspected)
    (tmp_path / "a.pth").write_bytes(b"?")
    reports, code = cli_scan([tmp_path])
    assert [report["verdict"] for report in reports] == ["unreadable", "malicious"]
    assert code == 1


def test_hostile_names_are_made_printable(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes("\u202eevil\nsystem\n.".join(["c", ""]).encode())
    assert all(finding.message_en.isprintable() for finding in scan(path).findings)


@pytest.mark.parametrize(
    "text",
    [
        b"a: 1\na: 2",
        b"a: &x 1\nb: *x",
        b"a: !!python/none x",
        b"[" * 100,
        b"\xff",
        b"a: " + b"1:" * 180 + b"1.5",
        b"a: " + b"1:" * 180 + b"1",
    ],
)
def test_yaml_refuses(text: bytes) -> None:
    with pytest.raises(Refused):
        parse_yaml(text, "card.yaml")


@pytest.mark.parametrize("text", [b'{"a":1,"a":2}', b"[NaN]", b"[" * 100, b"\xff", b""])
def test_json_refuses(text: bytes) -> None:
    with pytest.raises(Refused):
        parse_json(text, "a.json")


def test_words_of_a_document_stay_what_is_written() -> None:
    words = b"no: {on: [yes, ~], null: 1e3, 007: 1:30, 1_0: 2001-01-01, <<: 0x1, =: ''}"
    assert parse_yaml_texts(words, "l.yaml") == {
        "no": {"on": ["yes", "~"], "null": "1e3", "007": "1:30", "1_0": "2001-01-01", "<<": "0x1", "=": ""}
    }
    for wrong in (b"a: &x 1\nb: *x", b"a: !!binary x", b"a: 1\na: 2", b"[" * 100):
        with pytest.raises(Refused):
            parse_yaml_texts(wrong, "l.yaml")


def test_documents_are_read() -> None:
    assert parse_yaml("名: 小明\ntags: [a, 1, 2.5, true, null]\n".encode(), "card.yaml") == {
        "名": "小明",
        "tags": ["a", 1, 2.5, True, None],
    }
    assert parse_json(b'{"a": [{"b": "\\""}]}', "a.json") == {"a": [{"b": '"'}]}
    assert scan_bytes(b'\xef\xbb\xbf{"a": 1}', "a.json").verdict == "clean"  # as editors on Windows write it
    long = b'\xef\xbb\xbf{"a": 1}'.ljust((512 << 10) + 4)
    assert scan_bytes(long + b"more", "a.json").verdict != "clean"
