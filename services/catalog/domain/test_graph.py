"""Walks over the version graph against the plain definition, on random histories with criss-cross merges."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.domain.graph import Comparison, Node, compare, is_ancestor, nearest, walk

Graph = dict[str, Node]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    made: Graph = {}
    for number in range(draw(st.integers(1, 12))):
        before = sorted(made)
        parents = draw(st.lists(st.sampled_from(before), max_size=2, unique=True)) if before else []
        made[f"v{number:02}"] = Node(f"v{number:02}", number, tuple(parents))
    return made


def ancestors(graph: Graph, version: str) -> set[str]:
    return {version}.union(*(ancestors(graph, parent) for parent in graph[version].parents))


@given(graphs(), st.data())
@settings(deadline=None)
def test_walks_say_what_the_definition_says(graph: Graph, data: st.DataObject) -> None:
    one, other = (data.draw(st.sampled_from(sorted(graph))) for _ in range(2))
    ours, theirs = ancestors(graph, one), ancestors(graph, other)
    walked = [node.id for node in walk(graph.__getitem__, [one, other])]
    assert walked == sorted(ours | theirs, reverse=True)
    assert is_ancestor(graph.__getitem__, one, other) == (one in theirs)
    common = ours & theirs
    best = {a for a in common if not any(a in ancestors(graph, b) for b in common - {a})}
    found = compare(graph.__getitem__, one, other)
    assert (set(found.merge_bases), found.ahead, found.behind) == (best, len(theirs - ours), len(ours - theirs))


def test_both_bases_of_a_criss_cross_are_found() -> None:
    graph = {
        "root": Node("root", 0, ()),
        "a": Node("a", 1, ("root",)),
        "b": Node("b", 2, ("root",)),
        "ab": Node("ab", 3, ("a", "b")),
        "ba": Node("ba", 4, ("b", "a")),
    }
    assert compare(graph.__getitem__, "ab", "ba") == Comparison(("b", "a"), 1, 1)


def test_an_ancestor_check_looks_no_further_than_the_ancestor() -> None:
    asked = []

    def lookup(version: str) -> Node:
        asked.append(version)
        number = int(version)
        return Node(version, number, (str(number - 1),) if number else ())

    assert is_ancestor(lookup, "9990", "9999")
    assert not is_ancestor(lambda v: Node(v, 9995, ()) if v == "other" else lookup(v), "other", "9999")
    assert len(asked) < 20


@given(graphs(), st.data())
@settings(deadline=None)
def test_the_nearest_that_fit_are_those_that_led_to_no_other(graph: Graph, data: st.DataObject) -> None:
    heads = data.draw(st.lists(st.sampled_from(sorted(graph)), max_size=3))
    fit = data.draw(st.sets(st.sampled_from(sorted(graph))))
    led = set[str]().union(*(ancestors(graph, head) for head in heads)) & fit
    best = {a for a in led if not any(a in ancestors(graph, b) for b in led - {a})}
    assert nearest(graph.__getitem__, heads, fit.__contains__) == sorted(best, reverse=True)
