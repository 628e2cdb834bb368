"""Opened voices, the most recently used ones that fit into the memory.

A voice is opened once however many ask for it at the same time, and others speak meanwhile.
"""

from __future__ import annotations

import os
import shutil
import threading
import weakref
from collections import OrderedDict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import yaml
from prometheus_client import Gauge

from gptsovits.formats.prompt_files import PromptFile
from gptsovits.runtime.bert import BertFeatures
from gptsovits.runtime.bundle import read_header
from gptsovits.runtime.conditioning import condition
from gptsovits.runtime.content import ContentEncoder
from gptsovits.runtime.prompt import Conditioning
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.voice import Voice as EngineVoice
from services.common.errors import Unprocessable
from services.common.objects import Area, ObjectStore
from services.inference.domain.prompts import version_of
from services.inference.domain.voices import StoredFile, Voice, choose_prompt, lexicon_file, prompt_object
from services.inference.engines import DEFAULT_MEMORY_MB, Engines, InProcess, Opened
from services.inference.registry import BaseRegistry

MOST_COPIES = 10_000
"""Graphs that are remembered."""
_LOADED = Gauge("voicehub_inference_loaded_bytes", "Graphs of the open voices, those that several share once")
_VOICES = Gauge("voicehub_inference_open_voices", "Voices that are open")


@dataclass(frozen=True)
class OpenVoice:
    """A loaded bundle, its conditioning, the sampling it was made for, and its own pronunciations by language.

    It is in use as long as somebody holds it: let it go when you have spoken.
    """

    engine: EngineVoice
    conditioning: Conditioning
    sampling: Sampling
    lexicons: Mapping[str, Mapping[str, Sequence[str]]]
    bert: BertFeatures | None = None


