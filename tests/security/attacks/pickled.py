"""Families whose payload sits in a pickle: known globals, opcode tricks, broken streams, constructors misused."""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections.abc import Iterable, Iterator

from tests.security.attacks.assembler import MARK, POP, STOP, before, call, named, proto, stacked, text, values, whole
from tests.security.attacks.case import Case, Payload
from tests.security.attacks.containers import HEADS, S1, S2, data_pickle, hostile
from tests.security.attacks.known_globals import KNOWN


def _filled(argument: object, payload: Payload) -> object:
    if isinstance(argument, str):
        return (
            argument.replace("{command}", payload.command)
            .replace("{python}", payload.python)
            .replace("{marker}", payload.marker)
        )
    if isinstance(argument, bytes):
        return b"C" + bytes([len(argument)]) + argument
    if isinstance(argument, (list, tuple)):
        return type(argument)(_filled(item, payload) if isinstance(item, str) else item for item in argument)
    return argument


def known_globals(payload: Payload) -> Iterator[Case]:
    """Every name of the list, called before an honest pickle goes on; forms and heads take turns."""
    for index, (module, name, arguments) in enumerate(KNOWN):
        filled = [_filled(argument, payload) for argument in arguments]
        attack = call(module, name, *filled, how="global" if index % 2 else "stacked")
        content = hostile(before(data_pickle(), attack), head=HEADS[index % len(HEADS)])
        yield Case("known-globals", f"{module}.{name}", "voice.pth", content, "malicious")


def version_heads(payload: Payload) -> Iterator[Case]:
    """The twin of an honest file under every head, in both stages and two forms."""
    for head in HEADS:
        for file in (S1, S2):
            for how in ("global", "stacked"):
                attack = call("os", "system", payload.command, how=how)
                content = hostile(before(data_pickle(file), attack), file, head)
                yield Case("version-heads", f"{head}-{file}-{how}", file, content, "malicious")


def opcode_tricks(payload: Payload) -> Iterator[Case]:
    """Ways to reach a call that readers of opcode lists overlook."""
    honest = data_pickle()
    for name, attack in _tricks(payload).items():
        yield Case("opcode-tricks", name, "voice.pth", hostile(before(honest, attack)), "malicious")


