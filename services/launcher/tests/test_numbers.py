from __future__ import annotations

import pytest

from services.common.settings import load, number
from services.gateway import limits
from services.inference import admission


def test_a_number_is_read_or_left_out() -> None:
    assert [number(env, "VOICEHUB_A", 7) for env in ({"VOICEHUB_A": "3"}, {})] == [3, 7]


@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("VOICEHUB_OUTBOX_BOUND", lambda env: load("catalog", env)),
        ("VOICEHUB_RATE_API", limits.load),
        ("VOICEHUB_SYNTHESIS_PLACES", admission.capacity),
    ],
)
def test_what_is_no_number_is_named(name, reads) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=f"{name} is '6k'"):
        reads({name: "6k"})
