"""The hub of the demo and its people: a fresh data folder, free ports, homes of their own."""

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

from voicehub import Client

VOICEHUB = (sys.executable, "-m", "voicehub.cli.main")
STOP_SECONDS = 30


class StoryEnded(Exception):
    """A step of the story did not go as told; the message says which and why."""


@dataclass(frozen=True)
class Person:
    """Somebody with an account, a home, and the command line."""

    name: str
    home: Path
    url: str

    def run(self, *arguments: str | Path, code: int = 0) -> Any:
        """Runs `voicehub … --json`, its progress bars on this terminal; answers the JSON."""
        command = [*VOICEHUB, *map(str, arguments), "--json"]
        done = subprocess.run(command, env=self.environment(), stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != code:
            raise StoryEnded(
                f"`voicehub {' '.join(map(str, arguments))[:120]}` ended with {done.returncode}: {done.stdout}"
            )
        return json.loads(done.stdout) if done.stdout.strip() else None

    def show(self, *arguments: str | Path) -> None:
        """Runs `voicehub …` for people: bars and words on this terminal."""
        done = subprocess.run([*VOICEHUB, *map(str, arguments)], env=self.environment(), check=False)
        if done.returncode:
            raise StoryEnded(f"`voicehub {' '.join(map(str, arguments))[:120]}` ended with {done.returncode}.")

    def client(self) -> Client:
        """The same person in Python."""
        saved = json.loads((self.home / "hubs.json").read_text(encoding="utf-8"))
        return Client(self.url, str(saved["hubs"][self.url]["token"]), cache=self.home / "cache")

    def environment(self) -> dict[str, str]:
        """Environment of the person's commands."""
        return {**os.environ, "VOICEHUB_HOME": str(self.home), "VOICEHUB_URL": self.url}


@dataclass(frozen=True)
class Stage:
    """A running hub."""

    folder: Path
    url: str

    def person(self, name: str) -> Person:
        """Signs up a new account."""
        person = Person(name, self.folder / f"home-{name}", self.url)
        person.run("signup", name, "--password", f"{name}-is-only-a-demo")
        return person


@contextmanager
def open_stage(folder: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """A hub below `folder`, with further options of `voicehub up` and settings, stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "launcher.log").open("w") as log:
        command = [*VOICEHUB, "up", "--data", str(folder / "hub"), *options, "--json"]
        settings = {**_clean(os.environ), **(environment or {})}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=settings)
        try:
            yield Stage(folder, _address(process, folder))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)


def _address(process: subprocess.Popen[str], folder: Path) -> str:
    text = ""
    assert process.stdout is not None
    for line in process.stdout:
        text += line
        if line.startswith("}"):
            break
    answer = json.loads(text or "{}")
    if "url" not in answer:
        raise StoryEnded(f"The hub does not start: {answer.get('error', '')} See {folder}/hub/logs.")
    return str(answer["url"])


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if not k.startswith("VOICEHUB_")}
