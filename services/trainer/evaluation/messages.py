"""Evaluations as protobuf messages."""

from __future__ import annotations

from services.common.clock import to_timestamp
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef
from services.stubs.voicehub.trainer.v1 import evaluation_pb2 as pb
from services.trainer.evaluation.domain import Evaluation, Sentence, State

_STATES = {
    State.QUEUED: pb.EVALUATION_STATE_QUEUED,
    State.RUNNING: pb.EVALUATION_STATE_RUNNING,
    State.SUCCEEDED: pb.EVALUATION_STATE_SUCCEEDED,
    State.FAILED: pb.EVALUATION_STATE_FAILED,
}


def to_message(one: Evaluation) -> pb.Evaluation:
    """An evaluation."""
    return pb.Evaluation(
        id=one.id,
        version_id=one.version_id,
        state=_STATES[one.state],
        failure=one.failure,
        language=one.language,
        sentences=[_sentence(sentence) for sentence in one.sentences],
        figures=one.figures,
        missing=dict(one.missing),
        tools=dict(one.tools),
        create_time=to_timestamp(one.create_time),
        end_time=to_timestamp(one.end_time),
    )


def _sentence(one: Sentence) -> pb.JudgedSentence:
    return pb.JudgedSentence(
        text=one.text,
        audio=ObjectRef(digest=one.digest, size=one.size),
        seconds=one.seconds,
        similarity=one.similarity,
        errors=one.errors,
        words=one.words,
        heard=one.heard,
        mos=one.mos,
    )
