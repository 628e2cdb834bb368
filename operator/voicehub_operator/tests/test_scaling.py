from __future__ import annotations

from voicehub_operator.domain.scaling import Need, Scale, scaled

SCALE = Scale(least=0, most=4, lag_per_worker=2, cooldown=60.0)


def test_from_none_to_as_many_as_there_is_work_for() -> None:
    assert scaled(Need(0), 1, SCALE, 0.0) == Need(1)
    assert scaled(Need(1), 5, SCALE, 0.0) == Need(3)
    assert scaled(Need(3), 1000, SCALE, 0.0) == Need(4)


def test_fewer_only_after_the_cooldown() -> None:
    idle = scaled(Need(3), 0, SCALE, 10.0)
    assert idle == Need(3, 10.0)
    assert scaled(idle, 0, SCALE, 69.0) == idle
    assert scaled(idle, 0, SCALE, 70.0) == Need(0)


def test_work_in_between_begins_the_cooldown_again() -> None:
    idle = scaled(Need(3), 0, SCALE, 10.0)
    assert scaled(idle, 6, SCALE, 30.0) == Need(3)
