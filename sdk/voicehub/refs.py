"""Branches, tags and history of a voice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from voicehub.collaboration import Comparison, Protection, Ref
from voicehub.decoding import decode
from voicehub.models import Version
from voicehub.names import VoiceName, parse_name
from voicehub.transport import Transport


class Refs:
    """Names for versions. Every change says what it saw: Conflict, with what changed, when that is not so any more."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self, name: str | VoiceName) -> list[Ref]:
        """Branches, tags and heads of pull requests, by name."""
        return [decode(Ref, item) for item in self._transport.items(f"{parse_name(name).path}/refs")]

    def get(self, name: str | VoiceName, ref: str) -> Ref:
        """One ref; NotFound."""
        return decode(Ref, self._transport.json("GET", self._path(name, ref)))

    def put(
        self,
        name: str | VoiceName,
        ref: str,
        version: str,
        expected: str = "",
        *,
        kind: Literal["branch", "tag"] = "branch",
        force: bool = False,
    ) -> Ref:
        """Makes a ref (`expected` empty), or moves it from the tip `expected` to a published version."""
        body = {"version": version, "expected": expected, "kind": kind, "force": force}
        return decode(Ref, self._transport.json("PUT", self._path(name, ref), body=body))

    def delete(self, name: str | VoiceName, ref: str, expected: str) -> None:
        """Takes a name away; its versions stay."""
        self._transport.request("DELETE", self._path(name, ref), params={"expected": expected})

    def protect(self, name: str | VoiceName, ref: str, rules: Protection | None) -> Ref:
        """Lets a branch move by pull requests only, by these rules; None lifts that."""
        path = f"{self._path(name, ref)}/protection"
        if rules is None:
            return decode(Ref, self._transport.json("DELETE", path))
        return decode(Ref, self._transport.json("PUT", path, body=vars(rules)))

    def history(self, name: str | VoiceName) -> Iterator[Version]:
        """What led to `owner/name[@ref]`, newest first."""
        for item in self._transport.items(f"{parse_name(name).version_path}/history"):
            yield decode(Version, item)

    def compare(self, name: str | VoiceName, base: str, head: str) -> Comparison:
        """What two versions have and lack of each other."""
        params = {"base": base, "head": head}
        return decode(Comparison, self._transport.json("GET", f"{parse_name(name).path}/comparison", params=params))

    def _path(self, name: str | VoiceName, ref: str) -> str:
        return f"{parse_name(name).path}/refs/{ref}"
