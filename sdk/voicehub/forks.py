"""Forking a voice, keeping the fork up to date, and seeing where voices come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicehub.collaboration import Ref
from voicehub.decoding import decode
from voicehub.models import Repository
from voicehub.names import VoiceName, parse_name
from voicehub.transport import Transport


class Forks:
    """Forks: repositories at the same version, made without copying a byte."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def make(self, name: str | VoiceName, into: str | VoiceName | None = None, *, private: bool = False) -> Repository:
        """Forks `owner/name[@ref]` to a repository of yours, or to `into`."""
        source = parse_name(name)
        body = {"ref": source.ref} if source.ref else {}
        if into is not None:
            target = parse_name(into)
            body |= {"owner": target.owner, "name": target.name}
        body |= {"visibility": "private"} if private else {}
        return decode(Repository, self._transport.json("POST", f"{source.path}/forks", body=body))

    def sync(self, name: str | VoiceName) -> tuple[Ref, bool]:
        """Moves a branch (default: main) forward to what the upstream has; whether it moved. Conflict if diverged."""
        voice = parse_name(name)
        answer = self._transport.json("POST", f"{voice.path}/refs/{voice.ref or 'main'}/sync")
        return decode(Ref, answer["ref"]), bool(answer["moved"])

    def lineage(self, name: str | VoiceName) -> Mapping[str, Any]:
        """Nodes and edges of the family."""
        return dict(self._transport.json("GET", f"{parse_name(name).path}/lineage"))

    def picture(self, name: str | VoiceName) -> bytes:
        """The lineage as SVG."""
        return self._transport.request("GET", f"{parse_name(name).path}/lineage.svg").content
