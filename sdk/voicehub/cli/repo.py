"""`voicehub repo …` and `voicehub org …`: names, owners, roles."""

from __future__ import annotations

import click

from voicehub.cli.context import Context, command
from voicehub.errors import UsageError
from voicehub.models import Repository
from voicehub.names import parse_name

_ROLES = click.Choice(["read", "triage", "write", "maintain", "admin", "none"])


@click.group()
def repo() -> None:
    """What becomes of a repository, and who may what in it."""


@repo.command(name="set")
@click.argument("voice")
@click.option("--private/--public", default=None, help="Who sees it.")
@click.option("--archive/--open", "archived", default=None, help="Read-only, or not.")
@click.option("--rename", default="", metavar="NAME", help="Another name; the old one leads to it.")
@command
def change(context: Context, voice: str, private: bool | None, archived: bool | None, rename: str) -> None:
    """Change one thing of VOICE (owner/name)."""
    if sum((private is not None, archived is not None, bool(rename))) != 1:
        raise UsageError("Change one thing at a time.", hint="Give --private, --archive, --rename or their opposites.")
    with context.client() as client:
        _tell(context, client.access.update(voice, private=private, archived=archived, rename=rename))


@repo.command()
@click.argument("voice")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def delete(context: Context, voice: str, yes: bool) -> int:
    """Delete VOICE (owner/name) for good."""
    if not yes and not click.confirm(f"Delete {voice} for good?", err=True):
        return 1
    with context.client() as client:
        client.access.delete(voice)
    context.out.answer({"deleted": voice})
    context.out.say(f"✓ {voice} is gone.")
    return 0


@repo.command()
@click.argument("version")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def erase(context: Context, version: str, yes: bool) -> int:
    """Erase VERSION (owner/name@id) for good, here and in forks; its place in the history stays."""
    if not yes and not click.confirm(f"Erase {version} for good?", err=True):
        return 1
    with context.client() as client:
        done = client.access.erase(version)
    context.out.answer(done)
    context.out.say(f"✓ {version} is erased.")
    for ref in done.refs:
        now = "is gone" if ref.deleted else f"is {ref.version} now" if ref.version else "names no version any more"
        context.out.say(f"  {ref.owner}/{ref.name}@{ref.ref} {now}")
    return 0


@repo.command()
@click.argument("voice")
@click.argument("new_owner")
@command
def transfer(context: Context, voice: str, new_owner: str) -> None:
    """Offer VOICE (owner/name) to NEW_OWNER, who accepts with `voicehub repo offers --accept`."""
    with context.client() as client:
        made = client.access.offer(voice, new_owner)
    context.out.answer(made)
    context.out.say(f"✓ {voice} is offered to {new_owner}.")


@repo.command()
@click.option("--accept", default="", metavar="ID", help="Take an offer.")
@click.option("--decline", default="", metavar="ID", help="Decline an offer.")
@click.option("--made", is_flag=True, help="List what you have offered instead.")
@click.option("--withdraw", default="", metavar="VOICE", help="Take your offer of VOICE back.")
@command
def offers(context: Context, accept: str, decline: str, made: bool, withdraw: str) -> None:
    """List what is offered to you, answer an offer, or take your own back."""
    with context.client() as client:
        if withdraw:
            client.access.withdraw(withdraw)
        for identifier, taken in ((accept, True), (decline, False)):
            if identifier:
                client.access.answer(identifier, accept=taken)
        found = client.access.offers(made=made or bool(withdraw))
    context.out.answer(found)
    context.out.table(
        ["OFFER", "VOICE", "FROM", "TO"], [[o.id, f"{o.owner}/{o.name}", o.by, o.new_owner] for o in found]
    )


@repo.command()
@click.argument("voice")
@click.argument("account", required=False)
@click.argument("role", required=False, type=_ROLES)
@command
def role(context: Context, voice: str, account: str | None, role: str | None) -> None:
    """List who has a role on VOICE, or give ACCOUNT a ROLE (none takes it back)."""
    _check_role(account, role)
    with context.client() as client:
        if account:
            client.access.grant(parse_name(voice), account, "" if role == "none" else str(role))
        found = client.access.collaborators(voice)
    context.out.answer(found)
    context.out.table(["ACCOUNT", "ROLE"], [[grant.account, grant.role] for grant in found])


@click.group()
def org() -> None:
    """Organisations: owners that are not one person."""


@org.command(name="create")
@click.argument("name")
@command
def create_organisation(context: Context, name: str) -> None:
    """Make the organisation NAME; you are its admin."""
    with context.client() as client:
        made = client.access.create_organisation(name)
    context.out.answer(made)
    context.out.say(f"✓ {name} is yours: push to {name}/….")


@org.command(name="delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def delete_organisation(context: Context, name: str, yes: bool) -> int:
    """Delete the organisation NAME, which owns no voice any more; nobody but you can have its name later."""
    if not yes and not click.confirm(f"Delete the organisation {name} for good?", err=True):
        return 1
    with context.client() as client:
        client.access.delete_organisation(name)
    context.out.answer({"deleted": name})
    context.out.say(f"✓ {name} is no organisation any more.")
    return 0


@org.command(name="ls")
@command
def list_organisations(context: Context) -> None:
    """List your organisations."""
    with context.client() as client:
        found = client.access.organisations()
    context.out.answer(found)
    context.out.table(["ORGANISATION", "ROLE"], [[one.name, one.role] for one in found])


@org.command()
@click.argument("organisation")
@click.argument("account", required=False)
@click.argument("role", required=False, type=_ROLES)
@command
def member(context: Context, organisation: str, account: str | None, role: str | None) -> None:
    """List the members of ORGANISATION, or give ACCOUNT a ROLE on all its voices (none ends that)."""
    _check_role(account, role)
    with context.client() as client:
        if account:
            client.access.join(organisation, account, "" if role == "none" else str(role))
        found = client.access.members(organisation)
    context.out.answer(found)
    context.out.table(["ACCOUNT", "ROLE"], [[grant.account, grant.role] for grant in found])


def _check_role(account: str | None, role: str | None) -> None:
    """Who names an account wants to look, perhaps: no role is taken back that is not said to be."""
    if account and role is None:
        raise UsageError(f"Which role shall {account} have?", hint=f"Name one of {', '.join(_ROLES.choices)}.")


def _tell(context: Context, repository: Repository) -> None:
    context.out.answer(repository)
    archived = ", read-only" if repository.archived else ""
    context.out.say(f"✓ {repository.owner}/{repository.name} is {repository.visibility}{archived}.")
