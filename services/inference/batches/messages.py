"""Between batches and the messages of their contract."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from services.common.clock import now, to_timestamp
from services.common.errors import Invalid
from services.common.ids import new_id
from services.inference.batches.estimates import Estimate
from services.inference.batches.lists import ReadList
from services.inference.batches.takes import Tally
from services.inference.domain.batches import MOST_VOICES, Batch, Chosen, Manner, State, Take, TakeState, file_name
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb
from services.stubs.voicehub.inference.v1.inference_pb2 import SpokenWord

MOST_REFUSALS = 100
_STATES = {
    State.RUNNING: pb.BATCH_STATE_RUNNING,
    State.PACKING: pb.BATCH_STATE_PACKING,
    State.FINISHED: pb.BATCH_STATE_FINISHED,
    State.CANCELLED: pb.BATCH_STATE_CANCELLED,
}
_TAKE_STATES = {
    TakeState.WAITING: pb.TAKE_STATE_WAITING,
    TakeState.DONE: pb.TAKE_STATE_DONE,
    TakeState.FAILED: pb.TAKE_STATE_FAILED,
}


def new_batch(plan: pb.BatchPlan, account: str, found: ReadList) -> Batch:
    """The batch that a plan asks for; Invalid if it is out of bounds."""
    chosen = tuple(Chosen(voice.name, voice.version_id, voice.prompt) for voice in plan.voices)
    if not 1 <= len(chosen) <= MOST_VOICES or len({voice.name for voice in chosen}) < len(chosen):
        hint = f"Name 1 to {MOST_VOICES} voices, each once."
        raise Invalid("These voices cannot make a batch.", hint=hint, fields={"voices": hint})
    manner = Manner(plan.language, plan.format or "wav", plan.sample_rate, plan.seed, plan.speed or 1.0)
    return Batch(new_id(), account, State.RUNNING, chosen, manner, found.kind, len(found.lines), now())


def plan_hash(plan: pb.BatchPlan) -> str:
    """SHA-256 of what is asked for, whichever version a voice's name means now."""
    asked = pb.BatchPlan()
    asked.CopyFrom(plan)
    for voice in asked.voices:
        voice.ClearField("version_id")
    return hashlib.sha256(asked.SerializeToString(deterministic=True)).hexdigest()


def to_message(batch: Batch, tallies: Sequence[Tally]) -> pb.Batch:
    """A batch with its counts."""
    manner = batch.manner
    made = pb.Batch(
        id=batch.id,
        state=_STATES[batch.state],
        voices=[_voice(chosen, tally) for chosen, tally in zip(batch.voices, tallies, strict=True)],
        lines=batch.lines,
        total=sum(tally.total for tally in tallies),
        done=sum(tally.done for tally in tallies),
        failed=sum(tally.failed for tally in tallies),
        seconds=sum(tally.seconds for tally in tallies),
        list_format=batch.list_format,
        language=manner.language,
        format=manner.form,
        seed=manner.seed,
        speed=manner.speed,
        create_time=to_timestamp(batch.create_time),
        end_time=to_timestamp(batch.end_time),
    )
    if batch.zip_digest:
        made.zip.CopyFrom(ObjectRef(digest=batch.zip_digest, size=batch.zip_size))
    return made


def to_take(batch: Batch, take: Take, *, words: bool = True) -> pb.Take:
    """A take."""
    line, spoken, chosen = take.line, take.spoken, batch.voices[take.voice]
    made = pb.Take(
        voice=chosen.name,
        version_id=chosen.version_id,
        number=take.number,
        line=line.id,
        text=line.text,
        language=line.language or batch.manner.language,
        state=_TAKE_STATES[take.state],
        seconds=spoken.seconds,
        error=spoken.error,
        left_out=spoken.left_out,
    )
    if take.state is TakeState.DONE:
        made.audio.CopyFrom(ObjectRef(digest=spoken.digest, size=spoken.size))
        made.file = file_name(batch, take)
        made.words.extend(SpokenWord(text=t, start=a, end=b) for t, a, b in (spoken.words if words else ()))
    if line.start is not None:
        made.slot.CopyFrom(pb.Slot(start=line.start, end=line.end or 0.0, overrun=take.overrun))
    return made


def take_state(asked: pb.TakeState.ValueType) -> TakeState | None:
    """The state that a filter means; None for any."""
    return next((state for state, value in _TAKE_STATES.items() if value == asked), None)


def to_estimate(batch: Batch, estimate: Estimate) -> pb.EstimateBatchResponse:
    """An estimate, with the first refusals."""
    costs = [
        pb.VoiceEstimate(name=chosen.name, version_id=chosen.version_id, **vars(cost))
        for chosen, cost in zip(batch.voices, estimate.voices, strict=True)
    ]
    refusals = [
        pb.RefusedTake(
            voice=batch.voices[one.take.voice].name, number=one.take.number, line=one.take.line.id, reason=one.reason
        )
        for one in estimate.refusals[:MOST_REFUSALS]
    ]
    return pb.EstimateBatchResponse(
        lines=batch.lines,
        takes=sum(cost.takes for cost in costs),
        characters=sum(cost.characters for cost in costs),
        audio_seconds=sum(cost.audio_seconds for cost in costs),
        machine_seconds=sum(cost.machine_seconds for cost in costs),
        voices=costs,
        refused=len(estimate.refusals),
        refusals=refusals,
        list_format=batch.list_format,
    )


def _voice(chosen: Chosen, tally: Tally) -> pb.BatchVoice:
    return pb.BatchVoice(
        name=chosen.name,
        version_id=chosen.version_id,
        total=tally.total,
        done=tally.done,
        failed=tally.failed,
        seconds=tally.seconds,
    )
