"""The allow-list: exactly the constructors that tensors and plain containers need, each with its argument shapes.

A constructor gets abstract values and returns an abstract value, or raises ``Mismatch`` with what is odd about its
arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from voicescan import numpy_values
from voicescan.dtypes import BY_NAME, STORAGES, TORCH_TYPES, UNTYPED, ElementType
from voicescan.limits import MAX_DIMENSIONS
from voicescan.mismatch import Mismatch
from voicescan.values import Bag, Collection, Global, Pairs, Storage, TensorRef

_LOCATION = re.compile(r"(cpu|cuda(:\d{1,3})?|mps(:\d{1,3})?|meta|xpu(:\d{1,3})?)\Z")
_MAX_INDEX = 1 << 48
_BUILTINS = ("builtins", "__builtin__")
_BAGS = frozenset({("utils", "HParams"), ("GPT_SoVITS.utils", "HParams")})


def natural(value: object) -> int:
    """The value as a non-negative integer below 2**48."""
    if type(value) is not int or not 0 <= value < _MAX_INDEX:
        raise Mismatch("a size that is not a natural number")
    return value


def _naturals(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple) or len(value) > MAX_DIMENSIONS:
        raise Mismatch("a shape that is not a short tuple")
    return tuple(natural(item) for item in value)


def _no_hooks(value: object) -> None:
    if value is not None and not (isinstance(value, Pairs) and not value.items):
        raise Mismatch("backward hooks")


def _tensor(args: tuple[object, ...], offset: int, element: ElementType | None = None) -> TensorRef:
    storage, start, shape, strides = args[:4]
    if not isinstance(storage, Storage):
        raise Mismatch("a tensor without a storage")
    sizes, steps = _naturals(shape), _naturals(strides)
    if len(sizes) != len(steps):
        raise Mismatch("shape and strides of different length")
    return TensorRef(storage, element or storage.element, natural(start) + storage.start, sizes, steps, offset)


def _rebuild_tensor(args: tuple[object, ...], offset: int) -> object:
    if len(args) != 4:
        raise Mismatch(f"{len(args)} arguments")
    return _tensor(args, offset)


def _rebuild_tensor_v2(args: tuple[object, ...], offset: int) -> object:
    if len(args) not in (6, 7) or not isinstance(args[4], bool):
        raise Mismatch(f"{len(args)} arguments")
    _no_hooks(args[5])
    if len(args) == 7:
        _no_hooks(args[6])
    return _tensor(args, offset)


def _rebuild_tensor_v3(args: tuple[object, ...], offset: int) -> object:
    """A tensor of a type without a storage class: bytes, and the type as an argument."""
    if len(args) not in (7, 8) or not isinstance(args[4], bool):
        raise Mismatch(f"{len(args)} arguments")
    _no_hooks(args[5])
    if len(args) == 8:
        _no_hooks(args[7])
    storage, kind = args[0], args[6]
    if not isinstance(storage, Storage) or storage.element != BY_NAME["U8"] or storage.root_numel is not None:
        raise Mismatch("not the bytes of a storage")
    if not isinstance(kind, Global) or kind.module != "torch" or kind.name not in UNTYPED:
        raise Mismatch("a type that has a storage class, or none")
    return _tensor(args, offset, UNTYPED[kind.name])


def _rebuild_parameter(args: tuple[object, ...], offset: int) -> object:
    if len(args) != 3 or not isinstance(args[0], TensorRef) or not isinstance(args[1], bool):
        raise Mismatch("not a tensor, a flag and hooks")
    _no_hooks(args[2])
    return args[0]


def _ordered_dict(args: tuple[object, ...], offset: int) -> object:
    if not args:
        return Pairs(ordered=True)
    if len(args) != 1 or not isinstance(args[0], Collection):
        raise Mismatch("not a list of pairs")
    pairs: list[tuple[object, object]] = []
    for item in args[0].items:
        parts = item.items if isinstance(item, Collection) else item
        if not isinstance(parts, (list, tuple)) or len(parts) != 2:
            raise Mismatch("not a list of pairs")
        pairs.append((parts[0], parts[1]))
    return Pairs(ordered=True, items=pairs)


def _size(args: tuple[object, ...], offset: int) -> object:
    if len(args) != 1:
        raise Mismatch(f"{len(args)} arguments")
    return _naturals(args[0])


def _reconstructor(args: tuple[object, ...], offset: int) -> object:
    """``copy_reg._reconstructor(HParams, object, None)``: how protocols 0 and 1 make an object."""
    if len(args) == 3 and is_bag(args[0]) and _is_object(args[1]) and args[2] is None:
        return Bag()
    raise Mismatch("not the HParams class")


def is_bag(value: object) -> bool:
    """Whether the value is the class ``HParams`` of GPT-SoVITS."""
    return isinstance(value, Global) and (value.module, value.name) in _BAGS


def _is_object(value: object) -> bool:
    return isinstance(value, Global) and value.name == "object" and value.module in _BUILTINS


def _set(args: tuple[object, ...], offset: int) -> object:
    """``set([…])`` and ``frozenset([…])``: protocols below 4."""
    if not args:
        return Collection("set")
    if len(args) == 1 and isinstance(args[0], Collection) and args[0].kind == "list":
        return Collection("set", args[0].items)
    raise Mismatch("not a list")


def _bytes(args: tuple[object, ...], offset: int) -> object:
    """``bytes()``, ``bytearray(b"…")`` and ``bytearray("…", "latin-1")``: protocols below 5."""
    if not args:
        return b""
    if len(args) == 1 and isinstance(args[0], bytes):
        return args[0]
    return _encoded(args, offset)


def _encoded(args: tuple[object, ...], offset: int) -> object:
    """``_codecs.encode("…", "latin1")``: bytes in protocols below 3."""
    if len(args) == 2 and isinstance(args[0], str) and args[1] in ("latin1", "latin-1"):
        try:
            return args[0].encode("latin-1")
        except UnicodeEncodeError as error:
            raise Mismatch("text that is no bytes") from error
    raise Mismatch("not text and latin1")


def _complex(args: tuple[object, ...], offset: int) -> object:
    if len(args) == 2 and isinstance(args[0], float) and isinstance(args[1], float):
        return complex(args[0], args[1])
    raise Mismatch("not two numbers")


def _device(args: tuple[object, ...], offset: int) -> object:
    known = bool(args) and isinstance(args[0], str) and _LOCATION.match(args[0])
    if known and (len(args) == 1 or (len(args) == 2 and type(args[1]) is int and 0 <= args[1] < 1000)):
        return ":".join(map(str, args))
    raise Mismatch("not a device")


Constructor = Callable[[tuple[object, ...], int], object]

CONSTRUCTORS: dict[tuple[str, str], Constructor] = {
    ("collections", "OrderedDict"): _ordered_dict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor_v2,
    ("torch._utils", "_rebuild_tensor_v3"): _rebuild_tensor_v3,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): _size,
    ("copy_reg", "_reconstructor"): _reconstructor,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("torch", "device"): _device,
    ("_codecs", "encode"): _encoded,
    **{(module, name): _set for module in _BUILTINS for name in ("set", "frozenset")},
    **{(module, name): _bytes for module in _BUILTINS for name in ("bytes", "bytearray")},
    **{(module, "complex"): _complex for module in _BUILTINS},
    **numpy_values.CONSTRUCTORS,
}

_NAMES = frozenset(
    {
        *_BAGS,
        *((module, "object") for module in _BUILTINS),
        *(("torch", name) for name in TORCH_TYPES),
        *STORAGES,
        *numpy_values.NAMES,
    }
)


def is_allowed(name: Global) -> bool:
    """Whether a saved voice model may name this at all."""
    key = (name.module, name.name)
    return key in CONSTRUCTORS or key in _NAMES


def storage(pid: object, offset: int) -> Storage:
    """A storage from its persistent id ``("storage", class, key, location, numel[, view])``."""
    if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
        raise Mismatch("not a storage tuple")
    _, kind, key, location, numel = pid[:5]
    element = STORAGES.get((kind.module, kind.name)) if isinstance(kind, Global) else None
    if element is None:
        raise Mismatch("not a storage class")
    if not isinstance(key, str) or not key.isascii() or not key.isdigit() or len(key) > 20:
        raise Mismatch("not a storage number")
    if not isinstance(location, str) or not _LOCATION.match(location):
        raise Mismatch("not a device")
    view = pid[5] if len(pid) == 6 else None
    return _viewed(Storage(element, key, natural(numel), offset), view)


def _viewed(root: Storage, view: object) -> Storage:
    """Legacy files may refer to a part of a storage by ``(key, first element, elements)``."""
    if view is None:
        return root
    if not isinstance(view, tuple) or len(view) != 3 or not isinstance(view[0], str):
        raise Mismatch("not a storage view")
    start, count = natural(view[1]), natural(view[2])
    if start + count > root.numel:
        raise Mismatch("a view beyond its storage")
    return Storage(root.element, root.key, count, root.offset, start, root.numel, view[0])
