"""What the abstract pickle interpreter computes with. Nothing here can run anything.

Dictionaries are lists of pairs, so that no hostile key is ever hashed or compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from voicescan.dtypes import ElementType

_SHOWN = 200
"""Of either part of a name: a stream may name one of megabytes again and again."""


@dataclass(frozen=True, slots=True)
class Global:
    """A name that a real unpickler would import."""

    module: str
    name: str
    offset: int

    def __str__(self) -> str:
        return f"{self.module[:_SHOWN]}.{self.name[:_SHOWN]}"


@dataclass(eq=False, slots=True)
class Pairs:
    """A dict or OrderedDict under construction."""

    ordered: bool = False
    items: list[tuple[object, object]] = field(default_factory=list)
    state: Pairs | None = None

    def text_items(self) -> dict[str, object] | None:
        """The items as a dict if every key is text and none occurs twice, else None."""
        result: dict[str, object] = {}
        for key, value in self.items:
            if not isinstance(key, str) or key in result:
                return None
            result[key] = value
        return result


@dataclass(eq=False, slots=True)
class Bag:
    """A ``utils.HParams`` instance: an attribute bag, kept inert."""

    state: Pairs | None = None


@dataclass(eq=False, slots=True)
class Collection:
    """A list, set or frozenset."""

    kind: str
    items: list[object] = field(default_factory=list)


@dataclass(frozen=True, eq=False, slots=True)
class Opaque:
    """The result of something that was refused; it stays on the stack so that reading can go on and find more."""

    what: str


@dataclass(frozen=True, eq=False, slots=True)
class Storage:
    """A reference to a block of ``numel`` elements.

    ``key`` names the entry; ``start`` is a legacy view's first element, ``view`` its own name.
    """

    element: ElementType
    key: str
    numel: int
    offset: int
    start: int = 0
    root_numel: int | None = None
    view: str = ""

    def declares(self) -> Iterator[tuple[str, tuple[object, ...]]]:
        """What torch keeps by name: it gives later references what the first one of their name made."""
        yield self.key, (self.element.name, self.numel if self.root_numel is None else self.root_numel)
        if self.root_numel is not None:
            yield self.view, (self.key, self.start, self.numel)


@dataclass(frozen=True, eq=False, slots=True)
class TensorRef:
    """A strided view on a storage; offsets, shape and strides in elements: the storage's, or others on bytes."""

    storage: Storage
    element: ElementType
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
