"""The version graph: a version's parents were made before it. All walks go from the newest to the oldest version.

A version's `sequence` grows with time, so an ancestor has a smaller one than its descendants: a walk that looks for an
ancestor stops where versions are older than it, and costs what lies between the two, however long the history is.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

MOST_COUNTED = 1000


@dataclass(frozen=True)
class Node:
    """A version as the graph knows it."""

    id: str
    sequence: int
    parents: tuple[str, ...]


Lookup = Callable[[str], Node]
"""The node of a version id; KeyError for one that is not there."""


@dataclass(frozen=True)
class Comparison:
    """How two versions stand to each other: nearest common ancestors, and what either has alone (counted to 1000)."""

    merge_bases: tuple[str, ...]
    ahead: int
    behind: int


def walk(lookup: Lookup, heads: Iterable[str]) -> Iterator[Node]:
    """The versions and all their ancestors, each once, newest first."""
    waiting = _queue(lookup, heads)
    seen = {node.id for _, node in waiting}
    while waiting:
        _, node = heapq.heappop(waiting)
        yield node
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                _add(waiting, lookup(parent))


def is_ancestor(lookup: Lookup, ancestor: str, version: str) -> bool:
    """Whether `version` was made from `ancestor`, or is it."""
    oldest = lookup(ancestor).sequence
    for node in walk(lookup, [version]):
        if node.id == ancestor:
            return True
        if node.sequence < oldest:
            return False
    return False


def nearest(lookup: Lookup, heads: Iterable[str], fits: Callable[[str], bool]) -> list[str]:
    """Of the versions and their ancestors those that fit and led to no other one that does, newest first."""
    waiting = _queue(lookup, heads)
    seen = {node.id for _, node in waiting}
    below: set[str] = set()
    found: list[str] = []
    while any(node.id not in below for _, node in waiting):
        _, node = heapq.heappop(waiting)
        inside = node.id in below
        if not inside and fits(node.id):
            found.append(node.id)
            inside = True
        for parent in node.parents:
            if inside:
                below.add(parent)
            if parent not in seen:
                seen.add(parent)
                _add(waiting, lookup(parent))
    return found


def compare(lookup: Lookup, base: str, head: str) -> Comparison:
    """What `head` has that `base` lacks and the other way round, and the nearest versions that both have."""
    ours, theirs, stale = 1, 2, 4
    flags = {base: ours}
    flags[head] = flags.get(head, 0) | theirs
    waiting = _queue(lookup, (base, head))
    found: list[str] = []
    ahead = behind = 0
    while waiting and any(not flags[node.id] & stale for _, node in waiting):
        _, node = heapq.heappop(waiting)
        mark = flags[node.id]
        if mark & (ours | theirs) == ours | theirs:
            if not mark & stale:
                found.append(node.id)
            mark |= stale
        ahead += mark == theirs
        behind += mark == ours
        for parent in node.parents:
            known = flags.get(parent)
            flags[parent] = (known or 0) | mark
            if known is None:
                _add(waiting, lookup(parent))
        if max(ahead, behind) >= MOST_COUNTED:
            break
    return Comparison(tuple(found), min(ahead, MOST_COUNTED), min(behind, MOST_COUNTED))


Waiting = list[tuple[int, Node]]


def _queue(lookup: Lookup, heads: Iterable[str]) -> Waiting:
    waiting: Waiting = []
    for head in dict.fromkeys(heads):
        _add(waiting, lookup(head))
    return waiting


def _add(waiting: Waiting, node: Node) -> None:
    heapq.heappush(waiting, (-node.sequence, node))
