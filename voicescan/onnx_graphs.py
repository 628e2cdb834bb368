"""ONNX graphs from strangers: one file, standard operators, sizes that add up. Nothing is loaded.

Field numbers are those of ``onnx.proto3`` of the ONNX project.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from voicescan.findings import Finding, Place
from voicescan.onnx_operators import STANDARD_OPERATORS
from voicescan.rules import found
from voicescan.wire import BadWire, Budget, fields, numbers

_MAX_DEPTH = 16
_MAX_FINDINGS = 50
_MAX_ELEMENTS = 1 << 31
_SECOND_FIELDS = frozenset({0x12, 0x1A, 0x22, 0x3A, 0x42})
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
# Bytes per element of TensorProto.DataType; 0 where elements are smaller than a byte or text.
_SIZES = {
    1: 4,
    2: 1,
    3: 1,
    4: 2,
    5: 2,
    6: 4,
    7: 8,
    9: 1,
    10: 2,
    11: 8,
    12: 4,
    13: 8,
    14: 8,
    15: 16,
    16: 2,
} | dict.fromkeys(range(17, 21), 1)


@dataclass
class _Reader:
    entry: str
    budget: Budget = field(default_factory=Budget)
    findings: list[Finding] = field(default_factory=list)
    initializers: int = 0

    def report(self, rule: str, detail: str) -> None:
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(found(rule, Place(self.entry), detail))

    def model(self, data: memoryview) -> None:
        for number, value in fields(data, self.budget):
            if isinstance(value, int):
                continue
            if number == 7:
                self.graph(value, 0)
            elif number == 8:
                self.opset(value)
            elif number in (20, 25):
                self.report("onnx-operator", "training steps" if number == 20 else "functions of its own")

    def opset(self, data: memoryview) -> None:
        for number, value in fields(data, self.budget):
            if number == 1 and not isinstance(value, int) and _text(value) not in _DOMAINS:
                self.report("onnx-operator", f"domain {_text(value)}")

    def graph(self, data: memoryview, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self.report("onnx-structure", "graphs nested too deeply")
            return
        for number, value in fields(data, self.budget):
            if isinstance(value, int):
                continue
            if number == 1:
                self.node(value, depth)
            elif number == 5:
                self.tensor(value)
            elif number == 15:
                self.sparse(value)

    def node(self, data: memoryview, depth: int) -> None:
        operator = domain = ""
        for number, value in fields(data, self.budget):
            if isinstance(value, int):
                continue
            if number == 4:
                operator = _text(value)
            elif number == 7:
                domain = _text(value)
            elif number == 5:
                self.attribute(value, depth)
        if domain not in _DOMAINS or operator not in STANDARD_OPERATORS:
            self.report("onnx-operator", f"{domain or 'ai.onnx'}::{operator}")

    def attribute(self, data: memoryview, depth: int) -> None:
        for number, value in fields(data, self.budget):
            if isinstance(value, int):
                continue
            if number in (5, 10):
                self.tensor(value)
            elif number in (6, 11):
                self.graph(value, depth + 1)
            elif number in (22, 23):
                self.sparse(value)

    def sparse(self, data: memoryview) -> None:
        for number, value in fields(data, self.budget):
            if number in (1, 2) and not isinstance(value, int):
                self.tensor(value)

    def tensor(self, data: memoryview) -> None:
        self.initializers += 1
        shape: list[int] = []
        kind = raw = 0
        has_raw = external = False
        for number, value in fields(data, self.budget):
            if number == 1:
                shape += numbers(value)
            elif number == 2 and isinstance(value, int):
                kind = value
            elif number == 9 and not isinstance(value, int):
                raw, has_raw = len(value), True
            elif number == 13 or (number == 14 and value != 0):
                external = True
        if external:
            self.report("onnx-external", "weights kept in another file")
            return
        count = math.prod(shape) if len(shape) <= 16 else _MAX_ELEMENTS
        if count >= _MAX_ELEMENTS:
            self.report("bomb", f"a constant of shape {shape[:8]}")
        elif has_raw and kind in _SIZES and raw != count * _SIZES[kind]:
            self.report("onnx-structure", f"a constant of shape {shape[:8]} with {raw} bytes")


def _text(value: memoryview) -> str:
    return bytes(value[:200]).decode("utf-8", "replace")


def looks_like_onnx(view: memoryview) -> bool:
    """Whether the bytes begin like a ModelProto (``ir_version`` first) and hold a graph."""
    if len(view) < 8 or view[0] != 0x08:
        return False
    budget = Budget(10_000)
    try:
        return any(number == 7 and not isinstance(value, int) for number, value in fields(view, budget))
    except BadWire:
        return view[2] in _SECOND_FIELDS


def read_onnx(view: memoryview, entry: str) -> list[Finding]:
    """Everything that is wrong with the graph; none if it is one self-contained standard graph."""
    reader = _Reader(entry)
    try:
        reader.model(view)
    except BadWire as error:
        reader.findings.append(found("onnx-structure", Place(entry), str(error)))
    return reader.findings
