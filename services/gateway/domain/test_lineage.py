"""The picture of a lineage: well-formed whatever people write, every version and line in it."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from services.gateway.domain.lineage import picture

SVG = "{http://www.w3.org/2000/svg}"


def _node(id_: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "kind": kind, "owner": "", "name": "", "author": "", "message": "", "refs": [], **more}


def test_hostile_words_stay_words() -> None:
    nasty = '</text><script>alert("1")</script>\x00\x1b &'
    nodes = [
        _node("r1", "repository", owner="ann", name="a"),
        _node("r2", "tombstone"),
        _node("v2", "version", author="bob", message=nasty, refs=["ann/a@main"]),
        _node("v1", "version", author="ann", message="", erased=True),
        _node("b" * 64, "base"),
    ]
    edges = [
        {"child": "r1", "parent": "r2", "kind": "fork"},
        {"child": "v2", "parent": "v1", "kind": "parent"},
        {"child": "v2", "parent": "b" * 64, "kind": "base"},
        {"child": "v2", "parent": "r1", "kind": "origin"},
        {"child": "v2", "parent": "hidden", "kind": "merge"},
    ]
    drawn = ElementTree.fromstring(picture({"nodes": nodes, "edges": edges}))
    assert len(drawn.findall(f"{SVG}line")) == 3
    assert len(drawn.findall(f"{SVG}circle")) == 2
    words = [text.text or "" for text in drawn.findall(f"{SVG}text")]
    assert any("<script>" in word for word in words)
    assert "(erased)" in words, "a tombstone says so"
    assert not drawn.findall(f".//{SVG}script")
