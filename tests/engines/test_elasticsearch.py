"""What our node adds to the published jars answers as the distribution does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from tests.engines.elasticsearch import VERSION, Elasticsearch

UNIGRAMS_TOO = {"type": "cjk_bigram", "output_unigrams": True}
_opener = build_opener(ProxyHandler({}))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elasticsearch]:
    server = Elasticsearch(tmp_path_factory.mktemp("search"))
    with server:
        yield server


def call(node: Elasticsearch, method: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{node.rest}{path}", data, {"Content-Type": "application/json"}, method=method)
    with _opener.open(request, timeout=60) as answer:
        return json.load(answer)


def tokens(node: Elasticsearch, text: str, **analysis: object) -> list[str]:
    found = call(node, "POST", "/_analyze", {"text": text, **analysis})["tokens"]
    return [token["token"] for token in found]


def test_it_says_what_it_is(node: Elasticsearch) -> None:
    said = call(node, "GET", "/")
    assert said["version"]["number"] == VERSION
    assert said["tagline"] == "You Know, for Search"


@pytest.mark.parametrize(
    ("text", "analysis", "expected"),
    [
        ("我爱北京天安门", {"tokenizer": "smartcn_tokenizer"}, ["我", "爱", "北京", "天安门"]),
        ("粤语男", {"analyzer": "cjk"}, ["粤语", "语男"]),
        ("Narrating voices", {"analyzer": "english"}, ["narrat", "voic"]),
        ("Ａbc É", {"tokenizer": "whitespace", "filter": ["cjk_width", "lowercase", "asciifolding"]}, ["abc", "e"]),
        ("voice", {"tokenizer": "keyword", "filter": [{"type": "edge_ngram", "max_gram": 3}]}, ["v", "vo", "voi"]),
        ("abc", {"tokenizer": {"type": "ngram", "min_gram": 2, "max_gram": 2}}, ["ab", "bc"]),
        ("a-b", {"tokenizer": "keyword", "char_filter": [{"type": "mapping", "mappings": ["- => _"]}]}, ["a_b"]),
        ("a1", {"tokenizer": "keyword", "char_filter": [{"type": "pattern_replace", "pattern": "\\d"}]}, ["a"]),
        ("<b>hi</b>", {"tokenizer": "whitespace", "char_filter": ["html_strip"]}, ["hi"]),
        ("粤語", {"tokenizer": "standard", "filter": [UNIGRAMS_TOO]}, ["粤", "粤語", "語"]),
    ],
)
def test_analysis_components(node: Elasticsearch, text: str, analysis: dict[str, object], expected: list[str]) -> None:
    assert tokens(node, text, **analysis) == expected


def test_an_index_searches_by_synonym_filter_and_vector(node: Elasticsearch) -> None:
    same = {"type": "synonym_graph", "synonyms": ["粤语, cantonese", "male narrator => narrator"]}
    words = {"tokenizer": "standard", "filter": ["lowercase", "same"]}
    analysis = {"filter": {"same": same}, "analyzer": {"words": words}}
    fields = {
        "text": {"type": "text", "analyzer": "words"},
        "language": {"type": "keyword"},
        "vector": {"type": "dense_vector", "dims": 3, "similarity": "cosine"},
    }
    settings = {"index.codec": "best_compression", "analysis": analysis}
    call(node, "PUT", "/voices", {"settings": settings, "mappings": {"properties": fields}})
    for number, (text, vector) in enumerate([("Cantonese male narrator", [1, 0, 0]), ("a child", [0, 1, 0])]):
        document = {"text": text, "language": "yue", "vector": vector}
        call(node, "PUT", f"/voices/_doc/{number}?refresh=true", document)
    one = {"bool": {"must": {"match": {"text": "narrator"}}, "filter": {"term": {"language": "yue"}}}}
    assert [h["_id"] for h in call(node, "POST", "/voices/_search", {"query": one})["hits"]["hits"]] == ["0"]
    near = {"field": "vector", "query_vector": [0, 1, 0.1], "k": 1, "num_candidates": 5}
    assert [h["_id"] for h in call(node, "POST", "/voices/_search", {"knn": near})["hits"]["hits"]] == ["1"]


def test_what_was_acknowledged_is_there_after_kill_9(node: Elasticsearch) -> None:
    call(node, "PUT", "/kept/_doc/1", {"text": "kept"})
    node.kill()
    node.start()
    assert call(node, "GET", "/kept/_doc/1")["found"] is True
