"""The card of a trained voice: what its maker says, what was measured, and one line about it in two languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gptsovits.pipeline.describe import describe_en, describe_zh
from gptsovits.pipeline.measure import Measurements, as_card, tags
from gptsovits.pipeline.stated import CREATOR_KEYS

if TYPE_CHECKING:
    from gptsovits.pipeline.check import CheckedRecording
    from gptsovits.pipeline.evaluating import Judged
    from gptsovits.pipeline.run import Request


def compose_card(request: Request, figures: Measurements, judged: Judged, checked: CheckedRecording) -> dict[str, Any]:
    """The card as it will stand in `voice.yaml`; `declared` names what nobody measured."""
    stated = {key: request.card[key] for key in CREATOR_KEYS if request.card.get(key)}
    found = tags(figures)
    card: dict[str, Any] = {
        "languages": [request.language],
        **stated,
        **request.declaration,
        "base": request.base.name,
        "measured": as_card(figures, {**judged.figures, "recording_seconds": checked.seconds}),
        "declared": ["languages", *stated],
    }
    card["description_zh"] = describe_zh(card, found)
    card["description_en"] = describe_en(card, found)
    return card
