"""The contract of the search index, on Elasticsearch; and that both engines answer alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.catalog.search.port import SearchIndex, open_index
from tests.contract.search_suite import SearchContract


class TestElasticsearch(SearchContract):
    @pytest.fixture
    def index(self, search_url: str) -> Iterator[SearchIndex]:
        made = open_index(search_url)
        yield made
        made.close()
