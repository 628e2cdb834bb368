"""The contract of the search index, on Elasticsearch; and that both engines answer alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch as Client

from services.catalog.search.port import IndexLost, SearchIndex, open_index, rebuild
from services.catalog.search.projection import Projection
from services.catalog.search.snapshot import snapshot
from services.common.database import Database
from services.common.ids import new_id
from tests.contract.search_privacy_suite import PrivacyContract
from tests.contract.search_projection_suite import ProjectionContract, database, publish, shown
from tests.contract.search_suite import QUERIES, VOICES, SearchContract, look, put, voice
from tests.engines.elasticsearch import Elasticsearch

__all__ = ["database"]


@pytest.fixture
def index(search_url: str) -> Iterator[SearchIndex]:
    made = open_index(search_url)
    yield made
    made.close()


class TestElasticsearch(SearchContract):
    def test_both_engines_answer_alike(self, index: SearchIndex, tmp_path: Path) -> None:
        embedded = open_index(f"sqlite:///{tmp_path / 'search.sqlite'}")
        for one in (index, embedded):
            rebuild(one, VOICES)
        for text in QUERIES:
            for order in ("relevance", "newest", "stars", "downloads", "mos"):
                assert look(index, text, order=order) == look(embedded, text, order=order), (text, order)
        embedded.close()

    def test_embeddings_of_more_lengths_than_a_mapping_has_fields_for_stop_no_change(
        self, index: SearchIndex, search_url: str, elasticsearch: Elasticsearch
    ) -> None:
        rebuild(index, [])
        many = {f"of_{n}": {"type": "dense_vector", "dims": n, "similarity": "cosine"} for n in range(8, 988)}
        with Client(elasticsearch.rest) as client:
            vectors = {"vectors": {"type": "object", "dynamic": True, "properties": many}}
            client.indices.put_mapping(index=search_url.rpartition("/")[2], properties=vectors)
        put(index, [voice(n, embedding=(1.0, *[0.0] * (990 + n))) for n in range(12)])
        assert look(index, "").total == 12


class TestProjectionOnElasticsearch(ProjectionContract):
    @pytest.fixture
    def another(self, elasticsearch: Elasticsearch) -> Callable[[], SearchIndex]:
        return lambda: open_index(f"{elasticsearch.url}/test-{new_id()}")

    @pytest.fixture
    def replica(self, search_url: str) -> Iterator[SearchIndex]:
        """The same index, of another process of the catalog."""
        made = open_index(search_url)
        yield made
        made.close()

    def test_of_two_rebuilds_at_once_the_later_answers_and_the_earlier_gives_up(
        self, database: Database, index: SearchIndex, replica: SearchIndex
    ) -> None:
        voices = sorted(publish(database) for _ in range(4))
        with database.read() as session:
            changes = snapshot(session).changes
        earlier, later = index.begin(), replica.begin()
        earlier.apply(changes[:2])
        later.apply(changes)
        later.switch(4)
        with pytest.raises(IndexLost):
            earlier.apply(changes[2:])
        with pytest.raises(IndexLost):
            earlier.switch(4)
        earlier.discard()
        for one in (index, replica):
            Projection(database, one).catch_up()
            assert one.stamp()
            assert shown(one) == voices

    def test_an_older_index_that_cannot_be_deleted_stops_no_rebuild(
        self, database: Database, index: SearchIndex, search_url: str, elasticsearch: Elasticsearch
    ) -> None:
        voice, projection = _rebuilt_twice(database, index)
        with Client(elasticsearch.rest) as client:
            older = min(client.indices.get(index=f"{search_url.rpartition('/')[2]}-*"))
            client.indices.put_settings(index=older, settings={"index.blocks.read_only": True})
            projection.rebuild()
            projection.catch_up()
            assert shown(index) == [voice]
            client.indices.put_settings(index=older, settings={"index.blocks.read_only": None})
        projection.rebuild()
        assert shown(index) == [voice]

    def test_an_index_that_answers_is_not_discarded(self, database: Database, index: SearchIndex) -> None:
        voice = publish(database)
        with database.read() as session:
            page = snapshot(session)
        filling = index.begin()
        filling.apply(page.changes)
        filling.switch(page.position)
        filling.discard()  # as after a switch of which no answer came
        assert shown(index) == [voice]

    def test_what_was_applied_while_another_process_moved_the_alias_is_not_missing_afterwards(
        self, database: Database, index: SearchIndex, replica: SearchIndex
    ) -> None:
        projection = Projection(database, index)
        voices = [publish(database)]
        projection.catch_up()
        with database.read() as session:
            page = snapshot(session)
        filling = replica.begin()
        filling.apply(page.changes)
        voices.append(publish(database))
        projection.catch_up()
        filling.switch(page.position)  # and its process dies before it looks again
        projection.catch_up()
        assert shown(index) == sorted(voices)
        voices.append(publish(database))
        projection.catch_up()
        assert shown(index) == sorted(voices)

    def test_an_alias_that_names_two_indexes_is_mended(
        self, database: Database, index: SearchIndex, search_url: str, elasticsearch: Elasticsearch
    ) -> None:
        voice, projection = _rebuilt_twice(database, index)
        alias = search_url.rpartition("/")[2]
        with Client(elasticsearch.rest) as client:
            client.indices.put_alias(index=f"{alias}-*", name=alias)
        with pytest.raises(IndexLost):
            projection.catch_up()
        projection.catch_up()
        assert shown(index) == [voice]


class TestPrivacyOnElasticsearch(PrivacyContract):
    pass


def _rebuilt_twice(database: Database, index: SearchIndex) -> tuple[str, Projection]:
    """A voice, and the projection of an index before which there is an older one."""
    voice = publish(database)
    projection = Projection(database, index)
    for _ in range(2):
        projection.rebuild()
    return voice, projection
