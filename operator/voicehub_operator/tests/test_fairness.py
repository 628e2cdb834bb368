from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from voicehub_operator.domain.fairness import Shares, choose
from voicehub_operator.domain.ledger import Ledger, Reservation
from voicehub_operator.domain.waiting import Line, Waiting, waiting


def line_of(*jobs: Waiting) -> Line:
    line = Line()
    for job in jobs:
        line.put(job)
    return line


def job(
    name: str, organisation: str, gpus: int = 1, priority: int = 0, created: float = 0.0, since: float = 0.0
) -> Waiting:
    return waiting(name, f"uid-{name}", 1, organisation, gpus, priority, created, since)


def names(chosen: list[Reservation]) -> list[str]:
    return [one.job for one in chosen]


def test_organisations_take_turns() -> None:
    line = line_of(*(job(f"a{i}", "a", created=i) for i in range(5)), job("b0", "b", created=9))
    assert names(choose(Ledger(), line, Shares(quota=3), 0.0)) == ["a0", "b0", "a1"]


def test_within_an_organisation_priority_then_age_decide() -> None:
    line = line_of(job("old", "a", created=1), job("young", "a", created=2), job("urgent", "a", priority=5, created=3))
    assert names(choose(Ledger(), line, Shares(quota=3), 0.0)) == ["urgent", "old", "young"]


def test_who_used_more_waits() -> None:
    ledger = Ledger(used={"a": 1000.0}, time=0.0)
    line = line_of(*(job(f"a{i}", "a") for i in range(3)), *(job(f"b{i}", "b") for i in range(3)))
    assert {one.organisation for one in choose(ledger, line, Shares(quota=3), 0.0)} == {"b"}


def test_use_is_forgotten_with_the_half_life() -> None:
    ledger = Ledger(used={"a": 1000.0}, time=1.0)
    assert ledger.at(3601.0, 3600.0).used["a"] == 500.0
    assert ledger.at(3601.0 + 36000.0, 3600.0).used == {}


def test_a_weight_of_two_gets_twice_as_much() -> None:
    line = line_of(*(job(f"a{i}", "a") for i in range(9)), *(job(f"b{i}", "b") for i in range(9)))
    chosen = choose(Ledger(), line, Shares(quota=9, weights={"a": 2.0}), 0.0)
    assert Counter(one.organisation for one in chosen) == {"a": 6, "b": 3}


def test_an_organisation_never_holds_more_than_its_own_quota() -> None:
    line = line_of(*(job(f"a{i}", "a") for i in range(9)))
    assert len(choose(Ledger(), line, Shares(quota=9, organisation_quota=2), 0.0)) == 2
    assert len(choose(Ledger(), line, Shares(quota=9, organisation_quota=2, quotas={"a": 5}), 0.0)) == 5


def test_a_large_job_lets_others_pass_only_for_a_while() -> None:
    held = Ledger().reserve([Reservation("x", "u", 1, "x", 2, 0.0)])
    line = line_of(job("large", "a", gpus=4), *(job(f"small{i}", "b") for i in range(3)))
    shares = Shares(quota=4, patience=60.0)
    assert names(choose(held, line, shares, 1000.0)) == ["small0", "small1"]  # however long it has waited before
    assert names(choose(held, line, shares, 1059.0)) == ["small0", "small1"]
    assert names(choose(held, line, shares, 1061.0)) == []
    assert names(choose(Ledger(), line, shares, 1061.0)) == ["large"]


def test_what_a_large_job_leaves_free_goes_to_its_own_organisation_first() -> None:
    ledger = Ledger(used={"b": 1000.0}, time=1.0).reserve([Reservation("x", "u", 1, "x", 3, 0.0)])
    line = line_of(job("large", "a", gpus=2, created=1), job("small", "a", created=2), job("other", "b"))
    assert names(choose(ledger, line, Shares(quota=4), 1.0)) == ["small"]


def test_a_job_that_never_fits_its_organisations_quota_stops_nobody() -> None:
    line = line_of(job("huge", "a", gpus=8), job("small", "b"), job("later", "a", created=1))
    assert names(choose(Ledger(), line, Shares(quota=4), 1e6)) == ["small", "later"]


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 6), st.integers(-2, 2)), max_size=60),
    st.integers(0, 20),
    st.integers(0, 8),
)
def test_quotas_are_never_exceeded_and_nothing_is_given_twice(
    jobs: list[tuple[str, int, int]], quota: int, organisation_quota: int
) -> None:
    line = line_of(*(job(f"j{i}", o, g, p, created=i) for i, (o, g, p) in enumerate(jobs)))
    shares = Shares(quota=quota, organisation_quota=organisation_quota)
    chosen = choose(Ledger(), line, shares, 0.0)
    ledger = Ledger().reserve(chosen)
    assert ledger.gpus == sum(one.gpus for one in chosen) <= quota
    assert len({one.job for one in chosen}) == len(chosen)
    assert all(ledger.gpus_of(o) <= shares.most(o) for o in "abcde")


def test_gpu_seconds_of_twenty_organisations_converge() -> None:
    """A day of jobs of one to four GPUs and one to ten minutes: everyone within a twentieth of the mean."""
    rng, now, ledger, line = random.Random(7), 0.0, Ledger(), Line()
    shares, used, number = Shares(quota=80), dict.fromkeys((f"org-{i:02d}" for i in range(20)), 0.0), 0
    ends: list[tuple[float, Reservation]] = []
    durations: dict[str, float] = {}
    organisations = [f"org-{i:02d}" for i in range(20)]
    while now < 86_400.0:
        for name in organisations:
            while sum(1 for _ in line.of(name)) < 5:  # everyone has a backlog all the time
                number += 1
                size = rng.choice((1, 1, 1, 2, 2, 4)) if name != "org-00" else 4  # one that only has large jobs
                durations[f"j{number}"] = rng.uniform(60, 600) if name != "org-01" else 600.0
                line.put(job(f"j{number}", name, size, created=now + number / 1e6, since=now))
        chosen = choose(ledger, line, shares, now)
        for one in chosen:
            line.remove(one.job)
            ends.append((now + durations[one.job], one))
        ledger = ledger.reserve(chosen)
        ends.sort(key=lambda end: end[0])
        now, first = ends.pop(0)
        used[first.organisation] += first.gpus * (now - first.since)
        ledger = ledger.release([first.job], now, shares.half_life)
    mean = sum(used.values()) / len(organisations)
    assert all(abs(value / mean - 1) < 0.05 for value in used.values()), used
    assert sum(used.values()) > 0.93 * 80 * 86_400
