"""What a voice speaks on: graphs that are called once, and stage 1 as a service.

Stage 1 keeps keys and values per running sentence. They never cross this border: one gives all that a sentence needs,
and gets tokens as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from gptsovits.runtime.sampling import Floats, Race, Sampling, Tokens

if TYPE_CHECKING:
    from gptsovits.runtime.bundle import VoiceFacts


@dataclass(frozen=True)
class Utterance:
    """One sentence for stage 1.

    ``phones (N,)`` and ``bert (bert_dim, N)`` of prompt and target, ``prompt (P,)`` tokens that it continues (P may be
    0). ``classes (M,)`` are the token classes of the phones to speak, where tokens tell their phone. ``race`` takes the
    place of the seed; only stage 1 in this process can have one. ``whole``: the tokens are wanted all at once.
    """

    phones: Tokens
    bert: Floats | None
    prompt: Tokens
    sampling: Sampling
    classes: Tokens | None = None
    race: Race | None = None
    whole: bool = False


class Running(Protocol):
    """A sentence that stage 1 works on since :meth:`Stage1.start`; iterate it once.

    Attributes:
        stopped_early: after the last token, whether the limit and not the end of the sentence ended it.
    """

    stopped_early: bool

    def __iter__(self) -> Iterator[int]:
        """The tokens, each as soon as it is there; what fails is raised here."""

    def close(self) -> None:
        """Nobody wants the rest: the work ends at the next token. Does nothing when it has ended."""


class Stage1(Protocol):
    """Speaks many sentences at once; thread-safe."""

    def start(self, utterance: Utterance) -> Running:
        """Begins at the next token of those that run already."""


class OneCall(Protocol):
    """A graph without memory; thread-safe."""

    @property
    def inputs(self) -> frozenset[str]:
        """Names that it declares; others that are given are not fed."""

    def run(self, **inputs: NDArray[Any] | None) -> list[NDArray[Any]]:
        """Outputs in the order of the graph; ``BrokenVoice`` when the inputs do not fit."""


class Engine(Protocol):
    """An opened voice, wherever it is computed; ``graphs`` has ``quantise``, ``style`` and ``s2``."""

    @property
    def facts(self) -> VoiceFacts:
        """What ``bundle.json`` says."""

    @property
    def graphs(self) -> Mapping[str, OneCall]:
        """By their names."""

    @property
    def stage1(self) -> Stage1:
        """Phones to tokens."""
