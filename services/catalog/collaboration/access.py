"""Roles on a repository, and who leads an organisation."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.catalog.collaboration import ownership
from services.catalog.community import notices
from services.catalog.community.notices import Happened
from services.catalog.domain.roles import Role, lacks, last_admin, role_from, still_owns
from services.catalog.domain.visibility import require_account
from services.catalog.store import access, people, repositories
from services.catalog.store.access_tables import OrganisationRow
from services.common.clock import now
from services.common.errors import Conflict, Invalid, NotFound
from services.common.identity import Identity
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1 import access_pb2 as pb

MOST_NAMED = 10


def set_collaborator(session: Session, identity: Identity, request: pb.SetCollaboratorRequest) -> Role:
    """Gives an account a role on a repository; its owner needs none."""
    row = repositories.readable(session, identity, request.owner, request.name)
    access.require(session, identity, row, Role.ADMIN, archived_too=True)
    role = role_from(request.grant.role)
    if request.grant.account in ("", row.owner):
        raise Invalid("The owner has every role.", hint="Name another account.", fields={"account": "is the owner"})
    before = people.granted(session, row.id, request.grant.account)
    people.grant(session, row.id, request.grant.account, role)
    if role is not before:
        said = f"your role is {role.name.lower()} now"
        happened = Happened("role", f"role:{new_id()}", role.name.lower(), said, identity.account)
        notices.tell_only(session, row, happened, [request.grant.account])
    return role


def remove_collaborator(session: Session, identity: Identity, request: pb.RemoveCollaboratorRequest) -> None:
    """Takes a role back, or gives one's own up."""
    row = repositories.readable(session, identity, request.owner, request.name)
    leaves = require_account(identity) == request.account
    access.require(session, identity, row, Role.READ if leaves else Role.ADMIN, archived_too=True)
    people.grant(session, row.id, request.account, Role.NONE)


def create_organisation(session: Session, identity: Identity, name: str) -> OrganisationRow:
    """A new organisation led by the caller; the gateway has reserved its name among those of accounts."""
    account = require_account(identity)
    if people.is_organisation(session, name):
        raise Conflict(f"The name {name} is taken.", hint="Choose another name.", reason="NAME_TAKEN")
    row = OrganisationRow(name=name, create_time=now())
    session.add(row)
    session.flush()
    people.join(session, name, account, Role.ADMIN)
    return row


def require_member(session: Session, identity: Identity, organisation: str, needed: Role) -> str:
    """The account, if it has the role in the organisation. Who belongs to it is seen by its members only."""
    account = require_account(identity)
    has = access.member_role(session, organisation, account)
    if not has:
        raise NotFound(
            f"You belong to no organisation {organisation[:64]!r}.",
            hint="Check the spelling, or ask one of its admins.",
            reason="ORGANISATION_NOT_FOUND",
        )
    if has < needed:
        raise lacks(organisation, organisation, needed, has)
    return account


def set_member(session: Session, identity: Identity, request: pb.SetMemberRequest) -> Role:
    """Gives an account a role in an organisation, which keeps at least one admin."""
    require_member(session, identity, request.organisation, Role.ADMIN)
    role = role_from(request.grant.role)
    _check_led(session, request.organisation, request.grant.account, role)
    people.join(session, request.organisation, request.grant.account, role)
    return role


def remove_member(session: Session, identity: Identity, request: pb.RemoveMemberRequest) -> None:
    """Ends a membership, or one's own."""
    leaves = require_account(identity) == request.account
    require_member(session, identity, request.organisation, Role.READ if leaves else Role.ADMIN)
    _check_led(session, request.organisation, request.account, Role.NONE)
    people.join(session, request.organisation, request.account, Role.NONE)


def delete_organisation(session: Session, identity: Identity, name: str) -> None:
    """Ends an organisation that owns nothing any more, and all memberships; offers to it are declined.

    Raises:
        Conflict: it owns repositories; those that were taken down count.
    """
    account = require_member(session, identity, name, Role.ADMIN)
    owned = people.repositories_of(session, name)
    if owned:
        raise still_owns(name, owned[:MOST_NAMED], len(owned))
    for offer in people.offers_to(session, name):
        ownership.decline(session, offer, account)
    people.dissolve(session, name)


def _check_led(session: Session, organisation: str, account: str, later: Role) -> None:
    leads = access.member_role(session, organisation, account) is Role.ADMIN
    if leads and later < Role.ADMIN and people.admins(session, organisation) == 1:
        raise last_admin(organisation)