def _tricks(payload: Payload) -> dict[str, bytes]:
    command = payload.command
    system = named("posix", "system")
    memo = text("posix") + b"q\xf0" + POP + text("system") + b"q\xf1" + POP
    return {
        "inst": MARK + text(command) + b"iposix\nsystem\n",
        "inst-pty": MARK + text(command) + b"ipty\nspawn\n",
        "obj": MARK + system + text(command) + b"o",
        "obj-pty": MARK + named("pty", "spawn") + text(command) + b"o",
        "newobj": system + values(command) + b"\x81",
        "newobj-ex": system + values(command) + b"}" + b"\x92",
        "newobj-ex-keywords": named("subprocess", "Popen") + values() + b"}" + text("args") + text(command) + b"s\x92",
        "stack-global-memo": memo + b"h\xf0h\xf1\x93" + values(command) + b"R",
        "stack-global-overwritten-memo": text("collections")
        + b"q\xf0"
        + POP
        + memo
        + b"h\xf0h\xf1\x93"
        + values(command)
        + b"R",
        "stack-global-memoize": text("posix")
        + b"\x94"
        + POP
        + text("posix")
        + text("system")
        + b"\x93"
        + values(command)
        + b"R",
        "stack-global-dup": text("posix") + b"2" + POP + text("system") + b"\x93" + values(command) + b"R",
        "stack-global-int-module": b"K\x01" + text("system") + b"\x93" + values(command) + b"R",
        "stack-global-none": b"NN\x93" + values(command) + b"R",
        "stack-global-bytes": b"C\x05posix" + text("system") + b"\x93" + values(command) + b"R",
        "stack-global-dotted": stacked("builtins", "eval.__call__") + values(payload.python) + b"R",
        "stack-global-dotted-module": stacked("os", "path.os.system") + values(command) + b"R",
        "global-long-binput": system + b"r\xff\xff\xff\x7f" + POP + b"j\xff\xff\xff\x7f" + values(command) + b"R",
        "global-via-text-put": system + b"p777\n" + POP + b"g777\n" + values(command) + b"R",
        "global-homoglyph": named("оs", "system") + values(command) + b"R",
        "global-space": named("os ", "system") + values(command) + b"R",
        "global-carriage-return": named("os\r", "system") + values(command) + b"R",
        "build-setstate": named("utils", "HParams") + b")\x81" + values({}, call("os", "system", command)) + b"b",
        "build-slots": named("utils", "HParams") + b")\x81" + values(None, {"__setstate__": "x"}) + b"b",
        "build-on-class": named("utils", "HParams") + b"}" + text("__setstate__") + system + b"sb",
        "build-on-function": named("torch._utils", "_rebuild_tensor_v2") + b"}" + text("__code__") + text("x") + b"sb",
        "build-on-ordered-dict": named("collections", "OrderedDict") + b")R}" + text("__class__") + system + b"sb",
        "build-twice": named("utils", "HParams") + b")\x81}b}b",
        "append-on-function": system + text("x") + b"a",
        "appends-on-result": call("os", "listdir", ".") + MARK + text("x") + b"e",
        "setitem-on-module-dict": named("sys", "modules") + text("os") + text("x") + b"s",
        "additems-on-global": named("os", "environ") + MARK + text("x") + b"\x90",
        "reduce-of-reduce": call("builtins", "getattr", named("os", "path"), "os") + values(command) + b"R",
        "getattr-chain": call("builtins", "getattr", call("builtins", "__import__", "os"), "system")
        + values(command)
        + b"R",
        "map-exec": call("builtins", "list", call("builtins", "map", named("builtins", "exec"), [payload.python])),
        "extension-1": b"\x82\x01" + values(command) + b"R",
        "extension-2": b"\x83\x01\x01" + values(command) + b"R",
        "extension-4": b"\x84\x01\x01\x01\x01" + values(command) + b"R",
        "persistent-text": b"Pposix.system\n",
        "persistent-function": values("storage", system, "0", "cpu", 1) + b"Q",
        "persistent-other": values("module", "os", "x.py", payload.python) + b"Q",
        "persistent-call": call("os", "system", command) + b"Q",
        "out-of-band-buffer": b"\x97",
        "hidden-in-tuple-argument": named("collections", "OrderedDict") + values(call("os", "system", command)) + b"R",
        "as-dict-key": b"}" + call("os", "system", command) + b"Ns",
    }


