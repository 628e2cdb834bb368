"""Verdicts, reports, requirements and outcomes: values and functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.common.database import Database
from services.scanner.behaviour import judge
from services.scanner.domain.findings import Finding, worst
from services.scanner.domain.rebuilt import FilePart, SpooledFile, distinct, put_together
from services.scanner.domain.reports import Report, is_genuine, sign
from services.scanner.domain.requires import requirements
from services.scanner.sandbox import Attempt, Outcome
from services.scanner.store import ReportStore
from services.scanner.tables import metadata

FOUND = Finding("pickle-call", "a.pth: data.pkl@7", "critical", "It would run os.system.", "会运行 os.system。")
REPORT = Report("v1", "malicious", (FOUND,), ("a: optimizer",), datetime(2026, 1, 2, tzinfo=UTC))


def test_the_worst_verdict_wins_and_an_unknown_word_is_not_clean() -> None:
    assert worst([]) == "clean"
    assert worst(["clean", "unreadable", "suspicious"]) == "suspicious"
    assert worst(["malicious", "suspicious"]) == "malicious"
    assert worst(["fine"]) == "unreadable"


def test_what_a_worker_says_is_bounded() -> None:
    found = Finding.from_json({"rule": "x", "severity": "harmless, trust me", "message_en": "a" * 10_000})
    assert found.severity == "warning"
    assert len(found.message_en) == 2000
    assert found.message_zh == ""


def test_a_changed_report_is_not_genuine() -> None:
    key = Ed25519PrivateKey.generate()
    signed = sign(REPORT, key)
    assert is_genuine(signed, key.public_key())
    assert not is_genuine(replace(signed, verdict="clean"), key.public_key())
    assert not is_genuine(replace(signed, findings=()), key.public_key())
    assert not is_genuine(replace(signed, signature="not base64!"), key.public_key())
    assert not is_genuine(signed, Ed25519PrivateKey.generate().public_key())


def test_a_stored_report_stays_genuine_when_it_is_amended(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    store, database = ReportStore(key), Database(f"sqlite:///{tmp_path}/scanner.sqlite")
    metadata.create_all(database.engine)
    uploads = [{"role": "s2", "filename": "a.pth", "digest": "0" * 64}]
    with database.write() as session:
        store.save(session, REPORT, uploads)
        store.amend(session, "v1", second_opinions={"picklescan": "a.pth: no issue"})
        store.amend(session, "unknown", second_opinions={})
    with database.read() as session:
        found = store.find(session, "v1")
        assert found is not None
        assert is_genuine(found, key.public_key())
        assert found.second_opinions == {"picklescan": "a.pth: no issue"}
        assert found.findings == (FOUND,)
        assert store.uploads(session, "v1") == uploads
        assert store.find(session, "unknown") is None


def test_the_card_binds_the_encoder_and_chinese_needs_bert() -> None:
    digest = "ab" * 32
    v2 = {"s2": {"content_module": "cnhubert"}}
    assert requirements("v2", v2, {"languages": ["en"]}, "s") == {
        "symbols": "s",
        "content_encoder": "unverified:cnhubert",
    }
    assert requirements("v2", v2, {"base": digest}, "s")["content_encoder"] == digest
    assert requirements("v2", v2, {"languages": ["zh-CN"]}, "s")["bert"].startswith("unverified:")
    nano = {"s2": {"requires": {"content_encoder": digest}}}
    assert requirements("nano", nano, {"languages": ["zh"]}, "s") == {"symbols": "s", "content_encoder": digest}
    assert requirements("nano", {}, {"base": "nano"}, "s")["content_encoder"] == "unverified:nano"


def test_a_missing_stage_is_a_note_and_no_verdict() -> None:
    whole = put_together([FilePart("a.ckpt", "clean", stage="s1")])
    assert whole.verdict == "clean"
    assert [(f.rule, f.severity) for f in whole.findings] == [("stage-missing", "info")]


def test_prompts_of_the_same_name_both_stay() -> None:
    parts = [FilePart(n, files=[SpooledFile("prompts/p.flac", n, Path(n))]) for n in ("p.wav", "p.mp3", "p.ogg")]
    assert [file.path for file in distinct(parts)] == ["prompts/p.flac", "prompts/p-2.flac", "prompts/p-3.flac"]


def outcome(status: str = "finished", *attempts: Attempt) -> Outcome:
    return Outcome(status, 0, None, attempts, 1.0, {"landlock": 7})


@pytest.mark.parametrize(
    ("ended", "observed", "rules"),
    [
        (outcome(), {"silent": True}, {"behaviour-silent"}),
        (outcome(), {"silent": False}, set()),
    ],
)
def test_silence_is_a_note(ended: Outcome, observed: dict[str, bool], rules: set[str]) -> None:
    tested = judge(ended, observed)
    assert tested.outcome == "passed"
    assert {f.rule for f in tested.findings} == rules


@pytest.mark.parametrize(
    ("ended", "observed", "rule"),
    [
        (outcome(), {"not_finite": True}, "behaviour-not-finite"),
        (outcome(), {"broken": "no graph"}, "behaviour-broken"),
        (outcome("crashed"), {}, "sandbox-crashed"),
        (outcome("timed-out"), {}, "sandbox-timed-out"),
        (outcome("out-of-memory"), {}, "sandbox-out-of-memory"),
        (outcome("finished", Attempt("socket")), {}, "sandbox-attempt"),
    ],
)
def test_damage_and_attempts_decide(ended: Outcome, observed: dict[str, object], rule: str) -> None:
    tested = judge(ended, observed)
    assert tested.outcome == "failed"
    assert rule in {f.rule for f in tested.findings}
    assert all(f.message_en and f.message_zh for f in tested.findings)
