"""The command that measures relevance: its arithmetic, and its patience with incomplete records."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from services.catalog.search.evaluate import main, measure, ndcg, recall, unknown
from services.catalog.search.judged import Judged
from services.catalog.search.lexicon_data import load


def test_ndcg_is_one_for_the_best_order_and_less_for_another() -> None:
    grades = {"a": 3, "b": 1}
    assert ndcg(["a", "b", "x"], grades) == 1.0
    assert ndcg(["b", "a"], grades) == pytest.approx((1 + 7 / math.log2(3)) / (7 + 1 / math.log2(3)))
    assert ndcg([], grades) == 0.0
    assert recall(["b", *"x" * 60, "a"], grades) == 0.5


def test_figures_are_means_over_queries_and_by_class() -> None:
    queries = [Judged("1", "", "en", {"a": 3}), Judged("2", "", "zh", {"b": 2}), Judged("3", "", "zh", {})]
    figures = measure({"1": ["a"], "2": ["x"]}, queries)
    assert (figures["ndcg@10"], figures["recall@50"]) == (0.5, 0.5)
    assert figures["classes"] == {
        "en": {"ndcg@10": 1.0, "recall@50": 1.0, "queries": 1},
        "zh": {"ndcg@10": 0.0, "recall@50": 0.0, "queries": 1},
    }


def test_the_share_of_unknown_words_is_counted_in_words() -> None:
    queries = [Judged("1", "粤语 老年 饮茶", "", {}), Judged("2", "zorblaxian", "", {})]
    assert unknown(queries, load()) == 0.25


def test_incomplete_records_are_found_by_their_prose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [
        {"id": 1, "description_zh": "七十岁的老先生，讲广东话", "tags": None, "emotions": None, "mos": None},
        {"id": "2", "owner": "ann", "name": "x", "description_en": "an old Cantonese lady", "created": "yesterday"},
        {"id": "3", "language": "zh", "stars": "many", "fork_of": "3"},
    ]
    queries = [{"id": "q", "text": "elderly male Cantonese", "class": "en", "relevant": {"1": 3, "2": 1}}]
    for name, rows in (("r", records), ("q", queries)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    files = ["--records", str(tmp_path / "r.jsonl"), "--queries", str(tmp_path / "q.jsonl")]
    assert main([*files, "--engine", f"sqlite:///{tmp_path / 'i.sqlite'}", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["ndcg@10"] == 1.0
    assert figures["bm25"]["ndcg@10"] < 1.0
    assert set(figures) == {"ndcg@10", "recall@50", "queries", "classes", "bm25", "unknown"}
