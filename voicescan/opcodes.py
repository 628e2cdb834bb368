"""The opcodes of pickle protocols 0 to 5 as actions on the abstract machine."""

from __future__ import annotations

import codecs
import pickle
import re
import struct
from collections.abc import Callable

from voicescan.limits import MAX_LONG_BYTES
from voicescan.machine import Broken, Machine
from voicescan.values import Collection, Opaque, Pairs

Action = Callable[[Machine], None]
_LONGEST_INDEX = 4_301
"""Digits that Python makes a number of, and the newline."""
_DECIMAL = re.compile(rb"-?(0|[1-9]\d*)\Z")


def _constant(value: object) -> Action:
    return lambda machine: machine.push(value)


def _integer(size: int, signed: bool) -> Action:
    return lambda machine: machine.push(machine.number(size, signed))


def _text(length_size: int) -> Action:
    def act(machine: Machine) -> None:
        raw = machine.take(machine.number(length_size))
        try:
            machine.push(raw.decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError as error:
            raise Broken(f"text that is not UTF-8, at {machine.at}") from error

    return act


def _bytes(length_size: int) -> Action:
    return lambda machine: machine.push(machine.take(machine.number(length_size)))


def _byte_string(length_size: int, signed: bool) -> Action:
    """Python 2 ``str``: torch reads it as text when it can."""

    def act(machine: Machine) -> None:
        raw = machine.take(machine.number(length_size, signed))
        machine.push(_as_text(raw))

    return act


def _as_text(raw: bytes) -> str | bytes:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def _long(length_size: int) -> Action:
    def act(machine: Machine) -> None:
        length = machine.number(length_size, signed=length_size == 4)
        raw = machine.take(length)
        machine.push(_bounded(machine, int.from_bytes(raw, "little", signed=True), length))

    return act


def _bounded(machine: Machine, value: int, size: int) -> object:
    """Reading goes on behind a number that no model needs, as unpicklers do."""
    if size <= MAX_LONG_BYTES:
        return value
    machine.report("pickle-too-large", f"an integer of {size} bytes")
    return Opaque("a number without end")


def _decimal(machine: Machine) -> None:
    text = machine.line()
    if text in (b"00", b"01"):
        machine.push(text == b"01")
        return
    machine.push(_bounded(machine, _parse_decimal(machine, text), len(text)))


def _decimal_long(machine: Machine) -> None:
    text = machine.line().removesuffix(b"L")
    machine.push(_bounded(machine, _parse_decimal(machine, text), len(text)))


def _parse_decimal(machine: Machine, text: bytes, bases: tuple[int, ...] = (0, 8, 10)) -> int:
    """Picklers write a number in one way. Unpicklers read others, too, and go on behind them, and so must this."""
    for base in bases:
        try:
            value = int(text.split(b"\0")[0], base)
        except ValueError:
            continue
        if not _DECIMAL.match(text):
            machine.report("pickle-confusion", f"readers differ on the number {_as_shown(text)}")
        return value
    raise Broken(f"not an integer, at {machine.at}")


def _decimal_float(machine: Machine) -> None:
    text = machine.line()
    try:
        machine.push(float(text.split(b"\0")[0]))
    except ValueError as error:
        raise Broken(f"not a number, at {machine.at}") from error
    if b"\0" in text:
        machine.report("pickle-confusion", f"readers differ on the number {_as_shown(text)}")


def _as_shown(text: bytes) -> str:
    return text[:40].decode("latin-1")


def _binary_float(machine: Machine) -> None:
    machine.push(struct.unpack(">d", machine.take(8))[0])


def _quoted(machine: Machine) -> None:
    text = machine.line()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise Broken(f"a text without quotes, at {machine.at}")
    try:
        machine.push(_as_text(codecs.escape_decode(text[1:-1])[0]))
    except ValueError as error:
        raise Broken(f"a text with a broken escape, at {machine.at}") from error


def _raw_unicode(machine: Machine) -> None:
    try:
        machine.push(machine.line().decode("raw-unicode-escape"))
    except UnicodeDecodeError as error:
        raise Broken(f"a text with a broken escape, at {machine.at}") from error


def _tuple(count: int) -> Action:
    def act(machine: Machine) -> None:
        values = [machine.pop() for _ in range(count)]
        machine.push(tuple(reversed(values)))

    return act


def _pop_mark(machine: Machine) -> None:
    machine.pop_mark()


def _append(machine: Machine) -> None:
    value = machine.pop()
    machine.extend(machine.top(), [value])


def _appends(machine: Machine) -> None:
    values = machine.pop_mark()
    machine.extend(machine.top(), values)


def _set_item(machine: Machine) -> None:
    value = machine.pop()
    key = machine.pop()
    machine.update(machine.top(), [key, value])


def _set_items(machine: Machine) -> None:
    values = machine.pop_mark()
    machine.update(machine.top(), values)


def _dict(machine: Machine) -> None:
    values = machine.pop_mark()
    pairs = Pairs()
    machine.update(pairs, values)
    machine.fresh(pairs)


def _get(read: Callable[[Machine], int]) -> Action:
    def act(machine: Machine) -> None:
        index = read(machine)
        if index not in machine.memo:
            raise Broken(f"memo {index} is empty, at {machine.at}")
        machine.push(machine.memo[index])

    return act


def _put(read: Callable[[Machine], int]) -> Action:
    def act(machine: Machine) -> None:
        _remember(machine, read(machine))

    return act


def _memoize(machine: Machine) -> None:
    _remember(machine, len(machine.memo))


def _remember(machine: Machine, index: int) -> None:
    """No honest pickler overwrites its memo; doing so shows different readers different values."""
    value = machine.top()
    if machine.memo.setdefault(index, value) is not value:
        machine.report("pickle-confusion", f"memo {index} is written twice")
        machine.memo[index] = value


def _line_number(machine: Machine) -> int:
    index = _parse_decimal(machine, machine.line(_LONGEST_INDEX), (10,))
    if index >> 63:
        raise Broken(f"no number of a memo, at {machine.at}")
    return index


def _global(machine: Machine) -> None:
    machine.resolve(_as_text(machine.line()), _as_text(machine.line()))


def _stack_global(machine: Machine) -> None:
    name = machine.pop()
    machine.resolve(machine.pop(), name)


def _reduce(machine: Machine) -> None:
    args = machine.pop()
    machine.push(machine.call(machine.pop(), args))


def _new_object(machine: Machine) -> None:
    args = machine.pop()
    machine.push(machine.make(machine.pop(), args))


def _new_object_ex(machine: Machine) -> None:
    keywords = machine.pop()
    args = machine.pop()
    machine.push(machine.make(machine.pop(), args, keywords))


def _instance(machine: Machine) -> None:
    """INST: a class named in the stream, called with what lies above the mark."""
    module, name = _as_text(machine.line()), _as_text(machine.line())
    machine.pop_mark()
    machine.resolve(module, name)
    machine.report("pickle-call", f"{module!s}.{name!s}")
    machine.drop()
    machine.push(Opaque(f"{module!s}.{name!s}"))


def _object(machine: Machine) -> None:
    """OBJ: a class on the stack, called with what lies between it and the top."""
    values = machine.pop_mark()
    if not values:
        raise Broken(f"no class to call, at {machine.at}")
    machine.push(machine.call(values[0], tuple(values[1:])))


def _extension(size: int) -> Action:
    def act(machine: Machine) -> None:
        code = machine.number(size)
        machine.report("pickle-extension", f"number {code}")
        machine.push(Opaque(f"extension {code}"))

    return act


def _build(machine: Machine) -> None:
    state = machine.pop()
    machine.build(machine.top(), state)


def _persistent_text(machine: Machine) -> None:
    machine.push(machine.persistent(_as_text(machine.line())))


def _persistent(machine: Machine) -> None:
    machine.push(machine.persistent(machine.pop()))


def _out_of_band(machine: Machine) -> None:
    machine.report("pickle-confusion", "it asks for data outside the file")
    machine.push(Opaque("an outside buffer"))


def _protocol(machine: Machine) -> None:
    version = machine.number(1)
    if version > pickle.HIGHEST_PROTOCOL:
        raise Broken(f"pickle protocol {version} does not exist")


def _frame(machine: Machine) -> None:
    """A frame's length is a reading hint; one that does not fit the stream is a defect."""
    length = machine.number(8)
    if length > len(machine.data) - machine.pos:
        raise machine.ended(f"a frame of {length} bytes does not fit, at {machine.at}", length)


_BY_OPCODE: dict[bytes, Action] = {
    pickle.PROTO: _protocol,
    pickle.FRAME: _frame,
    pickle.NONE: _constant(None),
    pickle.NEWTRUE: _constant(True),
    pickle.NEWFALSE: _constant(False),
    pickle.INT: _decimal,
    pickle.LONG: _decimal_long,
    pickle.FLOAT: _decimal_float,
    pickle.BINFLOAT: _binary_float,
    pickle.BININT: _integer(4, signed=True),
    pickle.BININT1: _integer(1, signed=False),
    pickle.BININT2: _integer(2, signed=False),
    pickle.LONG1: _long(1),
    pickle.LONG4: _long(4),
    pickle.STRING: _quoted,
    pickle.BINSTRING: _byte_string(4, signed=True),
    pickle.SHORT_BINSTRING: _byte_string(1, signed=False),
    pickle.UNICODE: _raw_unicode,
    pickle.BINUNICODE: _text(4),
    pickle.SHORT_BINUNICODE: _text(1),
    pickle.BINUNICODE8: _text(8),
    pickle.BINBYTES: _bytes(4),
    pickle.SHORT_BINBYTES: _bytes(1),
    pickle.BINBYTES8: _bytes(8),
    pickle.BYTEARRAY8: _bytes(8),
    pickle.NEXT_BUFFER: _out_of_band,
    pickle.READONLY_BUFFER: lambda machine: None,
    pickle.EMPTY_TUPLE: _constant(()),
    pickle.TUPLE1: _tuple(1),
    pickle.TUPLE2: _tuple(2),
    pickle.TUPLE3: _tuple(3),
    pickle.TUPLE: lambda machine: machine.push(tuple(machine.pop_mark())),
    pickle.EMPTY_LIST: lambda machine: machine.fresh(Collection("list")),
    pickle.LIST: lambda machine: machine.fresh(Collection("list", machine.pop_mark())),
    pickle.EMPTY_DICT: lambda machine: machine.fresh(Pairs()),
    pickle.DICT: _dict,
    pickle.EMPTY_SET: lambda machine: machine.fresh(Collection("set")),
    pickle.FROZENSET: lambda machine: machine.fresh(Collection("frozenset", machine.pop_mark())),
    pickle.APPEND: _append,
    pickle.APPENDS: _appends,
    pickle.ADDITEMS: _appends,
    pickle.SETITEM: _set_item,
    pickle.SETITEMS: _set_items,
    pickle.MARK: lambda machine: machine.mark(),
    pickle.POP: lambda machine: machine.drop(),
    pickle.POP_MARK: _pop_mark,
    pickle.DUP: lambda machine: machine.push(machine.top()),
    pickle.GET: _get(_line_number),
    pickle.BINGET: _get(lambda machine: machine.number(1)),
    pickle.LONG_BINGET: _get(lambda machine: machine.number(4)),
    pickle.PUT: _put(_line_number),
    pickle.BINPUT: _put(lambda machine: machine.number(1)),
    pickle.LONG_BINPUT: _put(lambda machine: machine.number(4)),
    pickle.MEMOIZE: _memoize,
    pickle.GLOBAL: _global,
    pickle.STACK_GLOBAL: _stack_global,
    pickle.REDUCE: _reduce,
    pickle.NEWOBJ: _new_object,
    pickle.NEWOBJ_EX: _new_object_ex,
    pickle.INST: _instance,
    pickle.OBJ: _object,
    pickle.BUILD: _build,
    pickle.PERSID: _persistent_text,
    pickle.BINPERSID: _persistent,
    pickle.EXT1: _extension(1),
    pickle.EXT2: _extension(2),
    pickle.EXT4: _extension(4),
}

TABLE: dict[int, Action] = {opcode[0]: action for opcode, action in _BY_OPCODE.items()}
