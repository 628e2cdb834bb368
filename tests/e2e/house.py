"""A whole hub as its users see it: `voicehub up` in one process tree, people with homes of their own at its doors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VOICEHUB = (sys.executable, "-m", "voicehub.cli.main")
PATIENCE = 420.0
FEW_STEPS = {"VOICEHUB_FINETUNE_STEPS": "4"}
"""For trainings that are only to go their whole road; what a voice has learned is judged by test_words and the demo."""
DECLARED = ("--source", "made by a test", "--license", "CC0-1.0", "--consent", "public-domain")


@dataclass(frozen=True)
class Answer:
    """How a command ended: exit code, its JSON, what it wrote."""

    code: int
    json: Any
    text: str


@dataclass(frozen=True)
class Person:
    """Somebody with an account and a home."""

    name: str
    home: Path
    url: str
    environment: Mapping[str, str]

    def __call__(self, *arguments: str | Path, without_torch: bool = False, patience: float = PATIENCE) -> Answer:
        """Runs `voicehub …  --json`."""
        environment = {**self.environment, "VOICEHUB_HOME": str(self.home), "VOICEHUB_URL": self.url}
        if without_torch:
            places = [str(no_torch(self.home)), environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, places))
        command = [*VOICEHUB, *map(str, arguments), "--json"]
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=patience, check=False
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr + done.stdout
        value = json.loads(done.stdout) if done.stdout.strip() else None
        return Answer(done.returncode, value, done.stdout + done.stderr)

    def ok(self, *arguments: str | Path, without_torch: bool = False, patience: float = PATIENCE) -> Any:
        """As a call, for one that must succeed; answers its JSON."""
        answer = self(*arguments, without_torch=without_torch, patience=patience)
        assert answer.code == 0, f"voicehub {' '.join(map(str, arguments))}: {answer.text}"
        return answer.json


def no_torch(folder: Path) -> Path:
    """A folder whose `torch` refuses to be imported."""
    package = folder / "no-torch" / "torch"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text('raise RuntimeError("torch was imported")\n')
    return package.parent


class House:
    """A running hub."""

    def __init__(self, data: Path, process: subprocess.Popen[str]) -> None:
        self.data, self._process = data, process
        assert process.stdout is not None
        while not (line := process.stdout.readline()).strip().startswith('"url"'):
            assert line, f"the hub ended: {self._last_words()}"
        self.url = json.loads("{" + line.strip().rstrip(",") + "}")["url"]

    def services(self) -> dict[str, dict[str, Any]]:
        """Address, pid and restarts by service."""
        return dict(json.loads((self.data / "hub.json").read_text())["services"])

    def kill(self, service: str) -> None:
        """kill -9."""
        pid = self.services()[service]["pid"]
        if pid:
            os.kill(pid, signal.SIGKILL)

    def person(self, name: str) -> Person:
        """A new account, logged in."""
        home = self.data.parent / f"home-{name}"
        person = Person(name, home, self.url, _environment())
        person.ok("signup", name, "--password", f"{name}-has-a-long-password")
        return person

    def token(self, person: Person) -> str:
        """What the person's commands show at the door."""
        return str(json.loads((person.home / "hubs.json").read_text())["hubs"][self.url]["token"])

    def visitor(self) -> Person:
        """Somebody without an account."""
        return Person("", self.data.parent / "home-of-nobody", self.url, _environment())

    def stop(self) -> int:
        """SIGTERM; answers the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def _last_words(self) -> str:
        logs = sorted((self.data / "logs").glob("*.jsonl"))
        return "\n".join(f"{log.name}: {log.read_text()[-800:]}" for log in logs)


@contextmanager
def open_house(folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[House]:
    """A hub that runs from `folder/hub`, with further options of `voicehub up`, until the end of the `with`."""
    seen = {**_environment(), **(environment or {})}
    folder.mkdir(parents=True, exist_ok=True)
    command = [*VOICEHUB, "up", "--data", str(folder / "hub"), *options, "--json"]
    with (folder / "launcher.log").open("w") as log:
        process = subprocess.Popen(command, env=seen, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield House(folder / "hub", process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)


def _environment() -> dict[str, str]:
    calm = {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "VOICEHUB_RATE_PASSWORDS": "10000",
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith("VOICEHUB_")}
    return {**kept, **calm}
