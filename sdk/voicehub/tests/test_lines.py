"""Lines become one recording and its transcript."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import pytest

from voicehub.errors import Refused, Unreadable, UsageError
from voicehub.lines import PAUSE_SECONDS, SHOWN, WANTED, Line, read_lines, recording, transcript

RATE = 16_000


def sound(seconds: float, rate: int = RATE, width: int = 2) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((1, width, rate, 0, "NONE", "not compressed"))
        file.writeframes(b"\x01" * int(width * rate * seconds))
    return target.getvalue()


def test_a_text_has_a_line_a_row_and_jsonl_may_have_audio(tmp_path: Path) -> None:
    plain = tmp_path / "lines.txt"
    plain.write_text("Metoprolol succinate\n\n Is it ready? \n", encoding="utf-8")
    said = read_lines(plain)
    assert said == [Line("Metoprolol succinate"), Line("Is it ready?")]
    assert transcript(said) == "Metoprolol succinate. Is it ready?"
    spoken = tmp_path / "lines.jsonl"
    spoken.write_text('{"text": "One.", "audio": "a.wav"}\n{"text": "Two.", "audio": "b.wav"}\n', encoding="utf-8")
    assert [line.audio for line in read_lines(spoken)] == [tmp_path / "a.wav", tmp_path / "b.wav"]


def test_lines_as_editors_on_windows_write_them(tmp_path: Path) -> None:
    for name, row in (("lines.txt", "你好。"), ("lines.jsonl", '{"text": "你好。"}')):
        path = tmp_path / name
        path.write_text(f"{row}\r\n", encoding="utf-8-sig")
        assert read_lines(path) == [Line("你好。")]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]\n",
        '{"text": 3}\n',
        '{"text": null}\n',
        '{"text": " "}\n',
        '{"no": 1}\n',
        '{"text": "a"}\n{"text": "b", "audio": "b.wav"}\n',
    ],
)
def test_what_is_no_list_of_lines_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        read_lines(path)
    assert "is no line" not in str(refused.value) or "text in quotes" in refused.value.hint


def test_a_text_in_another_encoding_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes("你好。\n".encode("gb18030"))
    with pytest.raises(Unreadable, match=r"lines\.txt is no text in UTF-8"):
        read_lines(path)


def test_the_recording_has_every_line_and_its_pause(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(sound(1.0))
    spoken = [Line("One.", tmp_path / "a.wav"), Line("Two.")]
    asked: list[str] = []

    def speak(text: str) -> bytes:
        asked.append(text)
        return sound(0.5)

    with wave.open(io.BytesIO(recording(spoken, speak))) as file:
        assert file.getnframes() / RATE == pytest.approx(1.5 + 2 * PAUSE_SECONDS)
    assert asked == ["Two."]


@pytest.mark.parametrize("other", [sound(1.0, rate=8_000), sound(1.0, width=1), b"MZ"])
def test_audio_that_does_not_fit_is_refused(other: bytes) -> None:
    waves = iter([sound(1.0), other])
    with pytest.raises(Refused):
        recording([Line("One."), Line("Two.")], lambda text: next(waves))


def test_twenty_lines_are_shown() -> None:
    assert len(set(SHOWN)) == WANTED == 20
