"""Voices that a bench stores in a hub's inference service directly, beside or in place of a published one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.engine import run
from bench.genie import cache_folder
from bench.spoken_hub import Pulled
from gptsovits.formats.features import write_conditioning
from gptsovits.formats.prompt_files import PromptFile
from gptsovits.runtime.prompt import Conditioning
from services.common import settings
from services.common.database import Database
from services.common.objects import Area, ObjectStore, open_store
from services.inference import store
from services.inference.domain.voices import StoredFile
from tests.e2e.house import House

FULL_TOKENS = 100
"""How long the full-size voice speaks, for random weights never end a sentence: four seconds."""
PROMPT_TOKENS, PROMPT_PHONES, BERT, TIMBRE = 100, 30, 1024, 512


def placed(house: House, version_id: str, bundles: Mapping[str, Path], prompts: Iterable[Path] = ()) -> None:
    """Stores the bundles by version id, with the prompts of a published version or with these."""
    own = settings.load("inference", {"VOICEHUB_DATA": str(house.data)})
    database, objects = Database(own.database_url), open_store(own.objects_url)
    with database.write() as session:
        original = store.find(session, version_id)
        assert original is not None
        own_prompts = tuple(_stored(objects, path) for path in prompts)
        for version, bundle in bundles.items():
            files = tuple(_stored(objects, path) for path in sorted(bundle.iterdir()))
            made = replace(original, version_id=version, bundle=files, files=own_prompts or original.files)
            store.save(session, made)
    database.engine.dispose()


def full_size(house: House, pulled: Pulled, folder: Path, precision: str) -> Pulled:
    """The published version as a voice of full v2 size with random weights, in `fp32` or `int8`.

    Inference is started anew, for a version that it has opened never changes.
    """
    cache, bundle, files = cache_folder() / "full-v2", folder / "full", folder / "full-prompt"
    run("prepare", cache, os.cpu_count() or 1, "wall")
    shutil.copytree(cache / precision, bundle)
    header = json.loads((bundle / "bundle.json").read_text())
    header["sampling"] = {"early_stop": FULL_TOKENS, "drop_first_on_early_stop": False}
    (bundle / "bundle.json").write_text(json.dumps(header))
    files.mkdir()
    prompt = write_conditioning(files / "full.safetensors", _conditioning())
    placed(house, pulled.version_id, {pulled.version_id: bundle}, [prompt])
    house.kill("inference")
    return replace(pulled, bundle=bundle, files=files, prompt=PromptFile(prompt.name))


def _conditioning() -> Conditioning:
    generator = np.random.default_rng(3)
    ge = generator.standard_normal((1, TIMBRE, 1)).astype(np.float32) * np.float32(0.3)
    codes, phones = generator.integers(0, 1024, PROMPT_TOKENS), generator.integers(0, 732, PROMPT_PHONES)
    return Conditioning(ge, codes, phones, np.zeros((BERT, PROMPT_PHONES), np.float32))


def _stored(objects: ObjectStore, path: Path) -> StoredFile:
    kept = objects.put(Area.SERVED, [path.read_bytes()])
    return StoredFile(path.name, kept.digest, kept.size)
