"""The hub as a Python object: `Client().search("粤语 老年 男性")`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

from voicehub import events, home, pulling, spoken
from voicehub.access import Access
from voicehub.batches import Batches
from voicehub.cache import Cache
from voicehub.community import Community
from voicehub.credits import CreditBook
from voicehub.datasets import Datasets
from voicehub.decoding import decode
from voicehub.errors import NotFound
from voicehub.evaluations import Evaluations
from voicehub.forks import Forks
from voicehub.models import (
    Account,
    Base,
    Comment,
    Declaration,
    Hit,
    Job,
    Progress,
    Repository,
    SearchPage,
    Upload,
    Version,
)
from voicehub.names import VoiceName, parse_name
from voicehub.pulls import Pulls
from voicehub.pushing import Part
from voicehub.refs import Refs
from voicehub.spoken import Spoken
from voicehub.transport import Transport
from voicehub.uploads import OnBytes, ignore_progress, upload_all, upload_file

LONGEST_SPEECH = 1800.0
"""Seconds that a long text may take until its file begins to come."""


class Client:
    """A user on one hub. Thread-safe; close it, or use it in a `with`.

    Args:
        base_url: address of the hub; default: see `voicehub.home.resolve`.
        token: who the user is; default: the one saved by `voicehub login`.
    """

    def __init__(self, base_url: str | None = None, token: str | None = None, *, cache: Path | None = None) -> None:
        login = home.resolve(base_url)
        self.url = login.url
        self.transport = Transport(login.url, login.token if token is None else token)
        self.cache = Cache(cache)

    @property
    def refs(self) -> Refs:
        """Branches, tags and history."""
        return Refs(self.transport)

    @property
    def access(self) -> Access:
        """Roles, organisations, and what becomes of repositories."""
        return Access(self.transport)

    @property
    def forks(self) -> Forks:
        """Forks and lineage."""
        return Forks(self.transport)

    @property
    def pulls(self) -> Pulls:
        """Pull requests."""
        return Pulls(self.transport)

    @property
    def batches(self) -> Batches:
        """Lists of lines spoken on the hub."""
        return Batches(self.transport)

    @property
    def credits(self) -> CreditBook:
        """What the user may spend."""
        return CreditBook(self.transport)

    @property
    def community(self) -> Community:
        """Watching, issues, reports."""
        return Community(self.transport)

    @property
    def evaluations(self) -> Evaluations:
        """How good versions are."""
        return Evaluations(self.transport)

    @property
    def datasets(self) -> Datasets:
        """Queries, pinned and exported."""
        return Datasets(self.transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self.transport.close()

    # -- accounts ---------------------------------------------------------------------------------------------------

    def signup(self, name: str, password: str) -> Account:
        """Makes an account."""
        return decode(Account, self._as_nobody("/v1/accounts", {"name": name, "password": password}))

    def login(self, name: str, password: str) -> str:
        """A token for the account; this client uses it from now on. `voicehub.home.save` keeps it."""
        token = str(self._as_nobody("/v1/sessions", {"name": name, "password": password})["token"])
        self.transport.close()
        self.transport = Transport(self.url, token)
        return token

    def me(self) -> Account:
        """The account of the token."""
        return decode(Account, self.transport.json("GET", "/v1/me"))

    def _as_nobody(self, path: str, body: Mapping[str, str]) -> Any:
        """The answer to who shows no token: one that has expired would be refused whatever the password."""
        with closing(Transport(self.url)) as transport:
            return transport.json("POST", path, body=body)

    # -- voices -----------------------------------------------------------------------------------------------------

    def repository(self, name: str | VoiceName) -> Repository:
        """A repository; NotFound also when it is another user's private one."""
        return decode(Repository, self.transport.json("GET", parse_name(name).path))

    def version(self, name: str | VoiceName) -> Version:
        """The version that `owner/name[@ref]` means."""
        return decode(Version, self.transport.json("GET", parse_name(name).version_path))

    def versions(self, name: str | VoiceName) -> list[Version]:
        """All versions, newest first."""
        return [decode(Version, item) for item in self.transport.items(f"{parse_name(name).path}/versions")]

    def report(self, name: str | VoiceName, *, sarif: bool = False) -> Mapping[str, Any]:
        """The scan report of a version."""
        params = {"format": "sarif"} if sarif else {}
        answer = self.transport.json("GET", f"{parse_name(name).version_path}/report", params=params)
        return dict(answer)

    def search(
        self, query: str, *, size: int = 20, cursor: str = "", order: str = "relevance", forks: bool = False
    ) -> SearchPage:
        """Voices by words in Chinese or English: language, age, gender, manner, name, tags.

        `order` is relevance, newest, stars, downloads or mos. Of a family of forks only the best is a hit, which says
        how many it stands for, unless `forks` asks for all.
        """
        shown = "all" if forks else "collapsed"
        params = {"q": query, "size": size, "cursor": cursor, "order": order, "forks": shown}
        return decode(SearchPage, self.transport.json("GET", "/v1/search", params=params))

    def similar(self, name: str | VoiceName, query: str = "") -> tuple[Hit, ...]:
        """Voices that sound most like one, among those that `query` admits; none where no speaker was measured."""
        path = f"{parse_name(name).path}/similar"
        return decode(SearchPage, self.transport.json("GET", path, params={"q": query})).items

    def search_all(self, query: str) -> Iterator[Hit]:
        """Every hit, page by page."""
        for item in self.transport.items("/v1/search", {"q": query}):
            yield decode(Hit, item)

    # -- people -----------------------------------------------------------------------------------------------------

    def star(self, name: str | VoiceName, *, starred: bool = True) -> None:
        """Marks a voice, or takes the mark back."""
        self.transport.request("PUT" if starred else "DELETE", f"{parse_name(name).path}/star")

    def comments(self, name: str | VoiceName) -> list[Comment]:
        """What people said."""
        return [decode(Comment, item) for item in self.transport.items(f"{parse_name(name).path}/comments")]

    def comment(self, name: str | VoiceName, text: str) -> Comment:
        """Says something."""
        body = {"text": text}
        return decode(Comment, self.transport.json("POST", f"{parse_name(name).path}/comments", body=body))

    # -- push and pull ----------------------------------------------------------------------------------------------

    def upload(self, path: Path, on_bytes: OnBytes = ignore_progress) -> Upload:
        """Sends a file to the quarantine of the hub, going on where an earlier try stopped."""
        return upload_file(self.transport, path, on_bytes)

    def upload_all(self, paths: Sequence[Path], on_bytes: OnBytes = ignore_progress) -> list[Upload]:
        """Sends several files at once."""
        return upload_all(self.transport, paths, on_bytes)

    def create_version(
        self,
        name: str | VoiceName,
        parts: Sequence[tuple[Part, Upload]],
        card: Mapping[str, Any],
        declaration: Declaration,
        *,
        message: str = "",
        private: bool = False,
        figures: Mapping[str, Any] | None = None,
        ref: str = "",
        onto: str = "",
    ) -> Version:
        """Makes an immutable version from uploads; it walks its road from there (`states`).

        `ref` is the branch it is pushed to, `onto` the version it was made from: Conflict tells what changed if the
        branch has moved on since.
        """
        body = {
            "message": message,
            "card": dict(card),
            "declaration": vars(declaration),
            "visibility": "private" if private else "public",
            "files": [{"role": p.role, "filename": p.path.name, "upload": u.id} for p, u in parts],
            "figures": dict(figures or {}),
        }
        body |= {name: value for name, value in (("ref", ref), ("onto", onto)) if value}
        return decode(Version, self.transport.json("POST", f"{parse_name(name).path}/versions", body=body))

    def states(self, name: str | VoiceName, version: str) -> Iterator[str]:
        """The states of a version as it walks its road, until published, quarantined or erased."""
        return events.states(self.transport, parse_name(name), version)

    def pull(
        self, name: str | VoiceName, form: pulling.Format | None = None, on_bytes: OnBytes = ignore_progress
    ) -> pulling.Pulled:
        """Brings a voice and its base onto this machine."""
        voice = parse_name(name)
        version = self.version(voice)
        return pulling.pull(self.transport, self.cache, voice, version, self.bases(), form, on_bytes)

    def bases(self) -> list[Base]:
        """The bases of the hub."""
        return [decode(Base, item) for item in self.transport.items("/v1/bases")]

    # -- training and synthesis -------------------------------------------------------------------------------------

    def train(
        self,
        name: str,
        upload: Upload,
        transcript: str,
        language: str,
        declaration: Declaration,
        *,
        card: Mapping[str, Any] | None = None,
        private: bool = False,
        quick: bool = False,
        base: str = "",
        based_on: str | VoiceName = "",
    ) -> Job:
        """Queues a training job on the hub, on a base or on a version (`owner/name[@ref]`) that the user may read.

        Refused says what is wrong with the recording.
        """
        body = {
            "name": name,
            "upload": upload.id,
            "transcript": transcript,
            "language": language,
            "declaration": vars(declaration),
            "card": dict(card or {}),
            "private": private,
            "quick": quick,
        } | ({"base": base} if base else {})
        if based_on:
            voice = parse_name(based_on)
            body["base_version"] = {"owner": voice.owner, "name": voice.name} | (
                {"ref": voice.ref} if voice.ref else {}
            )
        return decode(Job, self.transport.json("POST", "/v1/training-jobs", body=body))

    def job(self, identifier: str) -> Job:
        """A training job."""
        return decode(Job, self.transport.json("GET", f"/v1/training-jobs/{identifier}"))

    def progress(self, job: str) -> Iterator[Progress]:
        """The progress of a job until it has ended."""
        return events.progress(self.transport, job)

    def synthesise(
        self, voice: str, text: str, language: str = "", *, seed: int = 0, speed: float = 1.0, format: str = "wav",  # noqa: A002 - the API's name
        ssml: bool = False, notice: bool = False,
    ) -> bytes:  # fmt: skip
        """The file of `speech`."""
        return self.speech(voice, text, language, seed, speed, format, ssml, notice).content

    def speech(
        self, voice: str, text: str, language: str = "", seed: int = 0, speed: float = 1.0, format: str = "wav",  # noqa: A002 - the API's name
        ssml: bool = False, notice: bool = False,
    ) -> Spoken:  # fmt: skip
        """A file (wav, flac, mp3, opus or pcm) that the hub speaks with `owner/name[@ref][#prompt]`, labelled."""
        body = {"voice": voice, "text": text, "seed": seed, "speed": speed, "format": format}
        body |= {"ssml": ssml, "notice": notice} | ({"language": language} if language else {})
        return spoken.of_response(self.transport.request("POST", "/v1/synthesis", body=body, seconds=LONGEST_SPEECH))

    def object(self, name: str | VoiceName, version: str, digest: str) -> bytes:
        """One object of a version, such as a sample."""
        path = f"{parse_name(name).path}/versions/{version}/objects/{digest}"
        return self.transport.request("GET", path).content

    def base(self, digest: str) -> Base:
        """One base; NotFound says how to register it."""
        for base in self.bases():
            if base.digest == digest:
                return base
        hint = "Register it on the hub: voicehub-admin base add PATH"
        raise NotFound(f"The base {digest[:12]}… is not registered on this hub.", hint=hint)
