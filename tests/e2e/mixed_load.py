"""People who use a hub all at once, and a ledger of everything that the hub told them is done."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.common.ids import new_id
from voicehub import Client, Declaration
from voicehub.errors import VoiceHubError
from voicehub.pushing import Part

DECLARATION = Declaration("made by a test", "CC0-1.0", "public-domain")
PAUSE_SECONDS = 0.05


@dataclass
class Ledger:
    """What was acknowledged, and what was only tried: that may or may not have happened, but never twice."""

    repositories: set[str] = field(default_factory=set)
    comments: list[tuple[str, str]] = field(default_factory=list)
    tried_comments: list[tuple[str, str]] = field(default_factory=list)
    stars: dict[str, bool] = field(default_factory=dict)
    versions: list[tuple[str, str]] = field(default_factory=list)
    spoken: int = 0
    refusals: Counter[str] = field(default_factory=Counter)

    def acknowledged(self) -> int:
        """How many writes."""
        return len(self.repositories) + len(self.comments) + len(self.stars) + len(self.versions)


class MixedLoad:
    """Several people at one hub: they make repositories, comment, star, search, read, and push voices."""

    def __init__(self, url: str, token: str, home: Path, voice: Mapping[str, Path], card: Mapping[str, Any]) -> None:
        self._url, self._token, self._home, self._voice = url, token, home, voice
        self._card = {**card, **vars(DECLARATION), "prompts": [{"file": voice["prompt"].name}]}
        self.ledger = Ledger()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @contextmanager
    def running(self, people: int, owner: str, pushes: int, seed: int) -> Iterator[None]:
        """`people` that act at random, and one more that pushes a voice `pushes` times, until the end of the `with`."""
        threads = [
            threading.Thread(target=self._live, args=(owner, random.Random(seed + number))) for number in range(people)
        ]
        threads.append(threading.Thread(target=self._push_all, args=(owner, pushes)))
        for thread in threads:
            thread.start()
        try:
            yield
            threads.pop().join()  # what was begun is pushed to its end
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def goes_on(self, writes: int, patience: float) -> None:
        """Until so many writes were acknowledged; TimeoutError after `patience` seconds."""
        deadline = time.monotonic() + patience
        while self.ledger.acknowledged() < writes:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.ledger.acknowledged()} of {writes} writes, {self.ledger.refusals}")
            time.sleep(0.1)

    def client(self, number: str = "audit") -> Client:
        """For one thread."""
        return Client(self._url, self._token, cache=self._home / f"cache-{number}")

    def _live(self, owner: str, chance: random.Random) -> None:
        acts = (self._repository, self._comment, self._comment, self._star, self._read, self._read, self._speak)
        with self.client(new_id()) as client:
            while not self._try(self._repository, client, owner, chance):
                self._stop.wait(1)
            while not self._stop.wait(PAUSE_SECONDS):
                self._try(chance.choice(acts), client, owner, chance)

    def _push_all(self, owner: str, pushes: int) -> None:
        with self.client("push") as client:
            for number in range(pushes):
                while not self._try(self._push, client, f"{owner}/pushed-{number}"):
                    self._stop.wait(1)

    def _try(self, act: Callable[..., None], client: Client, *given: Any) -> bool:
        """Whether it was acknowledged. A hub that lost a part says so; anything else it says is counted by its kind."""
        try:
            act(client, *given)
        except VoiceHubError as error:
            with self._lock:
                self.ledger.refusals[f"{type(error).__name__}: {error.message}"] += 1
            return False
        return True

    def _repository(self, client: Client, owner: str, chance: random.Random) -> None:
        name = f"repo-{new_id().lower()}"
        client.transport.json("POST", "/v1/repos", body={"owner": owner, "name": name, "visibility": "public"})
        with self._lock:
            self.ledger.repositories.add(f"{owner}/{name}")

    def _comment(self, client: Client, owner: str, chance: random.Random) -> None:
        said = (self._any(chance), f"said {new_id()}")
        with self._lock:
            self.ledger.tried_comments.append(said)
        client.comment(*said)
        with self._lock:
            self.ledger.comments.append(said)

    def _star(self, client: Client, owner: str, chance: random.Random) -> None:
        """Only ever set: two people of one account would undo each other's."""
        name = self._any(chance)
        client.star(name)
        with self._lock:
            self.ledger.stars[name] = True

    def _read(self, client: Client, owner: str, chance: random.Random) -> None:
        if chance.random() < 0.5:
            client.search("tiny")
        else:
            client.repository(self._any(chance))

    def _speak(self, client: Client, owner: str, chance: random.Random) -> None:
        """With what has been pushed; a version that is still on its way says so."""
        with self._lock:
            pushed = [f"{name}@{version}" for name, version in self.ledger.versions]
        if pushed:
            client.synthesise(chance.choice(pushed), "你好", "zh", seed=1)
            with self._lock:
                self.ledger.spoken += 1

    def _push(self, client: Client, name: str) -> None:
        parts = [(Part(role, path), client.upload(path)) for role, path in self._voice.items()]
        version = client.create_version(name, parts, self._card, DECLARATION)
        with self._lock:
            self.ledger.versions.append((name, version.id))

    def _any(self, chance: random.Random) -> str:
        with self._lock:
            return chance.choice(sorted(self.ledger.repositories))


def settled(load: MixedLoad, patience: float) -> None:
    """Until every version that was acknowledged has come to its end, or nothing more can be expected."""
    deadline = time.monotonic() + patience
    with load.client() as client:
        for name, version in load.ledger.versions:
            while time.monotonic() < deadline:
                try:
                    if client.version(f"{name}@{version}").state in ("published", "quarantined"):
                        break
                except VoiceHubError:
                    pass  # a part of the hub is coming back
                time.sleep(0.5)


def audit(load: MixedLoad) -> list[str]:
    """What is wrong with a hub at rest, as its people see it."""
    ledger, wrong = load.ledger, []
    tried = {name for name, _ in ledger.tried_comments}
    with load.client() as client:
        for name in sorted(ledger.repositories):
            try:
                client.repository(name)
            except VoiceHubError as error:
                wrong.append(f"lost repository {name}: {error.message}")
        found = {name: Counter(comment.text for comment in client.comments(name)) for name in tried}
        wrong += [f"lost comment {text}" for name, text in ledger.comments if not found[name][text]]
        wrong += [f"{n} times the comment {text}" for texts in found.values() for text, n in texts.items() if n > 1]
        wrong += [f"lost star of {name}" for name in ledger.stars if client.repository(name).stars != 1]
        for name, version in ledger.versions:
            all_there = [one.id for one in client.versions(name)]
            if all_there.count(version) != 1:
                wrong.append(f"{all_there.count(version)} times the version {name}@{version}")
            final = client.version(f"{name}@{version}")
            if final.state != "published" or final.not_auditionable:
                wrong.append(f"{name}@{version} is {final.state} {final.not_auditionable}")
            if client.repository(name).head not in all_there:
                wrong.append(f"{name} has a head that is none of its versions")
    return wrong
