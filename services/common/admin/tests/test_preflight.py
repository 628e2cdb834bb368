"""Each thing that can be missing is one clear error that says what to do."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.common.admin import checks
from services.common.admin.checks import Problem, host_ports
from services.common.admin.main import main
from services.common.identity import Identity, Signer, Verifier, ensure_keys
from services.common.settings import SERVICES
from services.common.tests.authority import Authority

CLOSED = "127.0.0.1:9"


def preflight(data: Path, *options: str, environment: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["preflight", "--data", str(data), *options], env=dict(environment or {}))


def test_an_embedded_hub_needs_nothing_else(tmp_path: Path) -> None:
    result = preflight(tmp_path)
    assert result.exit_code == 0, result.output
    assert "✗" not in result.output
    assert [line for line in result.output.splitlines() if "database" in line] == [f"✓ database: {s}" for s in SERVICES]


@pytest.mark.parametrize(
    ("variable", "url", "what", "hint"),
    [
        ("VOICEHUB_DATABASE_URL", "postgresql+psycopg://{service}:x@nowhere.invalid/hub", "nowhere.invalid", "DNS"),
        ("VOICEHUB_DATABASE_URL", f"postgresql+psycopg://{{service}}:x@{CLOSED}/hub", "connection", "database prepare"),
        ("VOICEHUB_OBJECTS_URL", f"s3+http://k:s@{CLOSED}/bucket", "object store", "the bucket must exist"),
        ("VOICEHUB_SEARCH_URL", f"elasticsearch://{CLOSED}/hub", f"{CLOSED} in VOICEHUB_SEARCH_URL", "networkPolicy"),
    ],
)
def test_what_is_wrong_with_an_engine_is_said(tmp_path: Path, variable: str, url: str, what: str, hint: str) -> None:
    result = preflight(tmp_path, environment={variable: url})
    assert result.exit_code == 1
    assert what in result.output
    assert hint in result.output
    assert "Traceback" not in result.output
    assert ":x@" not in result.output  # passwords stay where they are


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file")
    result = preflight(tmp_path / "hub")
    assert result.exit_code == 1
    assert f"The data folder {tmp_path / 'hub'} cannot be written" in result.output


def test_keys_that_are_missing_are_named(tmp_path: Path) -> None:
    ensure_keys(tmp_path / "keys", "gateway")
    result = preflight(tmp_path)
    assert "catalog, trainer, scanner, inference" in result.output
    assert "voicehub-admin keys secret" in result.output


def test_a_certificate_that_is_missing_or_over_is_said(tmp_path: Path) -> None:
    result = preflight(tmp_path / "hub", environment={"VOICEHUB_TLS": str(tmp_path)})
    assert "no tls.crt" in result.output
    folder = Authority("house").issue(tmp_path / "tls", "voicehub-catalog")
    checks.certificate(folder)
    with pytest.raises(Problem, match="is good from"):
        checks.certificate(folder, datetime.now(UTC) + timedelta(hours=2))


def test_a_gpu_is_asked_for_where_it_shall_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="no GPU here"):
        checks.gpu()
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA'\n")
    tool.chmod(stat.S_IRWXU)
    checks.gpu()
    tool.write_text("#!/bin/sh\necho 'driver mismatch' >&2; exit 9\n")
    with pytest.raises(Problem, match="driver mismatch"):
        checks.gpu()


def test_the_servers_of_a_url() -> None:
    assert host_ports("kafka://a:9092,b:9093/hub") == [("a", 9092), ("b", 9093)]
    assert host_ports("s3://k:s%40@h/b") == [("h", 443)]
    assert host_ports("postgresql+psycopg://x:y@db/voicehub") == [("db", 5432)]
    assert host_ports("elasticsearch+https://e/x") == [("e", 9200)]
    for embedded in ("sqlite:////data/x", "file:///data", "onnxruntime://", ""):
        assert host_ports(embedded) == []


def test_the_keys_of_a_secret_are_those_of_services(tmp_path: Path) -> None:
    made = json.loads(CliRunner().invoke(main, ["keys", "secret", "--from", str(tmp_path)]).output)
    assert made["kind"] == "Secret"
    assert len(made["data"]) == 2 * len(SERVICES)
    token = Signer(tmp_path, "trainer").sign(Identity("ann", "trainer"))
    assert Verifier(tmp_path).verify(token).account == "ann"
    again = json.loads(CliRunner().invoke(main, ["keys", "secret", "--from", str(tmp_path)]).output)
    assert again == made
    assert json.loads(CliRunner().invoke(main, ["keys", "secret"]).output)["data"] != made["data"]
    assert oct(os.stat(tmp_path / "gateway.pem").st_mode)[-3:] == "600"
