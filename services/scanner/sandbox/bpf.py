"""A seccomp filter as a classic BPF program (seccomp(2), struct sock_filter).

Rules are an allow-list; a call that no rule allows is handed to the supervisor, which records and refuses it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

ALLOW = 0x7FFF0000
NOTIFY = 0x7FC00000
KILL = 0x80000000
ERRNO = 0x00050000

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_OFFSET_NUMBER, _OFFSET_ARCH, _OFFSET_ARGUMENTS = 0, 4, 16
_X32_BIT = 0x40000000
Half = Literal["low", "high", "both"]
_STARTS: dict[Half, tuple[int, ...]] = {"low": (0,), "high": (4,), "both": (0, 4)}


@dataclass(frozen=True)
class Rule:
    """One system call.

    Attributes:
        number: of the call.
        action: what to do when it is this call and the condition holds.
        argument: index of the argument that is looked at; None for no condition.
        mask: of the 32 bits of that argument that are looked at.
        values: the masked value must be one of these.
        half: the low 32 bits are looked at, the high ones (sizes above 4 GiB), or both one after the other (pointers;
            the kernel ignores the high half only of arguments that are 32 bits wide).
    """

    number: int
    action: int = ALLOW
    argument: int | None = None
    mask: int = 0xFFFFFFFF
    values: tuple[int, ...] = ()
    half: Half = "low"


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value & 0xFFFFFFFF)


def _condition(rule: Rule) -> list[bytes]:
    """Instructions that reach their end only when the condition holds; the last one before it returns NOTIFY."""
    assert rule.argument is not None
    lines: list[bytes] = []
    for start in _STARTS[rule.half]:
        lines += [_instruction(_LOAD, _OFFSET_ARGUMENTS + 8 * rule.argument + start), _instruction(_AND, rule.mask)]
        for index, value in enumerate(rule.values):
            lines.append(_instruction(_JUMP_EQUAL, value, len(rule.values) - index))
        lines.append(_instruction(_RETURN, NOTIFY))
    return lines


def _compile(rule: Rule) -> list[bytes]:
    body = [] if rule.argument is None else _condition(rule)
    body.append(_instruction(_RETURN, rule.action))
    return [_instruction(_JUMP_EQUAL, rule.number, 0, len(body)), *body]


def assemble(arch: int, rules: Sequence[Rule]) -> bytes:
    """The program: another architecture or the x32 table kills, listed calls act as listed, all others notify."""
    lines = [
        _instruction(_LOAD, _OFFSET_ARCH),
        _instruction(_JUMP_EQUAL, arch, 1, 0),
        _instruction(_RETURN, KILL),
        _instruction(_LOAD, _OFFSET_NUMBER),
        _instruction(_JUMP_GREATER_EQUAL, _X32_BIT, 0, 1),
        _instruction(_RETURN, KILL),
    ]
    for rule in rules:
        lines += _compile(rule)
    lines.append(_instruction(_RETURN, NOTIFY))
    return b"".join(lines)
