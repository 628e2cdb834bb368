"""The lineage of a voice as an SVG picture: a lane for each repository, time from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

LANE, ROW, LEFT, TOP = 220, 56, 30, 60
LABEL = 34
"""Characters of a label."""
_DASHES = {"fork": "2 4", "merge": "", "parent": "", "base": "6 4", "distilled": "1 3"}
_COLOURS = {"fork": "#888", "merge": "#b5651d", "parent": "#355c7d", "base": "#6c8e6c", "distilled": "#7d3c98"}
_STYLE = "text{font:12px sans-serif;fill:#222}.head{font-weight:bold}.quiet{fill:#777}"
Node = Mapping[str, Any]


@dataclass(frozen=True)
class Placed:
    """A node where it is drawn, in pixels."""

    node: Node
    x: int
    y: int


def picture(lineage: Mapping[str, Any]) -> str:
    """An SVG document of a lineage as `GetLineage` answers it in JSON."""
    nodes: Sequence[Node] = lineage["nodes"]
    origins = {edge["child"]: edge["parent"] for edge in lineage["edges"] if edge["kind"] == "origin"}
    placed = _placed(nodes, origins)
    width = max((p.x for p in placed.values()), default=0) + LANE
    height = max((p.y for p in placed.values()), default=0) + ROW
    lines = [_line(edge, placed) for edge in lineage["edges"] if edge["kind"] in _DASHES]
    marks = [_mark(one) for one in placed.values()]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *filter(None, lines), *marks, "</svg>"]) + "\n"


def _placed(nodes: Sequence[Node], origins: Mapping[str, str]) -> dict[str, Placed]:
    lanes = [node for node in nodes if node["kind"] in ("repository", "tombstone")]
    columns = {node["id"]: number for number, node in enumerate(lanes)}
    placed = {node["id"]: Placed(node, LEFT + LANE * columns[node["id"]], TOP // 2) for node in lanes}
    versions = [node for node in reversed(nodes) if node["kind"] == "version"]
    for row, node in enumerate(versions):
        column = columns.get(origins.get(node["id"], ""), len(columns))
        placed[node["id"]] = Placed(node, LEFT + LANE * column, TOP + ROW * (row + 1))
    bases = [node for node in nodes if node["kind"] == "base"]
    for number, node in enumerate(bases):
        placed[node["id"]] = Placed(node, LEFT + LANE * number, TOP + ROW * (len(versions) + 1))
    return placed


def _line(edge: Mapping[str, str], placed: Mapping[str, Placed]) -> str:
    child, parent = placed.get(edge["child"]), placed.get(edge["parent"])
    if child is None or parent is None:
        return ""
    kind = edge["kind"]
    shape = f'x1="{parent.x}" y1="{parent.y}" x2="{child.x}" y2="{child.y}"'
    return f'<line {shape} stroke="{_COLOURS[kind]}" stroke-width="1.5" stroke-dasharray="{_DASHES[kind]}"/>'


def _mark(one: Placed) -> str:
    node, x, y = one.node, one.x, one.y
    if node["kind"] == "repository":
        return _text(x, y, f"{node['owner']}/{node['name']}", "head")
    if node["kind"] == "tombstone":
        return _text(x, y, "(deleted)", "quiet")
    if node["kind"] == "base":
        square = f'<rect x="{x - 6}" y="{y - 6}" width="12" height="12" fill="{_COLOURS["base"]}"/>'
        return square + _text(x + 12, y + 4, f"base {node['id'][:12]}", "quiet")
    names = " ".join(ref.partition("@")[2] for ref in node["refs"])
    told = " ".join(filter(None, (node["id"][-8:], f"[{names}]" if names else "", node["author"])))
    said = "(erased)" if node.get("erased") else (node["message"].strip().splitlines() or [""])[0]
    fill = "none" if node.get("erased") else _COLOURS["parent"]
    circle = f'<circle cx="{x}" cy="{y}" r="6" fill="{fill}" stroke="{_COLOURS["parent"]}"/>'
    return circle + _text(x + 12, y, told, "") + _text(x + 12, y + 14, said, "quiet")


def _text(x: int, y: int, text: str, kind: str) -> str:
    short = text if len(text) <= LABEL else text[: LABEL - 1] + "…"
    printable = "".join(c for c in short if c.isprintable())
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(printable)}</text>'
