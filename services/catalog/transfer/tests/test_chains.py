from __future__ import annotations

from services.catalog.transfer.chains import Step, chain


def _step(base: str, result: str, size: int = 10) -> Step:
    return Step(base, result, f"{base}->{result}", size)


def test_one_generation_back() -> None:
    assert chain("b", 100, frozenset("a"), [{"b": _step("a", "b")}]) == [_step("a", "b")]


def test_several_generations_in_the_order_of_application() -> None:
    newest_first = [{"d": _step("c", "d")}, {"x": _step("w", "x")}, {"c": _step("a", "c")}]
    assert chain("d", 100, frozenset("aw"), newest_first) == [_step("a", "c"), _step("c", "d")]


def test_no_way_or_one_that_is_no_smaller_is_none() -> None:
    assert chain("z", 100, frozenset("a"), [{"b": _step("a", "b")}]) == []
    assert chain("b", 100, frozenset("q"), [{"b": _step("a", "b")}]) == []
    assert chain("c", 19, frozenset("a"), [{"c": _step("b", "c")}, {"b": _step("a", "b")}]) == []


def test_what_one_has_needs_nothing() -> None:
    assert chain("a", 100, frozenset("a"), [{"b": _step("a", "b")}]) == []
