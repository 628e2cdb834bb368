"""Everything that a search can answer is the same to the byte whether or not there are voices one may not see."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import Message

from services.catalog.domain.road import State
from services.catalog.domain.roles import Role
from services.catalog.domain.visibility import Visibility
from services.catalog.search.port import ORDERS, SearchIndex
from services.catalog.search.projection import Projection
from services.catalog.search.voices import VoiceSearch
from services.catalog.store import people, repositories
from services.catalog.store.access_tables import OrganisationRow
from services.common.clock import now
from services.common.database import Database
from services.common.errors import VoiceHubError
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.common.v1.common_pb2 import PageRequest
from tests.contract.search_projection_suite import publish, withdraw

QUERIES = (
    "", "english", "粤语 老年 男性", "teahouse", "teahuose", "qzxwv", "qzxwc", '"old teahouse"', "-teahouse",
    "owner:ann", "secret-1", "ann/secret-1", "voice", "tag:hush", "mos:>3 stars:>=0", "persona:qzxwv", "沙哑 茶楼",
    "warm pirate",
)  # fmt: skip
PREFIXES = ("sec", "ann", "v", "qzx", "teah", "cant")
ASKERS = (Identity(""), Identity("bob"))
SEEN, SECRET = 24, 40


class PrivacyContract:
    """An engine joins by a fixture `index` and one of a migrated `database`."""

    def test_every_answer_is_the_same_with_and_without_what_one_may_not_see(
        self, database: Database, index: SearchIndex
    ) -> None:
        projection = Projection(database, index)
        search = VoiceSearch(database, index, projection)
        names = [f"open-{number}" for number in range(SEEN)]
        for number, name in enumerate(names):
            publish(database, card=_card(number), figures=_figures(number), name=name)
        before = list(_answers(search, names))
        for number in range(SECRET):
            _hide(database, number)
        assert list(_answers(search, names)) == before
        projection.rebuild()
        assert list(_answers(search, names)) == before
        own = search.search(Identity("ann"), pb.SearchVoicesRequest(query="qzxwv"))
        assert own.total > 0  # the secrets are there: their owner finds them

    def test_who_may_read_a_private_voice_finds_it_and_who_may_no_more_does_not(
        self, database: Database, index: SearchIndex
    ) -> None:
        search = VoiceSearch(database, index, Projection(database, index))
        for number in range(3):
            publish(database, card=_card(number), figures=_figures(number), name=f"open-{number}")
        card, figures = {**_card(1), "persona": "qzxwv"}, _figures(1)
        shared, ours = (
            publish(database, visibility=Visibility.PRIVATE, card=card, figures=figures, name=name)
            for name in ("shared", "ours")
        )
        with database.write() as session:
            repositories.by_id(session, ours).owner = "guild"
            repositories.mark_stale(session, ours)
        before = {who: _everything(search, who) for who in ("", "eve")}
        assert _found(search, "bob") == []
        with database.write() as session:
            people.grant(session, shared, "bob", Role.READ)
            session.add(OrganisationRow(name="guild", create_time=now()))
            session.flush()
            people.join(session, "guild", "bob", Role.READ)
        assert _found(search, "bob") == ["ann/shared", "guild/ours"]
        assert _found(search, "ann") == ["ann/shared"]
        near = search.similar(Identity("bob"), pb.ListSimilarVoicesRequest(owner="ann", name="shared", size=10))
        assert "ours" in {hit.repository.name for hit in near.hits}
        assert search.suggest(Identity("bob"), pb.SuggestQueriesRequest(prefix="guil")).suggestions == ["guild/ours"]
        assert {who: _everything(search, who) for who in ("", "eve")} == before
        with database.write() as session:
            people.grant(session, shared, "bob", Role.NONE)
            people.join(session, "guild", "bob", Role.NONE)
        assert _found(search, "bob") == []
        assert _everything(search, "bob") == before["eve"]

    def test_an_embedding_of_another_length_takes_no_voice_away(self, database: Database, index: SearchIndex) -> None:
        search = VoiceSearch(database, index, Projection(database, index))
        shorter = {"speaker_embedding": [1.0, 0.0]}
        publish(database, visibility=Visibility.PRIVATE, card=_card(0), figures=shorter, name="private")
        for number in range(3):
            publish(database, card=_card(number), figures=_figures(number), name=f"open-{number}")
        found = search.similar(Identity(""), pb.ListSimilarVoicesRequest(owner="ann", name="open-0"))
        assert sorted(hit.repository.name for hit in found.hits) == ["open-1", "open-2"]
        alike = search.by_sound(Identity("ann"), pb.SearchBySoundRequest(embedding=[1.0, 0.0]))
        assert [hit.repository.name for hit in alike.hits] == ["private"]

    def test_an_embedding_that_no_engine_takes_stops_no_search(self, database: Database, index: SearchIndex) -> None:
        search = VoiceSearch(database, index, Projection(database, index))
        longer = {"speaker_embedding": [1.0] * 5000}
        publish(database, card=_card(0), figures=longer, name="longer")
        publish(database, card=_card(1), figures=_figures(1), name="open")
        assert search.search(Identity(""), pb.SearchVoicesRequest()).total == 2
        found = search.similar(Identity(""), pb.ListSimilarVoicesRequest(owner="ann", name="longer"))
        assert found.unavailable


def _found(search: VoiceSearch, who: str) -> list[str]:
    answer = search.search(Identity(who), pb.SearchVoicesRequest(query="persona:qzxwv", forks=True))
    assert answer.total == len(answer.hits)
    return sorted(f"{hit.repository.owner}/{hit.repository.name}" for hit in answer.hits)


def _everything(search: VoiceSearch, who: str) -> list[bytes]:
    """All that somebody is answered."""
    found = [answer for query in ("", "qzxwv", "persona:qzxwv") for answer in _pages(search, Identity(who), query, "")]
    found += [_said(search.suggest, Identity(who), pb.SuggestQueriesRequest(prefix=start)) for start in ("guil", "sha")]
    by_sound = pb.SearchBySoundRequest(embedding=_figures(1)["speaker_embedding"], size=10)
    return [*found, _said(search.by_sound, Identity(who), by_sound)]


def _hide(database: Database, number: int) -> None:
    """A voice that others must not notice: private, not published yet, or taken back."""
    card = {
        **_card(number),
        "description_en": "An old teahouse qzxwv, hoarse pirate.",
        "persona": "qzxwv",
        "tags": ["hush"],
    }
    name, figures = f"secret-{number}", _figures(number % SEEN)
    if number % 3 == 0:
        publish(database, State.EXPORTED, card=card, figures=figures, name=name)
    elif number % 3 == 1:
        publish(database, visibility=Visibility.PRIVATE, card=card, figures=figures, name=name)
    else:
        withdraw(database, publish(database, visibility=Visibility.PRIVATE, card=card, figures=figures, name=name))


def _card(number: int) -> dict[str, Any]:
    chance = random.Random(number)
    return {
        "languages": [chance.choice(["en", "yue", "zh"])],
        "gender": chance.choice(["male", "female"]),
        "age": chance.choice(["young", "senior"]),
        "tags": chance.sample(["studio", "warm", "beta"], 1),
        "description_en": chance.choice(["An old teahouse.", "A warm pirate", "Hoarse", ""]),
        "description_zh": chance.choice(["茶楼里的老先生", "声音沙哑", ""]),
        "measured": {"mos": {"value": chance.choice([2.5, 3.5, 4.5])}},
    }


def _figures(number: int) -> dict[str, Any]:
    chance = random.Random(number)
    return {"speaker_embedding": [chance.gauss(0, 1) for _ in range(8)]}


def _answers(search: VoiceSearch, names: list[str]) -> Iterator[bytes]:
    """Every answer and error that somebody without rights can get, as bytes."""
    for who in ASKERS:
        for query in QUERIES:
            for order in ORDERS:
                yield from _pages(search, who, query, order)
        for prefix in PREFIXES:
            yield _said(search.suggest, who, pb.SuggestQueriesRequest(prefix=prefix))
        for name in (*names, "secret-1", "secret-2"):
            for query in ("", "gender:male"):
                request = pb.ListSimilarVoicesRequest(owner="ann", name=name, query=query, size=10)
                yield _said(search.similar, who, request)
        yield _said(search.search, who, pb.SearchVoicesRequest(query="x" * 501))
        yield _said(search.search, who, pb.SearchVoicesRequest(query="x", order="secret-1"))
        yield _said(search.search, who, pb.SearchVoicesRequest(page=PageRequest(cursor="secret-1")))


def _pages(search: VoiceSearch, who: Identity, query: str, order: str) -> Iterator[bytes]:
    cursor, forks = "", False
    for _ in range(4):
        request = pb.SearchVoicesRequest(query=query, order=order, forks=forks, page=PageRequest(size=9, cursor=cursor))
        answer = search.search(who, request)
        yield answer.SerializeToString(deterministic=True)
        cursor, forks = answer.next_cursor, not forks
        if not cursor:
            return


def _said(call: Callable[[Identity, Any], Message], who: Identity, request: Message) -> bytes:
    try:
        return call(who, request).SerializeToString(deterministic=True)
    except VoiceHubError as error:
        return repr((error.code, error.message, error.hint, error.reason, error.fields)).encode()
