"""Takes in the database: one row a (batch, voice, line), which ends once an attempt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from services.inference.batches import store
from services.inference.domain.batches import SHARD_TAKES, Batch, Spoken, Take, TakeState
from services.inference.domain.lists.line import Line
from services.inference.tables import batch_lines, batch_takes, batches

BLOCK = 500
START = (-1, 0)
"""Before the first take."""
NO_SHARD = -1
"""Of takes that nobody could speak."""
RECENT = 500
"""Takes of a voice that its speed is measured on."""


@dataclass(frozen=True)
class Tally:
    """How far a voice is; ``seconds`` of audio."""

    total: int = 0
    done: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Speed:
    """Per character: seconds of audio at speed 1, and seconds of this machine; from so many takes."""

    audio: float
    machine: float
    takes: int


def add(session: Session, batch: Batch, takes: Sequence[Take]) -> None:
    """Stores the takes of a new batch in shards of `SHARD_TAKES`."""
    rows = [_row(batch, take, order // SHARD_TAKES) for order, take in enumerate(takes)]
    session.execute(insert(batch_takes), rows)


def tallies(session: Session, batch: Batch) -> list[Tally]:
    """Of each voice of the batch, in order."""
    count = {state: func.sum(case((batch_takes.c.state == state.value, 1), else_=0)) for state in TakeState}
    columns = (func.count(), count[TakeState.DONE], count[TakeState.FAILED], func.sum(batch_takes.c.seconds))
    query = select(batch_takes.c.voice, *columns).where(batch_takes.c.batch_id == batch.id)
    rows = session.execute(query.group_by(batch_takes.c.voice))
    found = {voice: Tally(int(a), int(b), int(c), float(d)) for voice, a, b, c, d in rows}
    return [found.get(index, Tally()) for index in range(len(batch.voices))]


def waiting(session: Session, batch_id: str, shard: int) -> list[Take]:
    """The takes of a shard that have not ended."""
    query = _joined(batch_id).where(batch_takes.c.shard == shard, batch_takes.c.state == TakeState.WAITING.value)
    return [_to_take(row) for row in session.execute(query)]


def shards_waiting(session: Session, batch_id: str, after: int, most: int) -> list[int]:
    """The next shards behind `after` in which a take waits."""
    query = (
        select(batch_takes.c.shard)
        .where(batch_takes.c.batch_id == batch_id, batch_takes.c.state == TakeState.WAITING.value)
        .where(batch_takes.c.shard > after)
        .group_by(batch_takes.c.shard)
        .order_by(batch_takes.c.shard)
        .limit(most)
    )
    return list(session.scalars(query))


def finish(session: Session, batch_id: str, take: Take, spoken: Spoken) -> bool:
    """Ends a take that waits; False if it has ended already, and nothing is changed."""
    mine = (batch_takes.c.batch_id == batch_id, batch_takes.c.voice == take.voice, batch_takes.c.number == take.number)
    waits = select(batch_takes.c.state).where(*mine, batch_takes.c.state == TakeState.WAITING.value)
    if session.execute(waits).first() is None:
        return False
    state = TakeState.FAILED if spoken.error else TakeState.DONE
    lists = {"words": [list(word) for word in spoken.words], "left_out": list(spoken.left_out)}
    values = {**vars(spoken), **lists, "state": state.value}
    sequence = store.change(session, batch_id)
    session.execute(update(batch_takes).where(*mine).values(**values, sequence=sequence))
    return True


def retry_failed(session: Session, batch_id: str) -> None:
    """Takes that failed wait again, but for those that nobody could speak."""
    failed = (batch_takes.c.state == TakeState.FAILED.value, batch_takes.c.shard != NO_SHARD)
    again = update(batch_takes).where(batch_takes.c.batch_id == batch_id, *failed)
    session.execute(again.values(state=TakeState.WAITING.value, error="", sequence=0))


def page(
    session: Session, batch_id: str, after: tuple[int, int], size: int, state: TakeState | None = None
) -> list[Take]:
    """Takes behind (voice, number), voice by voice."""
    query = _joined(batch_id).where(tuple_(batch_takes.c.voice, batch_takes.c.number) > tuple_(*after)).limit(size)
    if state is not None:
        query = query.where(batch_takes.c.state == state.value)
    return [_to_take(row) for row in session.execute(query)]


def every(session: Session, batch_id: str) -> Iterator[Take]:
    """All takes, voice by voice."""
    after = START
    while block := page(session, batch_id, after, BLOCK):
        yield from block
        after = (block[-1].voice, block[-1].number)


def ended_since(session: Session, batch_id: str, sequence: int, most: int) -> list[Take]:
    """Takes that ended after a sequence number, in that order."""
    query = _joined(batch_id).where(batch_takes.c.sequence > sequence)
    return [_to_take(row) for row in session.execute(query.order_by(None).order_by(batch_takes.c.sequence).limit(most))]


def holds(session: Session, batch_id: str, digest: str) -> Take | None:
    """The first take whose audio this is."""
    query = _joined(batch_id).where(batch_takes.c.digest == digest, batch_takes.c.state == TakeState.DONE.value)
    row = session.execute(query.limit(1)).first()
    return _to_take(row) if row else None


def speed(session: Session, version_id: str, language: str) -> Speed | None:
    """How fast a voice spoke a language in batches of late; None if it never did."""
    recent = (
        select(batch_takes.c.characters, (batch_takes.c.seconds * batches.c.speed).label("audio"))
        .add_columns(batch_takes.c.machine_seconds)
        .join(batches, batches.c.id == batch_takes.c.batch_id)
        .where(batch_takes.c.version_id == version_id, batch_takes.c.language == language)
        .where(batch_takes.c.state == TakeState.DONE.value)
        .order_by(batch_takes.c.batch_id.desc())
        .limit(RECENT)
        .subquery()
    )
    sums = (func.count(), func.sum(recent.c.characters), func.sum(recent.c.audio), func.sum(recent.c.machine_seconds))
    count, characters, audio, machine = session.execute(select(*sums)).one()
    return Speed(audio / characters, machine / characters, count) if count and characters else None


def characters_done(session: Session, batch_id: str) -> int:
    """Characters that are spoken."""
    return _characters(session, batch_takes.c.batch_id == batch_id, batch_takes.c.state == TakeState.DONE.value)


def characters_left(session: Session, batch_id: str) -> int:
    """Characters that a further attempt would speak."""
    speakable = (batch_takes.c.state != TakeState.DONE.value, batch_takes.c.shard != NO_SHARD)
    return _characters(session, batch_takes.c.batch_id == batch_id, *speakable)


def _characters(session: Session, *conditions: ColumnElement[bool]) -> int:
    return int(session.scalar(select(func.sum(batch_takes.c.characters)).where(*conditions)) or 0)


def _joined(batch_id: str) -> Select[Any]:
    line = and_(batch_lines.c.batch_id == batch_takes.c.batch_id, batch_lines.c.number == batch_takes.c.number)
    columns = [column for column in batch_lines.c if column.name not in ("batch_id", "number", "language", "voice")]
    query = select(batch_takes, *columns, batch_lines.c.language.label("line_language")).join(batch_lines, line)
    return query.where(batch_takes.c.batch_id == batch_id).order_by(batch_takes.c.voice, batch_takes.c.number)


def _row(batch: Batch, take: Take, shard: int) -> dict[str, Any]:
    return {
        "batch_id": batch.id,
        "voice": take.voice,
        "number": take.number,
        "shard": NO_SHARD if take.spoken.error else shard,
        "state": take.state.value,
        "sequence": 0,
        "version_id": batch.voices[take.voice].version_id,
        "language": take.line.language or batch.manner.language,
        "characters": take.characters,
        **vars(take.spoken),
        "words": [],
        "left_out": [],
    }


def _to_take(row: Row[Any]) -> Take:
    line = Line(row.line, row.text, row.line_language, "", row.seed, row.start, row.end)
    words = tuple((text, start, end) for text, start, end in row.words)
    spoken = Spoken(row.digest, row.size, row.seconds, words, row.machine_seconds, row.error, tuple(row.left_out))
    return Take(row.voice, row.number, line, TakeState(row.state), row.sequence, spoken)
