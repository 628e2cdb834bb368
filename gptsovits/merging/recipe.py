"""How to merge: a strategy, its numbers, and other choices for some parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from gptsovits.merging.modules import NAMES, STAGES, is_meant

Strategy = Literal["task", "ties", "linear", "slerp", "ours", "theirs", "base"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
THREE_WAY: tuple[Strategy, ...] = ("task", "ties")
LexiconChoice = Literal["merge", "ours", "theirs"]


@dataclass(frozen=True)
class Recipe:
    """What is done with a tensor that both sides changed; one that a single side changed is taken over as it is.

    Attributes:
        strategy: `task` adds both changes to the base (Ilharco et al. 2023), `ties` trims them, elects a sign and
            averages what agrees (Yadav et al. 2023), `linear` and `slerp` lie between both sides whatever the base was,
            `ours`, `theirs` and `base` take one.
        scale: factor of the changes in `task` and `ties`.
        density: share of the largest changes of each tensor that `ties` keeps, above 0 and up to 1.
        weight: share of theirs in `linear` and `slerp`, 0 to 1.
        choices: strategy by part (`decoder`, `stage1`, … or a beginning of tensor names such as `s2/dec.ups.4.`); the
            narrowest selector decides.
        lexicon: words that both changed differently are a conflict (`merge`), or one side wins.

    Raises ValueError for numbers outside and unknown names.
    """

    strategy: Strategy = "task"
    scale: float = 1.0
    density: float = 0.5
    weight: float = 0.5
    choices: Mapping[str, Strategy] = field(default_factory=dict)
    lexicon: LexiconChoice = "merge"

    def __post_init__(self) -> None:
        strange = {self.strategy, *self.choices.values()} - set(STRATEGIES)
        unknown = [selector for selector in self.choices if "/" not in selector and selector not in NAMES]
        if strange or self.lexicon not in get_args(LexiconChoice):
            raise ValueError(f"a strategy is one of {', '.join(STRATEGIES)}")
        if unknown:
            raise ValueError(f"{unknown[0]} is no part of a voice; use {', '.join(NAMES)} or names such as s2/dec.")
        if not (0 < self.density <= 1 and 0 <= self.weight <= 1 and 0 <= self.scale <= 4):
            raise ValueError("density lies in (0, 1], weight in [0, 1], scale in [0, 4]")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Recipe:
        """The recipe that a request asks for, its keys the attributes; ValueError for others, and for wrong types."""
        unknown = sorted(set(options) - {one.name for one in fields(cls)})
        if unknown:
            raise ValueError(f"there is no option {unknown[0]}; use {', '.join(one.name for one in fields(cls))}")
        try:
            return cls(**options)
        except (TypeError, AttributeError) as error:
            raise ValueError("an option is of another type than it should be") from error

    def for_tensor(self, name: str) -> Strategy:
        """The strategy for one tensor."""
        meant = [selector for selector in self.choices if is_meant(selector, name)]
        return self.choices[max(meant, key=_narrowness)] if meant else self.strategy


def _narrowness(selector: str) -> tuple[int, int]:
    return (2 if "/" in selector else 0 if selector in STAGES else 1, len(selector))
