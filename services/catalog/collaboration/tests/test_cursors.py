"""A cursor says what its reader has seen already, and nothing of how much there is that nobody shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from services.catalog import paging
from services.catalog.collaboration.tests.inside import Inside
from services.catalog.community.watch_service import WatchService
from services.catalog.store.tables import RepositoryRow
from services.common.errors import Invalid
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import refs_pb2, watching_pb2
from services.stubs.voicehub.common.v1 import common_pb2

ONE = common_pb2.PageRequest(size=1)


def filled(folder: Path, secrets: int) -> Inside:
    """Three public voices of ann with two versions each, and between them private ones of bob."""
    hub = Inside(folder)
    for number in range(3):
        for secret in range(secrets):
            hub.push("bob", "bob", f"secret-{number}-{secret}", 1, visibility_if_new=pb.VISIBILITY_PRIVATE)
        for content in range(2):
            hub.publish(hub.push("ann", "ann", f"voice-{number}", content).id, content)
    return hub


def test_cursors_are_ids_that_were_shown_with_and_without_private_voices(tmp_path: Path) -> None:
    sequences = []
    for secrets in (0, 4):
        hub = filled(tmp_path / str(secrets), secrets)
        listed = hub.ask("eve", hub.catalog.ListRepositories, pb.ListRepositoriesRequest(page=ONE))
        last = listed.repositories[-1].id
        assert listed.next_cursor == paging.encode("repositories", last)
        with hub.database.read() as session:
            sequences.append(session.scalars(select(RepositoryRow.sequence).where(RepositoryRow.id == last)).one())
        asked = pb.ListVersionsRequest(owner="ann", name="voice-2", page=ONE)
        versions = hub.ask("eve", hub.catalog.ListVersions, asked)
        assert versions.next_cursor == paging.encode("versions", versions.versions[-1].id)
        history = hub.ask(
            "eve", hub.refs.ListHistory, refs_pb2.ListHistoryRequest(owner="ann", name="voice-2", page=ONE)
        )
        assert history.next_cursor == paging.encode("history", history.versions[-1].parents[0])
    assert sequences[0] != sequences[1], "what a cursor said before tells the hubs apart"


def noticed(folder: Path, comments: int) -> list[tuple[int, str, str]]:
    """What eve is told, page by page, who watches a voice that became private, and so many things happened there."""
    hub = Inside(folder)
    watching = WatchService(hub.database)
    for owner in ("ann", "bob"):
        hub.push(owner, owner, "voice", 1)
        watch = watching_pb2.SetWatchRequest(owner=owner, name="voice", watching=True)
        hub.ask("eve", watching.SetWatch, watch)
    private = pb.UpdateRepositoryRequest(owner="bob", name="voice", visibility=pb.VISIBILITY_PRIVATE)
    hub.ask("bob", hub.catalog.UpdateRepository, private)
    for number in range(3):
        for _ in range(comments):
            hub.ask("bob", hub.catalog.CreateComment, pb.CreateCommentRequest(owner="bob", name="voice", text="hidden"))
        comment = pb.CreateCommentRequest(owner="ann", name="voice", text=f"number {number}")
        hub.ask("ann", hub.catalog.CreateComment, comment)
    told: list[tuple[int, str, str]] = []
    page = common_pb2.PageRequest(size=1)
    while not told or page.cursor:
        answer = hub.ask("eve", watching.ListNotices, watching_pb2.ListNoticesRequest(page=page))
        page.cursor = answer.next_cursor
        told.append((answer.notices[0].number, answer.notices[0].text, page.cursor))
    hub.ask("eve", watching.MarkNoticesRead, watching_pb2.MarkNoticesReadRequest(up_to=2))
    unread = hub.ask("eve", watching.ListNotices, watching_pb2.ListNoticesRequest(unread_only=True)).notices
    assert [(one.number, one.read) for one in unread] == [(3, False)]
    return told


def test_numbers_of_notices_do_not_tell_of_what_happens_in_private(tmp_path: Path) -> None:
    told = noticed(tmp_path / "quiet", 0)
    assert [text for _, text, _ in told] == ["number 2", "number 1", "number 0"]
    assert told == noticed(tmp_path / "busy", 4)


@pytest.mark.parametrize("cursor", [paging.encode("repositories", 7), paging.encode("repositories", "0" * 32), "x"])
def test_a_cursor_that_was_not_given_is_refused(tmp_path: Path, cursor: str) -> None:
    hub = Inside(tmp_path)
    page = common_pb2.PageRequest(size=1, cursor=cursor)
    with pytest.raises(Invalid) as told:
        hub.ask("eve", hub.catalog.ListRepositories, pb.ListRepositoriesRequest(page=page))
    assert told.value.reason == "BAD_CURSOR"
