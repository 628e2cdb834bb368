"""Pull requests: ask that a voice takes over what you made better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from voicehub.collaboration import Pull, Remark, Review
from voicehub.decoding import decode
from voicehub.names import VoiceName, parse_name
from voicehub.transport import Transport


class Pulls:
    """Pull requests into a repository; the head of number 7 is heard as `owner/name@pull-7`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def open(self, into: str | VoiceName, head: str | VoiceName, title: str, body: str = "") -> Pull:
        """Asks that `into` (owner/name[@branch]) takes over `head` (owner/name[@branch], a fork or the same)."""
        target, source = parse_name(into), parse_name(head)
        values = {
            "title": title,
            "body": body,
            "base": target.ref,
            "head": source.ref,
            "head_owner": source.owner,
            "head_name": source.name,
        }
        sent = {name: value for name, value in values.items() if value}
        return decode(Pull, self._transport.json("POST", f"{target.path}/pulls", body=sent))

    def all(self, name: str | VoiceName, state: str = "") -> list[Pull]:
        """Newest first; in one state (open, merged, closed) if that is said."""
        path = f"{parse_name(name).path}/pulls"
        return [decode(Pull, item) for item in self._transport.items(path, {"state": state})]

    def get(self, name: str | VoiceName, number: int) -> Pull:
        """One, with its checks."""
        return decode(Pull, self._transport.json("GET", self._path(name, number)))

    def close(self, name: str | VoiceName, number: int) -> Pull:
        """Closes it unmerged."""
        return decode(Pull, self._transport.json("POST", f"{self._path(name, number)}/close"))

    def merge(
        self,
        name: str | VoiceName,
        number: int,
        head: str,
        *,
        strategy: Literal["fast-forward", "weights"] = "fast-forward",
        options: Mapping[str, Any] | None = None,
    ) -> Pull:
        """Merges the head that you heard; Refused names each check that has not passed.

        With `weights` the hub merges both sides by `options` (strategy, scale, density, weight, choices, lexicon).
        The result is judged as the head (`merging` as long as that takes); then it is merged, or the old head is back
        and `merge_failure` says why.
        """
        body = {"head": head, "strategy": strategy, "options": dict(options or {})}
        return decode(Pull, self._transport.json("POST", f"{self._path(name, number)}/merge", body=body))

    def review(self, name: str | VoiceName, number: int, version: str, *, approve: bool, text: str = "") -> Review:
        """A verdict on the head that you heard."""
        body = {"version": version, "verdict": "approve" if approve else "request-changes", "text": text}
        return decode(Review, self._transport.json("POST", f"{self._path(name, number)}/reviews", body=body))

    def reviews(self, name: str | VoiceName, number: int) -> list[Review]:
        """All verdicts, oldest first."""
        answer = self._transport.json("GET", f"{self._path(name, number)}/reviews")
        return [decode(Review, item) for item in answer["items"]]

    def say(
        self, name: str | VoiceName, number: int, text: str, *, thread: str = "", version: str = "", digest: str = ""
    ) -> Remark:
        """Says something, in a thread, with a sound (`digest` of a sample or prompt of `version`)."""
        body: dict[str, Any] = {"text": text} | ({"thread": thread} if thread else {})
        body |= {"snippet": {"version": version or "main", "digest": digest}} if digest else {}
        return decode(Remark, self._transport.json("POST", f"{self._path(name, number)}/remarks", body=body))

    def remarks(self, name: str | VoiceName, number: int) -> list[Remark]:
        """What people said, oldest first."""
        return [decode(Remark, item) for item in self._transport.items(f"{self._path(name, number)}/remarks")]

    def resolve(self, name: str | VoiceName, number: int, thread: str, *, resolved: bool = True) -> None:
        """Settles a thread, or opens it again."""
        path = f"{self._path(name, number)}/threads/{thread}/resolved"
        self._transport.request("PUT" if resolved else "DELETE", path)

    def _path(self, name: str | VoiceName, number: int) -> str:
        return f"{parse_name(name).path}/pulls/{number}"