@dataclass
class _Place:
    """One voice on the shelf, or on its way there."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    asking: int = 0
    """Who is in `Shelf.get` now."""
    voice: OpenVoice | None = None
    opened: Opened | None = None
    folder: Path | None = None
    handed: list[weakref.ref[OpenVoice]] = field(default_factory=list)

    def hand(self) -> OpenVoice:
        """The voice for one who asked; it counts as used until that object is gone."""
        assert self.voice is not None
        given = replace(self.voice)
        self.handed = [one for one in self.handed if one() is not None] + [weakref.ref(given)]
        return given

    @property
    def in_use(self) -> bool:
        """Whether somebody opens it or speaks with it."""
        return bool(self.asking) or any(one() is not None for one in self.handed)

    def clear(self) -> None:
        """Closes the engine and removes the files."""
        if self.opened is not None:
            self.opened.close()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class Shelf:
    """Keeps voices open whose graphs take up to `memory` bytes, those that several share counted once. Thread-safe.

    The least recently used leaves first, and never one that is in use: if all are, the memory is exceeded. While a
    voice is opened it may be exceeded by that voice.
    """

    def __init__(
        self,
        objects: ObjectStore,
        bases: BaseRegistry,
        folder: Path,
        engines: Engines | None = None,
        memory: int = DEFAULT_MEMORY_MB << 20,
    ) -> None:
        self._objects, self._bases, self._folder, self._memory = objects, bases, folder, memory
        self._engines = engines or InProcess()
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._copies: dict[str, Path] = {}
        """The latest copy of each graph by digest: a voice with thirty prompts takes the room of one on the disk."""
        self._lock = threading.Lock()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def get(self, voice: Voice) -> OpenVoice:
        """The opened voice; Unprocessable if it cannot speak here, Unavailable if the engine is away."""
        with self._lock:
            place = self._places.setdefault(voice.version_id, _Place())
            self._places.move_to_end(voice.version_id)
            place.asking += 1
        try:
            with place.lock:
                if place.voice is None:
                    self._open_voice(voice, place)
                given = place.hand()
        finally:
            with self._lock:
                place.asking -= 1
                if place.voice is None and not place.asking:
                    self._places.pop(voice.version_id, None)
        self._make_room()
        return given

    def drop(self, versions: Container[str]) -> None:
        """Closes the voices of these versions, whichever prompt they speak with, but for those that are in use."""
        with self._lock:
            idle = [name for name, place in self._places.items() if version_of(name) in versions and not place.in_use]
            leaving = [self._places.pop(name) for name in idle]
        for place in leaving:
            place.clear()

    def close(self) -> None:
        """Closes all voices; nobody may speak with them any more."""
        with self._lock:
            leaving, self._places = list(self._places.values()), OrderedDict()
        for place in leaving:
            place.clear()

    @property
    def loaded(self) -> int:
        """Bytes of the graphs of all open voices."""
        with self._lock:
            return _size(self._places.values())

    @property
    def voices(self) -> list[str]:
        """Version ids of the open voices, the least recently used first."""
        with self._lock:
            return [version for version, place in self._places.items() if place.voice is not None]

    def watch(self) -> None:
        """Tells at each scrape what this shelf holds; a service has one."""
        _LOADED.set_function(lambda: self.loaded)
        _VOICES.set_function(lambda: len(self.voices))

    def _make_room(self) -> None:
        leaving = []
        with self._lock:
            while _size(self._places.values()) > self._memory:
                idle = next((version for version, place in self._places.items() if not place.in_use), None)
                if idle is None:
                    break
                leaving.append(self._places.pop(idle))
        for place in leaving:
            place.clear()

    def _open_voice(self, voice: Voice, place: _Place) -> None:
        prompt = choose_prompt(voice.files, voice.card)
        if voice.not_auditionable or prompt is None:
            raise Unprocessable(voice.not_auditionable or "This voice has no prompt.", reason="NOT_AUDITIONABLE")
        made = _Place(folder=Path(mkdtemp(prefix=f"{voice.version_id}-", dir=self._folder)))
        try:
            self._fill(voice, prompt, made)
        except BaseException:
            made.clear()
            raise
        with self._lock:
            place.folder, place.opened, place.voice = made.folder, made.opened, made.voice

    def _fill(self, voice: Voice, prompt: PromptFile, place: _Place) -> None:
        assert place.folder is not None
        bundle, files = place.folder / "bundle", place.folder / "files"
        for file in voice.bundle:
            self._copy(file, bundle / file.path)
        self._fetch(prompt_object(voice.files, prompt), files / prompt.path)
        place.opened = self._engines.open(bundle)
        engine = EngineVoice(place.opened.engine)
        sampling = Sampling(**read_header(bundle).get("sampling", {}))
        bert = self._bert(voice, engine.facts.bert_dim)
        conditioning = condition(engine, prompt, files, self._encoder(voice, prompt), bert=bert)
        place.voice = OpenVoice(engine, conditioning, sampling, self._lexicons(voice), bert)

    def _encoder(self, voice: Voice, prompt: PromptFile) -> ContentEncoder | None:
        if not prompt.needs_encoder:
            return None
        fitting = self._bases.encoders(voice.requires.get("content_encoder", ""), voice.family, 0)
        return ContentEncoder.load(fitting[0].folder) if fitting else None

    def _bert(self, voice: Voice, feature_dim: int) -> BertFeatures | None:
        fitting = self._bases.berts(voice.requires.get("bert", "-"), feature_dim) if feature_dim else []
        return BertFeatures.load(fitting[0].folder) if len(fitting) == 1 else None

    def _lexicons(self, voice: Voice) -> dict[str, Any]:
        file = lexicon_file(voice.files)
        if file is None:
            return {}
        with self._objects.open(Area.SERVED, file.digest) as stream:
            return dict(yaml.safe_load(stream))

    def _copy(self, file: StoredFile, target: Path) -> None:
        """As `_fetch`, for what several voices, and all prompts of one, have the same."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self._copies[file.digest], target)
        except (KeyError, OSError):  # not there yet, gone with its voice, or this file system has no links
            self._fetch(file, target)
        if len(self._copies) >= MOST_COPIES:
            self._copies = {}
        self._copies[file.digest] = target

    def _fetch(self, file: StoredFile, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._objects.open(Area.SERVED, file.digest) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        return target


def _size(places: Iterable[_Place]) -> int:
    """Bytes of all graphs, each once."""
    sizes: dict[str, int] = {}
    for place in places:
        sizes.update(place.opened.sizes if place.opened else {})
    return sum(sizes.values())
