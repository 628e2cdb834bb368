"""JSON and YAML from strangers, within bounds of size and depth; no duplicate keys, no aliases, no tags."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable

import yaml
from yaml.constructor import BaseConstructor, SafeConstructor

from voicescan.findings import Place
from voicescan.limits import MAX_DOCUMENT, MAX_DOCUMENT_DEPTH
from voicescan.rules import refuse

_MAX_EVENTS = 100_000
_INTEGER = "tag:yaml.org,2002:int"
_MAX_DIGITS = 256
"""YAML 1.1 counts in sixties, too (``1:30``), and that takes quadratic time."""
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it is installed: ten times faster."""


class _Invalid(ValueError):
    """A document that breaks a bound; the text says which."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Invalid("a key occurs twice")
    return result


def _no_constant(name: str) -> object:
    raise _Invalid(f"{name} is not JSON")


def parse_json(raw: bytes, entry: str, limit: int = MAX_DOCUMENT) -> object:
    """The value of a JSON document. Raises ``Refused`` (rule ``document``)."""
    place = Place(entry)
    if len(raw) > limit:
        raise refuse("document", place, f"{len(raw)} bytes")
    if _depth(raw) > MAX_DOCUMENT_DEPTH:
        raise refuse("document", place, "it is nested too deeply")
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise refuse("document", place, str(error)) from error


def _depth(raw: bytes) -> int:
    """An upper bound of the nesting: brackets inside text count too, closing ones do not go below zero."""
    depth = deepest = 0
    inside = escaped = False
    for code in raw:
        if inside:
            escaped, inside = (code == 0x5C and not escaped), inside and (escaped or code != 0x22)
        elif code == 0x22:
            inside = True
        elif code in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif code in b"]}":
            depth -= 1
    return deepest


def parse_yaml(raw: bytes, entry: str, limit: int = MAX_DOCUMENT) -> object:
    """The value of a YAML document with plain types only. Raises ``Refused`` (rule ``document``)."""
    return _parse_yaml(raw, entry, limit, SafeConstructor())


def parse_yaml_texts(raw: bytes, entry: str, limit: int = MAX_DOCUMENT) -> object:
    """Like ``parse_yaml``, every scalar as the text that is written: ``no``, ``null`` and ``007`` are words there."""
    return _parse_yaml(raw, entry, limit, BaseConstructor())


def _parse_yaml(raw: bytes, entry: str, limit: int, constructor: BaseConstructor) -> object:
    place = Place(entry)
    if len(raw) > limit:
        raise refuse("document", place, f"{len(raw)} bytes")
    try:
        text = raw.decode("utf-8")
        _check_events(yaml.parse(text, Loader=_LOADER))
        root = yaml.compose(text, Loader=_LOADER)
        if root is None:
            return None
        _check_unique(root)
        return constructor.construct_document(root)
    except (ValueError, ArithmeticError, yaml.YAMLError, RecursionError) as error:
        raise refuse("document", place, str(error)) from error


def _check_events(events: Iterable[yaml.Event]) -> None:
    depth = 0
    for count, event in enumerate(events):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Invalid("anchors and aliases are not allowed")
        tag = getattr(event, "tag", None)
        if tag:
            raise _Invalid(f"the tag {tag} is not allowed")
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        if depth > MAX_DOCUMENT_DEPTH or count > _MAX_EVENTS:
            raise _Invalid("it is nested too deeply or too long")


def _check_unique(root: yaml.Node) -> None:
    """No key twice, no endless number; the tree is walked without recursion. It is one: aliases were refused before."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if len(set(keys)) != len(node.value):
                raise _Invalid("a key occurs twice, or is no plain value")
            waiting += itertools.chain.from_iterable(node.value)
        elif node.tag == _INTEGER and len(node.value) > _MAX_DIGITS:
            raise _Invalid(f"a number of {len(node.value)} digits")
