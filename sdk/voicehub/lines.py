"""Lines to fine-tune on: text and audio, or a recording of the lines shown, or text alone; put into one recording."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicehub.errors import Refused, Unreadable, UsageError

WANTED = 20
PAUSE_SECONDS = 0.6
SHOWN = (
    "Good evening, and welcome back to the programme.",
    "The bus to the harbour leaves at a quarter past nine.",
    "Could you read that last sentence to me once more?",
    "She laughed so loudly that the whole room turned around.",
    "Nothing grows here except thistles and a little grass.",
    "Press the blue button, wait a moment, then press it again.",
    "My grandfather kept bees behind the old stone wall.",
    "If it rains tomorrow, we shall simply stay at home.",
    "Five thousand people came to hear the young singer.",
    "He measured the flour, the sugar and the butter by eye.",
    "What an extraordinary view you have from this window!",
    "The judge asked everybody to rise and then sat down.",
    "Please write your name and your address on the first page.",
    "We crossed the valley while the fog was still thick.",
    "Although he was tired, he finished the chapter that night.",
    "The engine coughed twice and then fell silent.",
    "Children under twelve travel for half the usual price.",
    "Who would have thought that such a small key opens it?",
    "Her voice was calm, but her hands were shaking.",
    "Thank you for listening, and see you again next week.",
)
"""Twenty lines for those who have none of their own."""


@dataclass(frozen=True)
class Line:
    """A line and, if there is one, the file in which it is spoken."""

    text: str
    audio: Path | None = None


def read_text(path: Path) -> str:
    """A text as editors write it, those on Windows with a mark at its beginning; Unreadable if it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path} is no text in UTF-8.", hint="Save it in this encoding, or check the path.") from error


def read_lines(path: Path) -> list[Line]:
    """Lines of a JSONL file (`{"text": …, "audio": …}`, files beside it) or of a text, one a line; UsageError."""
    found = []
    for number, row in enumerate(read_text(path).splitlines(), start=1):
        if not row.strip():
            continue
        try:
            told = json.loads(row) if path.suffix.lower() == ".jsonl" else {"text": row}
            audio = path.parent / told["audio"] if told.get("audio") else None
            if not told["text"].strip():
                raise ValueError("nothing to read")
            found.append(Line(told["text"].strip(), audio))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"Line {number} of {path.name} is no line.",
                hint='Write {"text": "…", "audio": "file.wav"}, with the text in quotes also where it is a number.',
            ) from error
    if len({line.audio is None for line in found}) != 1:
        raise UsageError(f"{path.name} has no lines, or audio for some of them only.", hint="Give all or none audio.")
    return found


def transcript(lines: Sequence[Line]) -> str:
    """What is said in the recording of the lines: each is a sentence."""
    return " ".join(line.text if line.text[-1:] in ".!?…" else f"{line.text}." for line in lines)


def recording(lines: Sequence[Line], speak: Callable[[str], bytes]) -> bytes:
    """One WAV of all lines with pauses between; `speak` says those that have no audio.

    Raises:
        Refused: a file is no 16-bit WAV, or another rate than the others'.
    """
    sounds = [_read(line.audio.read_bytes() if line.audio else speak(line.text), line) for line in lines]
    rate, channels = sounds[0][0], sounds[0][1]
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", "not compressed"))
        for (own, count, frames), line in zip(sounds, lines, strict=True):
            if (own, count) != (rate, channels):
                raise Refused(
                    f"{line.audio or line.text} has {own} Hz and {count} channels, the first {rate} Hz and {channels}.",
                    hint="Bring all files to one rate.",
                )
            file.writeframes(frames + bytes(2 * channels * int(rate * PAUSE_SECONDS)))
    return target.getvalue()


def _read(content: bytes, line: Line) -> tuple[int, int, bytes]:
    try:
        with wave.open(io.BytesIO(content)) as file:
            if file.getsampwidth() != 2:
                raise wave.Error("not 16 bits")
            return file.getframerate(), file.getnchannels(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        hint = "Save it as WAV with 16 bits, or record all lines in one file (--recording)."
        raise Refused(f"{line.audio or 'The speech'} is no 16-bit WAV: {error}.", hint=hint) from error
