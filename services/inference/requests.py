"""Between wishes and what is said about them, and the messages of the contract."""

from __future__ import annotations

from gptsovits.runtime.timing import WordTime
from services.inference.domain.wishes import Delivery, Form, Ways, Wish, form
from services.inference.speech import Facts, Message, Ready, Start
from services.stubs.voicehub.inference.v1 import inference_pb2 as pb

_DELIVERIES = {
    pb.SynthesizeStreamRequest.DELIVERY_UNSPECIFIED: Delivery.CHUNKS,
    pb.SynthesizeStreamRequest.DELIVERY_FILE: Delivery.FILE,
    pb.SynthesizeStreamRequest.DELIVERY_PIECES: Delivery.PIECES,
    pb.SynthesizeStreamRequest.DELIVERY_CHUNKS: Delivery.CHUNKS,
}


def wish(asked: pb.SynthesizeRequest) -> Wish:
    """The wish of a request."""
    manner = asked.manner
    return Wish(
        text=asked.text,
        language=asked.language,
        seed=asked.seed if asked.seed >= 0 else None,
        speed=asked.speed or 1.0,
        ssml=asked.ssml,
        prompt=asked.prompt,
        notice=asked.notice,
        pause=manner.pause if manner.HasField("pause") else None,
        cutting=manner.cutting or "cut5",
        ways=Ways(
            top_k=manner.top_k if manner.HasField("top_k") else None,
            top_p=manner.top_p if manner.HasField("top_p") else None,
            temperature=manner.temperature if manner.HasField("temperature") else None,
            repetition_penalty=manner.repetition_penalty if manner.HasField("repetition_penalty") else None,
        ),
    )


def wanted_form(asked: pb.SynthesizeStreamRequest) -> Form:
    """The form of a request; Invalid if there is none."""
    return form(asked.format, asked.sample_rate, _DELIVERIES.get(asked.delivery, Delivery.CHUNKS))


def parts(ready: Ready, *, together: bool) -> list[pb.SynthesizeStreamResponse]:
    """The messages of the answer: one for all that is ready, where the reader knows of it."""
    made = [_part(message) for message in ready]
    if not together:
        return made
    made[0].more.extend(made[1:])
    return made[:1]


def _part(message: Message) -> pb.SynthesizeStreamResponse:
    if isinstance(message, bytes):
        return pb.SynthesizeStreamResponse(audio=message)
    if isinstance(message, Start):
        return pb.SynthesizeStreamResponse(start=_start(message))
    if isinstance(message, Facts):
        return pb.SynthesizeStreamResponse(facts=pb.SynthesisFacts(**vars(message)))
    return pb.SynthesizeStreamResponse(words=pb.SpokenWords(words=[_word(word) for word in message]))


def _start(start: Start) -> pb.SynthesisStart:
    container = start.form.container
    return pb.SynthesisStart(
        media_type=container.media_type,
        sample_rate=start.sample_rate,
        voice_version=start.version_id,
        label=start.label,
        label_place="file" if container.labelled else "none",
        provenance=start.provenance,
        size=start.size,
        seconds=start.seconds,
        left_out=start.left_out,
    )


def _word(word: WordTime) -> pb.SpokenWord:
    return pb.SpokenWord(text=word.text, start=word.start, end=word.end)
