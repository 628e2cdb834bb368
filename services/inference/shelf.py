"""Opened voices, the most recently used ones; a voice is opened once however many ask for it at the same time."""

from __future__ import annotations

import shutil
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

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
from services.inference.domain.voices import StoredFile, Voice, choose_prompt, lexicon_file, prompt_object
from services.inference.registry import BaseRegistry


@dataclass(frozen=True)
class OpenVoice:
    """A loaded bundle, its conditioning, the sampling it was made for, and its own pronunciations by language."""

    engine: EngineVoice
    conditioning: Conditioning
    sampling: Sampling
    lexicons: Mapping[str, Mapping[str, Sequence[str]]]
    bert: BertFeatures | None = None


class Shelf:
    """Keeps `capacity` voices open. Thread-safe."""

    def __init__(self, objects: ObjectStore, bases: BaseRegistry, folder: Path, capacity: int = 4) -> None:
        self._objects, self._bases, self._folder, self._capacity = objects, bases, folder, capacity
        self._open: OrderedDict[str, OpenVoice] = OrderedDict()
        self._lock = threading.Lock()
        shutil.rmtree(folder, ignore_errors=True)

    def get(self, voice: Voice) -> OpenVoice:
        """The opened voice; Unprocessable if it cannot speak here."""
        with self._lock:
            found = self._open.get(voice.version_id)
            if found is None:
                found = self._open_voice(voice)
                self._open[voice.version_id] = found
                while len(self._open) > self._capacity:
                    oldest, _ = self._open.popitem(last=False)
                    shutil.rmtree(self._folder / oldest, ignore_errors=True)
            self._open.move_to_end(voice.version_id)
            return found

    def _open_voice(self, voice: Voice) -> OpenVoice:
        prompt = choose_prompt(voice.files, voice.card)
        if voice.not_auditionable or prompt is None:
            raise Unprocessable(voice.not_auditionable or "This voice has no prompt.", reason="NOT_AUDITIONABLE")
        folder = self._folder / voice.version_id
        for file in voice.bundle:
            self._fetch(file, folder / "bundle" / file.path)
        self._fetch(prompt_object(voice.files, prompt), folder / "files" / prompt.path)
        engine = EngineVoice.load(folder / "bundle")
        sampling = Sampling(**read_header(folder / "bundle").get("sampling", {}))
        bert = self._bert(voice, engine.facts.bert_dim)
        encoder = self._encoder(voice, prompt)
        conditioning = condition(engine, prompt, folder / "files", encoder, bert=bert)
        return OpenVoice(engine, conditioning, sampling, self._lexicons(voice), bert)

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

    def _fetch(self, file: StoredFile, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._objects.open(Area.SERVED, file.digest) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        return target
