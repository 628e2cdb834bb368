"""The contract of the search index, on the embedded one."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.catalog.search import evaluate, judged
from services.catalog.search.port import Change, SearchIndex, open_index, rebuild
from tests.contract.search_privacy_suite import PrivacyContract
from tests.contract.search_projection_suite import ProjectionContract, database
from tests.contract.search_suite import VOICES, SearchContract, look, put, voice

__all__ = ["database"]
LEAST_OF_OTHERS = {5: 0.835, 6: 0.88, 7: 0.825, 8: 0.615, 9: 0.69, 11: 0.76, 12: 0.69}
"""Of those not looked at in tests/data/relevance."""
OTHERS = Path(__file__).parents[1] / "data" / "relevance"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SearchIndex]:
    made = open_index(f"sqlite:///{tmp_path / 'search.sqlite'}")
    yield made
    made.close()


class TestSqlite(SearchContract):
    def test_what_was_written_is_there_when_the_file_is_opened_again(self, tmp_path: Path, index: SearchIndex) -> None:
        rebuild(index, VOICES)
        put(index, [], [VOICES[0].id])
        again = open_index(f"sqlite:///{tmp_path / 'search.sqlite'}")
        assert look(again, "raspy cantonese tea house") == look(index, "raspy cantonese tea house")
        assert look(again, "").total == len(VOICES) - 1
        again.close()

    def test_words_of_every_script_are_found_also_when_the_file_is_opened_again(
        self, tmp_path: Path, index: SearchIndex
    ) -> None:
        words = ("quokka", "café", "Ärzte", "がらくた", "고양이", "犇", "𠮷", "ﬁshmonger", "4711", "жара")
        rebuild(index, [voice(n, description_en=f"Speaks of {word} only.") for n, word in enumerate(words)])
        put(index, [voice(90, description_en="Speaks of zorilla only.")], [voice(0).id])
        again = open_index(f"sqlite:///{tmp_path / 'search.sqlite'}")
        for one in (index, again):
            for number, word in [*enumerate(words), (90, "zorilla")]:
                found = [hit.id for hit in look(one, f'"{word}"').hits]
                assert found == ([] if number == 0 else [voice(number).id]), word
        again.close()

    @pytest.mark.parametrize("number", LEAST_OF_OTHERS)
    def test_relevance_of_what_others_asked(self, index: SearchIndex, number: int, tmp_path: Path) -> None:
        for name in ("records", "queries"):
            lines = gzip.decompress((OTHERS / f"{number}-{name}.jsonl.gz").read_bytes())
            (tmp_path / f"{name}.jsonl").write_bytes(lines)
        asked = judged.read_queries(tmp_path / "queries.jsonl")
        kept = [query for query in asked if hashlib.sha256(query.text.encode()).digest()[0] % 2 == 0]
        rebuild(index, judged.read_records(tmp_path / "records.jsonl"))
        figures = evaluate.measure(evaluate.rankings(index, kept), kept)
        assert len(kept) >= 80
        assert figures["ndcg@10"] >= LEAST_OF_OTHERS[number], figures

    def test_stars_take_no_memory_however_often_they_change(self, tmp_path: Path, index: SearchIndex) -> None:
        voices = [voice(n, embedding=(1 / 16,) * 256, stars=0) for n in range(20)]
        rebuild(index, voices)
        index.apply([Change(v.id, 1, v) for v in voices])  # what is opened once
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for stars in range(1, 101):
                index.apply([Change(v.id, 1000 * stars + n, replace(v, stars=stars + n)) for n, v in enumerate(voices)])
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert after - before < 1_000_000  # 2,000 rows with an embedding are more than 2 MB
        again = open_index(f"sqlite:///{tmp_path / 'search.sqlite'}")
        for one in (index, again):
            assert [hit.id for hit in look(one, "stars:>100", order="stars").hits] == [v.id for v in voices[:0:-1]]
        again.close()


class TestProjectionOnSqlite(ProjectionContract):
    @pytest.fixture
    def another(self, tmp_path: Path) -> Callable[[], SearchIndex]:
        return lambda: open_index(f"sqlite:///{tmp_path / 'another.sqlite'}")


class TestPrivacyOnSqlite(PrivacyContract):
    pass
