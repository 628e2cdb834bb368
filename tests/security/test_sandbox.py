"""The sandbox proves its refusals from inside: each attack is stopped, recorded, and the host is unharmed."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from services.scanner.sandbox import Job, Limits, Outcome, Sandbox, SandboxUnavailable, landlock
from services.scanner.sandbox.supervisor import MAX_ATTEMPTS

PROBES = "services.scanner.sandbox.tests.probes"
QUICK = Limits(cpu_seconds=2, wall_seconds=20.0, memory=2048 << 20)


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    (folder / "input.txt").write_text("for the job")
    for place in (folder, *folder.parents):
        if place.is_relative_to(tmp_path.parent.parent):
            os.chmod(place, 0o755)
    return folder


def attack(sandbox: Sandbox, inputs: Path, probe: str, limits: Limits = QUICK, **more: Any) -> tuple[Outcome, Any]:
    answers: list[dict[str, Any]] = []
    argument = {"probe": probe, "inputs": str(inputs), **more}
    outcome = sandbox.run(Job(PROBES, argument, inputs, limits, True), lambda frame: answers.append(frame.header))
    return outcome, answers[0] if answers else None


def tried(outcome: Outcome) -> set[str]:
    return {attempt.syscall for attempt in outcome.attempts}


def test_honest_work_is_done_and_nothing_is_recorded(sandbox: Sandbox, inputs: Path) -> None:
    outcome, answer = attack(sandbox, inputs, "nothing")
    assert answer == {"kind": "reached", "what": "for the job"}
    assert outcome.finished
    assert outcome.attempts == ()
    assert outcome.walls["landlock"] == landlock.abi()
    assert outcome.walls["outer"] == "bubblewrap"
    assert outcome.walls["uid"] not in (0, os.getuid()) or os.getuid() != 0


@pytest.mark.parametrize("probe", ["socket", "unix_socket"])
def test_no_socket_can_be_opened(sandbox: Sandbox, inputs: Path, probe: str) -> None:
    outcome, answer = attack(sandbox, inputs, probe)
    assert answer["kind"] == "stopped"
    assert "socket" in tried(outcome)


def test_secrets_outside_and_other_tenants_cannot_be_read(sandbox: Sandbox, inputs: Path, tmp_path: Path) -> None:
    tenant = tmp_path / "other-tenant.wav"
    tenant.write_text("private")
    tenant.chmod(0o644)
    for path in (
        tenant,
        Path("/etc/shadow"),
        Path("/usr/bin/id"),
        Path("/proc/1/environ"),
        Path("/root/.ssh/id_rsa"),
    ):
        outcome, answer = attack(sandbox, inputs, "read", path=str(path))
        assert answer["kind"] == "stopped", path
        assert any(str(path) in attempt.detail for attempt in outcome.attempts), path
    outcome, answer = attack(sandbox, inputs, "read_by_parent", path=str(tenant))
    assert answer["kind"] == "stopped"
    assert any("other-tenant" in attempt.detail for attempt in outcome.attempts)


def test_nothing_can_be_written_anywhere(sandbox: Sandbox, inputs: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "outside", inputs / "inside", Path("/dev/shm/x"), Path("/usr/lib/hostile.so")):
        outcome, answer = attack(sandbox, inputs, "write", path=str(path))
        assert answer["kind"] == "stopped", path
        assert any("for writing" in attempt.detail for attempt in outcome.attempts)
        assert not path.exists()


@pytest.mark.parametrize("probe", ["fill_disk", "write_tmp"])
def test_the_disk_cannot_be_filled(sandbox: Sandbox, inputs: Path, probe: str) -> None:
    outcome, answer = attack(sandbox, inputs, probe)
    assert answer["kind"] == "stopped"
    assert "openat" in tried(outcome)
    assert [p.name for p in inputs.iterdir()] == ["input.txt"]


def test_a_fork_bomb_does_not_start(sandbox: Sandbox, inputs: Path) -> None:
    outcome, answer = attack(sandbox, inputs, "fork")
    assert answer["kind"] == "stopped"
    assert tried(outcome) & {"clone", "fork"}


def test_no_other_program_can_be_run(sandbox: Sandbox, inputs: Path) -> None:
    outcome, answer = attack(sandbox, inputs, "exec")
    assert answer["kind"] == "stopped"
    assert "execve" in tried(outcome)


@pytest.mark.parametrize("probe", ["signal_parent", "signal_all"])
def test_nobody_can_be_signalled(sandbox: Sandbox, inputs: Path, probe: str) -> None:
    outcome, answer = attack(sandbox, inputs, probe)
    assert answer["kind"] == "stopped"
    assert "kill" in tried(outcome)
    assert threading.main_thread().is_alive()


def test_eight_gigabytes_cannot_be_had(sandbox: Sandbox, inputs: Path) -> None:
    outcome, answer = attack(sandbox, inputs, "allocate")
    assert answer["kind"] == "stopped"
    assert "mmap" in tried(outcome)
    outcome, answer = attack(sandbox, inputs, "allocate_in_pieces")
    assert answer["kind"] == "stopped"


def test_spinning_ends_at_the_processor_limit(sandbox: Sandbox, inputs: Path) -> None:
    outcome, _ = attack(sandbox, inputs, "spin", Limits(cpu_seconds=1, wall_seconds=30.0))
    assert outcome.status == "timed-out"


def test_spinning_ends_at_the_clock(sandbox: Sandbox, inputs: Path) -> None:
    outcome, _ = attack(sandbox, inputs, "spin", Limits(cpu_seconds=60, wall_seconds=1.5))
    assert outcome.status == "timed-out"
    assert outcome.seconds < 15


def test_flooding_the_record_ends_the_process(sandbox: Sandbox, inputs: Path) -> None:
    outcome, _ = attack(sandbox, inputs, "flood")
    assert outcome.status == "crashed"
    assert len(outcome.attempts) == MAX_ATTEMPTS


def test_a_native_crash_is_an_outcome(sandbox: Sandbox, inputs: Path) -> None:
    outcome, answer = attack(sandbox, inputs, "crash")
    assert answer is None
    assert outcome.status == "crashed"
    assert outcome.signal == 11


EXOTIC = {
    "ptrace": [16, 1, 0, 0],
    "mount": [0, 0, 0, 0],
    "unshare": [0x10000000],
    "setns": [0, 0],
    "io_uring_setup": [8, 0],
    "userfaultfd": [1],
    "bpf": [0, 0, 0],
    "keyctl": [0, -3, 1],
    "add_key": [0, 0, 0, 0, -3],
    "perf_event_open": [0, 0, -1, -1, 0],
    "process_vm_readv": [1, 0, 0, 0, 0, 0],
    "memfd_create": [0, 0],
    "open_by_handle_at": [-100, 0, 0],
    "init_module": [0, 0, 0],
    "personality": [0xFFFFFFFF],
    "setuid": [0],
    "chroot": [0],
    "pidfd_getfd": [0, 0, 0],
    "landlock_create_ruleset": [0, 0, 1],
    "seccomp": [0, 0, 0],
    "prlimit64": [0, 7, 1 << 32, 0],
}


@pytest.mark.parametrize("call", sorted(EXOTIC))
def test_exotic_calls_are_refused_and_recorded(sandbox: Sandbox, inputs: Path, call: str) -> None:
    outcome, answer = attack(sandbox, inputs, "syscall", syscall=call, arguments=EXOTIC[call])
    assert answer["kind"] == "stopped"
    assert call in tried(outcome)


def test_another_call_table_kills(sandbox: Sandbox, inputs: Path) -> None:
    outcome, answer = attack(sandbox, inputs, "foreign_architecture")
    assert answer is None
    assert outcome.status == "crashed"


def test_without_the_outer_wall_the_job_is_refused(inputs: Path) -> None:
    with pytest.raises(SandboxUnavailable):
        attack(Sandbox(outer_wall=False), inputs, "nothing")