def misused_constructors(payload: Payload) -> Iterator[Case]:
    """Permitted names with arguments that no saved model has."""
    storage = values("storage", named("torch", "HalfStorage"), "0", "cpu", 4) + b"Q"
    v2, ordered, bag = ("torch._utils", "_rebuild_tensor_v2"), ("collections", "OrderedDict"), named("utils", "HParams")
    hooks = call(*ordered, [("x", 1)])
    attacks = {
        "hooks": call(*v2, storage, 0, (2,), (1,), False, hooks),
        "hook-call": call(*v2, storage, 0, (2,), (1,), False, call("os", "system", payload.command)),
        "too-many-arguments": call(*v2, storage, 0, (2,), (1,), False, b"N", b"N", b"N"),
        "too-few-arguments": call(*v2, storage, 0),
        "negative-offset": call(*v2, storage, -1, (2,), (1,), False, b"N"),
        "negative-stride": call(*v2, storage, 0, (2,), (-1,), False, b"N"),
        "shape-is-function": call(*v2, storage, 0, named("os", "system"), (1,), False, b"N"),
        "shape-stride-lengths": call(*v2, storage, 0, (2, 2), (1,), False, b"N"),
        "huge-shape": call(*v2, storage, 0, (1 << 60, 4), (1, 1), False, b"N"),
        "storage-is-text": call(*v2, "0", 0, (2,), (1,), False, b"N"),
        "parameter-of-function": call("torch._utils", "_rebuild_parameter", named("os", "system"), True, b"N"),
        "ordered-dict-of-text": call(*ordered, "abc"),
        "ordered-dict-keywords": named(*ordered) + values() + b"}" + text("a") + b"K\x01s\x92",
        "bag-with-arguments": bag + values(payload.command) + b"\x81",
        "bag-called": bag + values(payload.command) + b"R",
        "reconstructor-of-other": call(
            "copy_reg", "_reconstructor", named("os", "_wrap_close"), named("__builtin__", "object"), None
        ),
        "reconstructor-with-base": call("copyreg", "_reconstructor", bag, named("builtins", "dict"), {}),
        "object-called": call("builtins", "object"),
        "storage-called": call("torch", "HalfStorage", 4),
        "size-of-text": call("torch", "Size", "abc"),
        "storage-key-path": values("storage", named("torch", "HalfStorage"), "../../x", "cpu", 4) + b"Q",
        "storage-device": values("storage", named("torch", "HalfStorage"), "0", "$(touch x)", 4) + b"Q",
        "storage-count-negative": values("storage", named("torch", "HalfStorage"), "0", "cpu", -4) + b"Q",
        "storage-view-outside": values("storage", named("torch", "HalfStorage"), "0", "cpu", 4, ("0", 3, 9)) + b"Q",
    }
    for name, attack in attacks.items():
        yield Case("misused-constructors", name, "voice.pth", hostile(before(data_pickle(), attack)), "malicious")


