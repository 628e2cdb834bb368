"""Who may what with a voice, and what becomes of its repository."""

from __future__ import annotations

from voicehub.collaboration import Erased, Grant, Organisation, Transfer
from voicehub.decoding import decode
from voicehub.models import Repository
from voicehub.names import VoiceName, parse_name
from voicehub.transport import Transport


class Access:
    """Collaborators, transfers, names, archives. Roles: read, triage, write, maintain, admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def collaborators(self, name: str | VoiceName) -> list[Grant]:
        """Who has a role."""
        answer = self._transport.json("GET", f"{parse_name(name).path}/collaborators")
        return [decode(Grant, item) for item in answer["items"]]

    def grant(self, name: str | VoiceName, account: str, role: str) -> None:
        """Gives an account a role; an empty one takes it back."""
        path = f"{parse_name(name).path}/collaborators/{account}"
        self._set(path, role)

    def update(
        self, name: str | VoiceName, *, private: bool | None = None, archived: bool | None = None, rename: str = ""
    ) -> Repository:
        """Changes one thing of a repository."""
        body: dict[str, object] = {} if private is None else {"visibility": "private" if private else "public"}
        body |= ({} if archived is None else {"archived": archived}) | ({"name": rename} if rename else {})
        return decode(Repository, self._transport.json("PATCH", parse_name(name).path, body=body))

    def erase(self, name: str | VoiceName) -> Erased:
        """Erases a version (owner/name@id), here and in forks; the tombstone, and which refs lost it."""
        return decode(Erased, self._transport.json("DELETE", parse_name(name).version_path))

    def delete(self, name: str | VoiceName) -> None:
        """Deletes a repository for good."""
        self._transport.request("DELETE", parse_name(name).path)

    def offer(self, name: str | VoiceName, new_owner: str) -> Transfer:
        """Offers a repository to another owner."""
        body = {"new_owner": new_owner}
        return decode(Transfer, self._transport.json("PUT", f"{parse_name(name).path}/transfer", body=body))

    def offers(self, *, made: bool = False) -> list[Transfer]:
        """What is offered to you; or, `made`, what you have offered and nobody has answered yet."""
        params = {"made": "true"} if made else {}
        found = self._transport.json("GET", "/v1/transfers", params=params)
        return [decode(Transfer, item) for item in found["items"]]

    def withdraw(self, name: str | VoiceName) -> None:
        """Takes an offer back; no error if there was none."""
        self._transport.request("DELETE", f"{parse_name(name).path}/transfer")

    def answer(self, transfer: str, *, accept: bool) -> None:
        """Accepts or declines an offer."""
        self._transport.request("POST", f"/v1/transfers/{transfer}/{'accept' if accept else 'decline'}")

    def erase_account(self, name: str, password: str) -> str:
        """Erases the account of the token, confirmed by its name and password; the pseudonym that is left of it."""
        answer = self._transport.json("DELETE", "/v1/me", body={"name": name, "password": password})
        return str(answer["pseudonym"])

    def create_organisation(self, name: str) -> Organisation:
        """A new organisation, led by you."""
        return decode(Organisation, self._transport.json("POST", "/v1/organisations", body={"name": name}))

    def delete_organisation(self, name: str) -> None:
        """Ends an organisation that owns nothing any more; Refused says what it still owns."""
        self._transport.request("DELETE", f"/v1/organisations/{name}")

    def organisations(self) -> list[Organisation]:
        """Those that you belong to."""
        return [decode(Organisation, item) for item in self._transport.items("/v1/organisations")]

    def members(self, organisation: str) -> list[Grant]:
        """Who belongs to an organisation."""
        answer = self._transport.json("GET", f"/v1/organisations/{organisation}/members")
        return [decode(Grant, item) for item in answer["items"]]

    def join(self, organisation: str, account: str, role: str) -> None:
        """Gives an account a role in an organisation; an empty one ends that."""
        self._set(f"/v1/organisations/{organisation}/members/{account}", role)

    def _set(self, path: str, role: str) -> None:
        if role:
            self._transport.request("PUT", path, body={"role": role})
        else:
            self._transport.request("DELETE", path)
