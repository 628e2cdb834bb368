"""Turns go round the accounts; the door closes in time."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.errors import TooMany, Unavailable
from services.inference.admission import Line, capacity
from services.inference.domain.cancellation import Cancellation, Cancelled
from services.inference.domain.fairness import AT_REST_SECONDS, BACKGROUND, PATIENCE, Capacity, RoundRobin
from services.inference.domain.pace import MOST_SECONDS, USUAL_SECONDS


def test_one_account_with_fifty_requests_delays_another_by_one() -> None:
    line = RoundRobin(Capacity(workers=1, places=100, per_account=60))
    busy = [line.enter("busy") for _ in range(50)]
    granted = [ticket for one in busy for ticket in line.ask(one)]
    assert granted == busy[:1]
    other = line.enter("other")
    assert line.ask(other) == []
    assert line.leave(busy[0]) == [other]  # one request later, not forty-nine
    assert line.leave(other) == [busy[1]]


def test_between_two_steps_of_a_long_text_others_come() -> None:
    line = RoundRobin(Capacity(workers=1))
    long, short = line.enter("a"), line.enter("b")
    assert line.ask(long) == [long]
    assert line.ask(short) == []
    assert line.done(long) == [short]
    assert line.ask(long) == []
    assert line.done(short) == [long]


def test_within_an_account_turns_go_round_its_requests() -> None:
    line = RoundRobin(Capacity(workers=1))
    tickets = [line.enter("a") for _ in range(3)]
    for ticket in reversed(tickets):
        line.ask(ticket)
    turns, now = [], tickets[-1]
    for _ in range(6):
        turns.append(now)
        assert line.ask(now) == []
        (now,) = line.done(now)
    assert turns == 2 * tickets[::-1]


def test_accounts_that_come_and_go_do_not_pass_one_that_waits() -> None:
    line = RoundRobin(Capacity(workers=1))
    long, passing = line.enter("long"), line.enter("passing")
    line.ask(long)
    line.ask(passing)
    assert line.done(long) == [passing]
    assert line.ask(long) == []
    assert line.ask(line.enter("later")) == []
    assert line.leave(passing) == [long]


def test_whole_files_of_an_account_are_finished_one_after_another_and_its_streams_come_between() -> None:
    line = RoundRobin(Capacity(workers=1))
    files = [line.enter("a", whole=True) for _ in range(2)]
    stream = line.enter("a")
    left = {files[0]: 3, files[1]: 3, stream: 4}
    assert line.ask(files[1]) == files[1:]
    assert line.ask(files[0]) == line.ask(stream) == []
    turns, now = [], files[1]
    while any(left.values()):
        turns.append(now)
        left[now] -= 1
        granted = line.again(now) if left[now] else line.leave(now)
        now = granted[0] if granted else 0
    first, second = files
    assert turns == [second, first, stream, first, first, stream, second, stream, second, stream]


def test_an_account_has_all_turns_only_while_it_is_alone() -> None:
    now = [0.0]
    line = RoundRobin(Capacity(workers=8, places=40, per_account=20), lambda: now[0])
    many = [line.enter("many") for _ in range(12)]
    working = [ticket for one in many for ticket in line.ask(one)]
    assert working == many[:8]
    other = line.enter("other")
    assert line.done(working.pop()) == []  # whoever has a place will soon ask
    assert line.ask(other) == [other]  # beside seven that are not waited for
    while len(working) > 4:
        assert line.done(working.pop()) == []
    assert line.done(other) == []
    assert line.done(working.pop()) == many[8:9]  # four of eight, the other account being between two steps
    now[0] = AT_REST_SECONDS + 0.1
    late = line.enter("many")
    assert line.ask(late) == [*many[9:], late]  # the other one's reader does not read


def test_the_door_closes_for_an_account_and_for_all() -> None:
    line = RoundRobin(Capacity(workers=1, places=3, per_account=2))
    first = line.enter("a")
    line.enter("a")
    with pytest.raises(TooMany) as account_full:
        line.enter("a")
    assert account_full.value.reason == "ACCOUNT_LINE_FULL"
    line.enter("b")
    with pytest.raises(Unavailable) as full:
        line.enter("c")
    assert full.value.reason == "LINE_FULL"
    line.leave(first)
    line.leave(first)  # a second time changes nothing
    line.enter("c")


def test_whoever_is_refused_is_told_when_a_place_may_be_free() -> None:
    now = [0.0]
    line = RoundRobin(Capacity(workers=4, places=4, per_account=4), lambda: now[0])
    full = [ticket for _ in range(4) for ticket in line.ask(line.enter("a"))]

    def told() -> float:
        with pytest.raises(Unavailable) as refused:
            line.enter("b")
        return refused.value.retry_seconds

    assert told() == USUAL_SECONDS  # nobody has left yet
    for _ in range(8):  # one leaves each three seconds
        now[0] += 3.0
        line.leave(full.pop(0))
        full += line.ask(line.enter("a"))
    assert told() == pytest.approx(3.0, rel=0.3)
    assert [told() for _ in range(2)] == pytest.approx([6.0, 9.0], rel=0.3)  # not all of them at once
    now[0] += 1e6
    assert told() == MOST_SECONDS


def test_whoever_waits_for_a_slow_reader_takes_no_place() -> None:
    now = [0.0]
    line = RoundRobin(Capacity(workers=1, places=2, per_account=2), lambda: now[0])
    slow = [line.enter("slow") for _ in range(2)]
    for ticket in slow:
        line.ask(ticket)
    line.done(slow[0])
    now[0] = AT_REST_SECONDS / 2
    with pytest.raises(TooMany):
        line.enter("slow")  # between two steps one keeps one's place
    now[0] = AT_REST_SECONDS + 0.1
    first = line.enter("quick")  # slow[1] works
    with pytest.raises(Unavailable):
        line.enter("quick")
    line.done(slow[1])
    now[0] = 3 * AT_REST_SECONDS
    line.ask(first)
    assert line.ask(slow[0]) == []  # who comes back is not refused, but waits
    with pytest.raises(Unavailable):
        line.enter("late")
    assert line.leave(first) == [slow[0]]


@given(st.integers(1, 3), st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_everybody_ends_and_never_more_work_than_there_are_workers(workers: int, wanted: list[tuple[str, int]]) -> None:
    line = RoundRobin(Capacity(workers, 20, 20))
    steps = {line.enter(account): count for account, count in wanted}
    working = {ticket for one in steps for ticket in line.ask(one)}
    while working:
        assert len(working) <= workers
        ticket = min(working)
        working.discard(ticket)
        steps[ticket] -= 1
        working |= set(line.done(ticket))
        working |= set(line.ask(ticket) if steps[ticket] else line.leave(ticket))
    assert not any(steps.values())
    assert (line.admitted, line.waiting) == (0, 0)


_WANTED = st.tuples(st.sampled_from("abcd"), st.integers(1, 5), st.integers(0, 20), st.booleans())
"""Account, steps, when, and whether it is a whole file."""


@given(st.integers(1, 8), st.lists(_WANTED, min_size=1, max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_nobody_waits_for_more_turns_than_is_promised(
    workers: int, wanted: list[tuple[str, int, int, bool]], chance: random.Random
) -> None:
    watched = _Watched(Capacity(workers, 40, 40))
    coming = sorted(wanted, key=lambda request: request[2], reverse=True)
    left: dict[int, int] = {}
    for moment in itertools.count():
        while coming and coming[-1][2] <= moment:
            account, steps, _, whole = coming.pop()
            left[ticket := watched.enter(account, whole=whole)] = steps
            watched.ask(ticket)
        if watched.working:
            ticket = chance.choice(sorted(watched.working))
            left[ticket] -= 1
            watched.end(ticket, leaves=not left[ticket])
        elif not coming:
            break
    assert not any(left.values())


@dataclass
class _Asked:
    turns: int
    """That were given until then."""
    ahead: int
    """Requests of the account that waited already."""
    new: bool
    """The account had none at work and none that waited."""


class _Watched:
    """A line of busy accounts that holds what it promises them."""

    def __init__(self, capacity: Capacity) -> None:
        self._line, self._capacity, self._owners = RoundRobin(capacity, lambda: 0.0), capacity, dict[int, str]()
        self.working, self._files = set[int](), set[int]()
        self._turns, self._asked = list[str](), dict[int, _Asked]()

    def enter(self, account: str, *, whole: bool) -> int:
        ticket = self._line.enter(account, whole=whole)
        self._owners[ticket] = account
        if whole:
            self._files.add(ticket)
        return ticket

    def ask(self, ticket: int) -> None:
        self._asks(ticket, self._line.ask)

    def end(self, ticket: int, *, leaves: bool) -> None:
        self.working.discard(ticket)
        if leaves:
            del self._owners[ticket]
            self._granted(self._line.leave(ticket))
        elif ticket in self._files:
            self._asks(ticket, self._line.again)
        else:
            self._granted(self._line.done(ticket))
            self.ask(ticket)

    def _asks(self, ticket: int, how: Callable[[int], list[int]]) -> None:
        ahead = self._of(self._owners[ticket], self._asked)
        new = not ahead and not self._of(self._owners[ticket], self.working)
        self._asked[ticket] = _Asked(len(self._turns), ahead, new)
        self._granted(how(ticket))
        if new and self._people() <= self._capacity.workers:
            assert ticket in self.working  # whatever the others hold

    def _granted(self, tickets: list[int]) -> None:
        for ticket in tickets:
            account, asked = self._owners[ticket], self._asked.pop(ticket)
            passed = Counter(self._turns[asked.turns :])
            if ticket not in self._files:
                assert passed[account] <= asked.ahead  # no stream of an account starves
            if asked.new:
                assert max(passed.values(), default=0) <= 1  # no account does
            self._turns.append(account)
            self.working.add(ticket)
            assert self._of(account, self.working) <= max(self._capacity.workers // self._people(), 1)
            assert len(self.working) < 2 * self._capacity.workers

    def _people(self) -> int:
        return len(set(self._owners.values()))

    def _of(self, account: str, tickets: Iterable[int]) -> int:
        return sum(self._owners[ticket] == account for ticket in tickets)


def test_whoever_is_called_off_stops_waiting_and_leaves_the_line() -> None:
    line, ended = Line(Capacity(workers=1)), []
    called_off = Cancellation()

    def wait() -> None:
        try:
            with line.place("b", called_off) as place, place.turn():
                ended.append("worked")
        except Cancelled:
            ended.append("cancelled")

    with line.place("a", Cancellation()) as held, held.turn():
        waiting = threading.Thread(target=wait)
        waiting.start()
        called_off.cancel()
        waiting.join(10)
        assert ended == ["cancelled"]
    with line.place("b", Cancellation()) as place, place.turn():
        pass  # the turn went on
    with line.place("b", called_off) as place, pytest.raises(Cancelled), place.turn():
        pass


def test_settings() -> None:
    chosen = capacity({"VOICEHUB_SYNTHESIS_WORKERS": "3", "VOICEHUB_SYNTHESIS_PLACES": "8"})
    assert chosen == Capacity(3, 8, 4)
    with pytest.raises(ValueError, match="worker"):
        capacity({"VOICEHUB_SYNTHESIS_WORKERS": "0"})


def test_the_background_works_when_nobody_waits_and_never_starves() -> None:
    robin = RoundRobin(Capacity(workers=1, places=2, per_account=2))
    behind, person = robin.enter(BACKGROUND), robin.enter("ann")
    assert robin.ask(behind) == [behind]  # nobody else asks
    assert robin.ask(person) == []
    turns = []
    now = behind
    for _ in range(3 * (PATIENCE + 1)):
        turns.append(now)
        robin.ask(now)
        (now,) = robin.done(now)
    assert turns[0] == behind
    assert [turn for turn in turns[1 : PATIENCE + 1] if turn == behind] == []  # people first
    assert turns.count(behind) == 3
    robin.enter("bo")  # the background took no place from anybody
    with pytest.raises(Unavailable):
        robin.enter("cy")


def test_the_background_gives_its_turn_back_but_for_the_one_that_it_was_owed() -> None:
    robin = RoundRobin(Capacity(workers=1, places=4, per_account=4))
    behind, person = robin.enter(BACKGROUND), robin.enter("ann")
    robin.ask(behind)
    assert not robin.in_the_way(behind)  # nobody waits
    robin.ask(person)
    assert robin.in_the_way(behind)
    assert robin.done(behind) == [person]
    assert not robin.in_the_way(person)
    robin.ask(behind)
    for _ in range(PATIENCE):
        robin.ask(person)
        assert robin.done(person) == [person]
    robin.ask(person)
    assert robin.done(person) == [behind]
    assert not robin.in_the_way(behind)


def test_the_background_steps_aside_for_each_of_several_people() -> None:
    robin = RoundRobin(Capacity(workers=4, places=4, per_account=4))
    behind = [robin.enter(BACKGROUND) for _ in range(4)]
    assert [ticket for one in behind for ticket in robin.ask(one)] == behind
    people = [robin.enter(name) for name in ("ann", "bo")]
    assert robin.ask(people[0]) == robin.ask(people[1]) == []  # not beside four of the background
    assert robin.in_the_way(behind[0])
    assert robin.done(behind[0]) == people[:1]
    assert robin.in_the_way(behind[1])
    assert robin.done(behind[1]) == people[1:]
    assert not robin.in_the_way(behind[2])


def test_work_that_begins_in_the_background_does_not_begin_in_front() -> None:
    robin = RoundRobin(Capacity(workers=1, places=4, per_account=4))
    person = robin.enter("ann")
    robin.ask(person)
    for _ in range(PATIENCE - 1):
        behind = robin.enter(BACKGROUND)
        assert robin.ask(behind) == []
        robin.ask(person)
        assert robin.done(person) == [person]
        robin.leave(behind)
