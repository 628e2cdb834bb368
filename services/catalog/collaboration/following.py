"""Heads of pull requests follow their branches, and the repository they ask into can read them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.catalog.collaboration import judging
from services.catalog.domain.graph import compare
from services.catalog.domain.refs import RefKind, pull_ref
from services.catalog.domain.visibility import Visibility
from services.catalog.store import history, pulls, refs, repositories
from services.catalog.store.pull_tables import PullRequestRow
from services.catalog.store.refs import Fallen
from services.catalog.store.tables import RefRow, VersionRow
from services.common.clock import now


def published(session: Session, version: VersionRow) -> None:
    """A version is published: if its branch has moved to it, so do pull requests from there."""
    row = session.get(RefRow, (version.repository_id, version.ref))
    if row is not None and row.version_id == version.id:
        moved(session, version.repository_id, version.ref, version)


def moved(session: Session, repository_id: str, ref: str, version: VersionRow) -> None:
    """A branch names another published version: open pull requests from it have that head from now on."""
    for pull in pulls.open_from(session, repository_id, ref):
        _follow(session, pull, version, f"The head moved on to {version.id}")


def fell(session: Session, withdrawn: str, fallen: Fallen, left: VersionRow) -> None:
    """A branch fell back to a version: so do open pull requests whose head was the one that is gone.

    One that would bring nothing any more keeps the head that it had, and cannot be merged.
    """
    for pull in pulls.open_from(session, fallen.repository_id, fallen.ref):
        base = refs.tip_of(session.get(RefRow, (pull.repository_id, pull.base_ref)))
        brings = not base or compare(history.lookup(session), base, left.id).ahead
        if brings and withdrawn in (pull.head_version, pull.merging.get("head")):
            _follow(session, pull, left, f"The head {withdrawn} was erased")


def may_show(session: Session, pull: PullRequestRow) -> bool:
    """Whether the readers of the one side may see the other: what is private is not shown to everybody."""
    head, base = (repositories.by_id(session, one) for one in (pull.head_repository_id, pull.repository_id))
    return head.visibility == Visibility.PUBLIC.value or base.visibility == Visibility.PRIVATE.value


def _follow(session: Session, pull: PullRequestRow, version: VersionRow, what: str) -> None:
    if may_show(session, pull):
        late = bool(pull.merging)
        set_head(session, pull, version.id, pull.author)
        pull.merge_failure = f"{what} while the weights were merged." if late else ""


def set_head(session: Session, pull: PullRequestRow, version_id: str, account: str) -> None:
    """Makes a version the head: readable in the repository under the request's ref, and judged if that is asked for."""
    history.adopt(session, pull.repository_id, version_id, pull.number)
    repository = repositories.by_id(session, pull.repository_id)
    row = refs.put(session, repository, pull_ref(pull.number), RefKind.PULL, account)
    row.version_id = row.tip = version_id
    pull.head_version, pull.update_time = version_id, now()
    pull.merging, pull.merge_failure = {}, ""
    base = session.get(RefRow, (pull.repository_id, pull.base_ref))
    if base is not None and base.protection is not None and base.version_id is not None:
        for judged in (base.version_id, version_id):
            judging.ask(session, judged)
    session.flush()
