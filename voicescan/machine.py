"""An abstract interpreter of pickle streams. It follows every opcode of protocols 0 to 5 and runs nothing.

Source of the opcode semantics: the Python Language's pickle protocol as documented in the standard library's
``pickletools``.
What is not on the allow-list becomes a finding with its byte offset, and an ``Opaque`` value stands in for the result
so that
reading goes on to the end. ``Broken`` ends reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from voicescan.constructors import CONSTRUCTORS, is_allowed, is_bag, storage
from voicescan.findings import Finding, Place
from voicescan.limits import MAX_CONTAINERS, MAX_OPCODES
from voicescan.mismatch import Mismatch
from voicescan.numpy_values import NumberArray, NumberType
from voicescan.rules import found
from voicescan.values import Bag, Collection, Global, Opaque, Pairs

_MARK = object()
_MAX_FINDINGS = 100
_MAX_NAMES = 1000
_RESULT = "the result of "


class Broken(Exception):
    """The stream cannot be followed further; the text says why."""


class Beyond(Broken):
    """It is not followed further here, though an unpickler would read on: what comes then is not known."""


@dataclass
class Machine:
    """State of one run over ``data`` from ``pos``; ``entry`` and ``base`` place the findings.

    ``behind``: how many bytes the file goes on behind ``data``.
    """

    data: bytes
    entry: str
    behind: int = 0
    pos: int = 0
    base: int = 0
    findings: list[Finding] = field(default_factory=list)
    stack: list[object] = field(default_factory=list)
    memo: dict[int, object] = field(default_factory=dict)
    at: int = 0
    containers: int = 0
    names: list[Global] = field(default_factory=list)
    declared: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def run(self, table: dict[int, Callable[[Machine], None]]) -> object:
        """Follow one pickle to its STOP and return its value. Raises ``Broken``."""
        data, end = self.data, len(self.data)
        for _ in range(MAX_OPCODES):
            if self.pos >= end:
                raise self.ended("the stream ends before its STOP")
            self.at = self.pos
            code = data[self.pos]
            self.pos += 1
            if code == 0x2E:
                return self.pop()
            action = table.get(code)
            if action is None:
                raise Broken(f"unknown opcode 0x{code:02x} at {self.at}")
            action(self)
        raise Beyond(f"more than {MAX_OPCODES} opcodes")

    def ended(self, why: str, needed: int = 1) -> Broken:
        """The exception where the data end before what is needed of them, be it the end of the file or not."""
        fits = 0 < needed <= len(self.data) - self.pos + self.behind
        return Beyond(why) if self.behind and fits else Broken(why)

    def report(self, rule: str, detail: str) -> None:
        """Record a finding at the current opcode; after many, further ones add nothing."""
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(found(rule, Place(self.entry, self.base + self.at), detail))

    # -- reading arguments

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if count < 0 or count > len(self.data) - self.pos:
            raise self.ended(f"an argument of {count} bytes does not fit, at {self.at}", count)
        self.pos += count
        return self.data[self.pos - count : self.pos]

    def number(self, size: int, signed: bool = False) -> int:
        """A little-endian integer of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def line(self, longest: int | None = None) -> bytes:
        """The text up to the next newline, without it."""
        end = self.data.find(b"\n", self.pos, None if longest is None else self.pos + longest)
        if end >= 0:
            return self.take(end + 1 - self.pos)[:-1]
        if longest is not None:
            raise Broken(f"a number without an end, at {self.at}")
        raise self.ended(f"a text argument without an end, at {self.at}")

    # -- the stack

    def fresh(self, value: Pairs | Collection) -> None:
        """Push a new container; a stream that makes too many of them is broken."""
        self.containers += 1
        if self.containers > MAX_CONTAINERS:
            raise Beyond(f"more than {MAX_CONTAINERS} containers")
        self.stack.append(value)

    def push(self, value: object) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> object:
        """Take the top value; a mark is no value."""
        if not self.stack or self.stack[-1] is _MARK:
            raise Broken(f"the stack is empty, at {self.at}")
        return self.stack.pop()

    def top(self) -> object:
        """The top value, left in place."""
        if not self.stack or self.stack[-1] is _MARK:
            raise Broken(f"the stack is empty, at {self.at}")
        return self.stack[-1]

    def mark(self) -> None:
        """Put a mark on the stack."""
        self.stack.append(_MARK)

    def drop(self) -> None:
        """Take the top, be it a value or a mark."""
        if not self.stack:
            raise Broken(f"the stack is empty, at {self.at}")
        self.stack.pop()

    def pop_mark(self) -> list[object]:
        """Take everything above the last mark, and the mark."""
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _MARK:
                values = self.stack[index + 1 :]
                del self.stack[index:]
                return values
        raise Broken(f"no mark on the stack, at {self.at}")

    # -- names and calls

    def resolve(self, module: object, name: object) -> None:
        """Push the global ``module.name``; anything not allowed is a finding."""
        if not isinstance(module, str) or not isinstance(name, str):
            self.report("pickle-confusion", "a name that is not text")
            self.push(Opaque("a name that is not text"))
            return
        value = Global(module, name, self.at)
        if len(self.names) < _MAX_NAMES:
            self.names.append(value)
        if not is_allowed(value):
            self.report("pickle-global", str(value))
        self.push(value)

    def call(self, function: object, args: object) -> object:
        """The abstract result of ``function(*args)``."""
        if not isinstance(args, tuple):
            self.report("pickle-confusion", "arguments that are not a tuple")
            return Opaque("a call")
        if not isinstance(function, Global):
            self.report("pickle-call", describe(function))
            return Opaque("a call")
        constructor = CONSTRUCTORS.get((function.module, function.name))
        if constructor is None:
            self.report("pickle-call", str(function))
            return Opaque(str(function))
        try:
            return constructor(args, self.at)
        except Mismatch as odd:
            self.report("pickle-arguments", f"{function}: {odd}")
            return Opaque(str(function))

    def make(self, cls: object, args: object, keywords: object = None) -> object:
        """The abstract result of ``cls.__new__(cls, *args, **keywords)``: only an empty HParams."""
        plain = args == () and (keywords is None or (isinstance(keywords, Pairs) and not keywords.items))
        if is_bag(cls) and plain:
            return Bag()
        self.report("pickle-arguments" if is_bag(cls) else "pickle-call", describe(cls))
        return Opaque(describe(cls))

    def persistent(self, pid: object) -> object:
        """The storage that a persistent id names."""
        try:
            reference = storage(pid, self.at)
        except Mismatch as odd:
            self.report("pickle-persistent-id", str(odd))
            return Opaque("a storage reference")
        for name, what in reference.declares():
            if self.declared.setdefault(name, what) != what:
                self.report("pickle-confusion", f"storage {name} is declared in two ways")
        return reference

    def build(self, target: object, state: object) -> None:
        """BUILD: attributes of an HParams, the ``_metadata`` of a state dict, or what fills a numpy value."""
        if isinstance(target, (NumberType, NumberArray)):
            if not target.build(state):
                self.report("pickle-state", describe(target))
            return
        fresh = isinstance(target, Bag) and isinstance(state, Pairs) and target.state is None
        labelled = isinstance(target, Pairs) and target.ordered and _is_metadata(state)
        if isinstance(target, (Bag, Pairs)) and isinstance(state, Pairs) and (fresh or labelled):
            target.state = state
        else:
            self.report("pickle-state", describe(target))

    def extend(self, target: object, values: list[object]) -> None:
        """Append values to a list or a set."""
        if isinstance(target, Collection) and target.kind in ("list", "set"):
            target.items.extend(values)
        else:
            self.report("pickle-confusion", f"items are added to {describe(target)}")

    def update(self, target: object, values: list[object]) -> None:
        """Set items of a dict from alternating keys and values."""
        if len(values) % 2:
            raise Broken(f"a key without a value, at {self.at}")
        if isinstance(target, Pairs):
            target.items.extend(zip(values[::2], values[1::2], strict=True))
        else:
            self.report("pickle-confusion", f"items are set on {describe(target)}")


def _is_metadata(state: object) -> bool:
    return isinstance(state, Pairs) and all(isinstance(key, str) and key == "_metadata" for key, _ in state.items)


def describe(value: object) -> str:
    """A short name for an abstract value."""
    if isinstance(value, Global):
        return str(value)
    if isinstance(value, Opaque):
        return value.what if value.what.startswith(_RESULT) else _RESULT + value.what
    return f"a {type(value).__name__}"