def broken_streams(payload: Payload) -> Iterator[Case]:
    """The payload runs, then the stream breaks: what a loader has done by then is done."""
    attack, honest = proto() + call("os", "system", payload.command), data_pickle()
    endings = {
        "no-stop": b"",
        "unknown-opcode": b"\xff\xff",
        "missing-memo": b"h\x77.",
        "empty-pop": b"000000.",
        "no-mark": b"t.",
        "cut-text": b"X\xff\x00\x00\x00abc",
        "two-gigabyte-text": b"X\x00\x00\x00\x80x.",
        "endless-bytes": b"\x8e" + struct.pack("<Q", 1 << 62) + b"x.",
        "huge-long": b"\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"x.",
        "negative-long": b"\x8b" + struct.pack("<i", -1) + b"x.",
        "bad-utf8": b"X\x02\x00\x00\x00\xff\xfe.",
        "frame-too-long": b"\x95" + struct.pack("<Q", 1 << 40) + b"N.",
        "protocol-9": b"\x80\x09N.",
        "bad-number": b"Ixyz\n.",
        "bad-quotes": b"Sabc\n.",
        "key-without-value": b"}(Nu.",
        "exception-in-call": call("builtins", "int", "x") + STOP,
    }
    for name, ending in endings.items():
        yield Case("broken-streams", name, "voice.pth", hostile(attack + ending), "malicious")
    for cut in (200, 3000, len(honest) // 2, len(honest) - 1):
        content = hostile(before(honest, call("os", "system", payload.command))[:cut])
        yield Case("broken-streams", f"cut-at-{cut}", "voice.ckpt", content, "malicious")
        yield Case("broken-streams", f"honest-cut-at-{cut}", "voice.ckpt", hostile(honest[:cut]))


def odd_numbers(payload: Payload) -> Iterator[Case]:
    """Whole numbers in text that unpicklers read differently, where a weight begins in its storage."""
    honest = data_pickle()
    operations = list(pickletools.genops(honest))
    at = next(index for index, (code, _, _) in enumerate(operations) if code.name == "BINPERSID") + 1
    start, end = operations[at][2], operations[at + 1][2]
    assert start is not None
    assert end is not None
    texts = ["I00_0", "I010", "I0x0", "I\t0", "I0\t", "I+0", "I000", "I-", "L010L", "L0x0L", "L0b0", "L0LL"]
    for number in map(str.encode, texts):
        pickled = honest[:start] + number + b"\n" + honest[end:]
        yield Case("odd-numbers", number.decode(), "voice.ckpt", hostile(pickled))


def several_pickles(payload: Payload) -> Iterator[Case]:
    """What comes behind the first STOP."""
    honest = data_pickle()
    for version in range(6):
        attack = whole(call("os", "system", payload.command), version)
        yield Case("several-pickles", f"second-protocol-{version}", "voice.pth", hostile(honest + attack), "malicious")
    attack = whole(call("os", "system", payload.command))
    for name, content in {
        "third": honest + whole(b"N") + attack,
        "first-then-honest": attack + honest,
        "behind-zeros": honest + b"\x00" * 64 + attack,
    }.items():
        yield Case(
            "several-pickles", name, "voice.pth", hostile(content), "refused" if "zeros" in name else "malicious"
        )


def bombs_in_pickles(payload: Payload) -> Iterator[Case]:
    """Streams that exhaust a naive reader."""
    laughs = b"]" + b"".join(
        b"q%c(%se" % (index, b"h%c" % (index - 1) * 10 if index else b"N") + b"]" for index in range(60)
    )
    streams = {
        "deep-lists": proto() + b"]" * 200_000 + b"a" * 199_999 + STOP,
        "deep-tuples": proto() + b"N" + b"\x85" * 300_000 + STOP,
        "deep-marks": proto() + MARK * 500_000 + b"t" * 499_999 + STOP,
        "memo-laughs": proto(4) + laughs + STOP,
        "million-opcodes": proto() + b"N0" * 600_000 + b"N.",
        "config-laughs": whole(_laughing_config()),
        "cyclic-list": proto() + b"]q\x00h\x00a" + STOP,
        "cyclic-config": whole(b"}" + text("weight") + b"}s" + text("config") + b"}q\x00" + text("model") + b"h\x00ss"),
        "huge-key": whole(b"}" + text("k" * 300_000) + b"Ns"),
    }
    for name, stream in streams.items():
        yield Case("pickle-bombs", name, "voice.pth", hostile(stream))


def _laughing_config() -> bytes:
    body = b"]q\x00(" + b"N" * 10 + b"e"
    for index in range(1, 30):
        body += b"0]" + b"q" + bytes([index]) + MARK + (b"h" + bytes([index - 1])) * 10 + b"e"
    return (
        b"}"
        + text("weight")
        + named("collections", "OrderedDict")
        + b")Rs"
        + text("config")
        + b"}"
        + text("x")
        + body
        + b"ss"
    )


def protocols(payload: Payload) -> Iterator[Case]:
    """Bare pickles of every protocol, under every name that a pack might carry."""

    class Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            import os

            return os.system, (payload.command,)

    for version in range(6):
        yield Case(
            "bare-pickles", f"protocol-{version}", f"p{version}.pkl", pickle.dumps(Attack(), version), "malicious"
        )
    content = pickle.dumps(Attack(), 4)
    for filename in (
        "voice.bin",
        "voice.pt",
        "voice.pth",
        "voice.ckpt",
        "voice.safetensors",
        "voice.onnx",
        "voice.json",
        "voice.yaml",
        "voice.wav",
        "voice.npy",
        "voice.index",
        "VOICE.PTH",
        "voice",
        "voice.pth.txt",
        "voice.t7",
        "voice.joblib",
    ):
        yield Case("lying-extensions", filename, filename, content, "malicious")
    for filename in ("voice.bin", "voice.safetensors", "voice.wav", "voice.json", "voice", "VOICE.CKPT"):
        attack = hostile(before(data_pickle(), call("os", "system", payload.command)), head="05")
        yield Case("lying-extensions", f"zip-{filename}", filename, attack, "malicious")


def everything(payload: Payload) -> Iterable[Case]:
    """All families of this module."""
    for family in (
        known_globals,
        version_heads,
        opcode_tricks,
        misused_constructors,
        broken_streams,
        odd_numbers,
        several_pickles,
        bombs_in_pickles,
        protocols,
    ):
        yield from family(payload)
