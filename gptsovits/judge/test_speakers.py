from __future__ import annotations

import numpy as np
import pytest

from gptsovits.judge.speakers import Split, split


@pytest.mark.parametrize(
    ("found", "two"), [(Split(0.6, 0.4), True), (Split(0.6, 0.05), False), (Split(0.9, 0.5), False)]
)
def test_two_people_are_far_apart_and_each_holds_a_part(found: Split, two: bool) -> None:
    assert found.two is two


def test_too_little_speech_is_one_person() -> None:
    assert not split(np.zeros(16000, np.float32)).two
