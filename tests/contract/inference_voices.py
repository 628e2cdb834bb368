"""Voices for the contract of inference: three that share all but their decoder, and one of another kind."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import soundfile
import torch
from onnx import numpy_helper
from safetensors.numpy import load_file

from gptsovits.export.bundle import export_bundle
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.formats.digests import file_digest
from gptsovits.nano import export as nano
from services.common.objects import Area, ObjectStore, open_store
from services.inference.domain.voices import StoredFile, Voice

ROOT = Path(__file__).parents[2]
NANO, GOLDEN = ROOT / "gptsovits" / "bases" / "nano", ROOT / "tests" / "data" / "golden"
RATE = 16_000


@dataclass(frozen=True)
class Voices:
    """Their bundles on disk, and what the hub knows of them: `nano-0`, `nano-1`, `nano-2` and `tiny`."""

    bundles: dict[str, Path]
    stored: dict[str, Voice]
    objects: ObjectStore


def make_voices(folder: Path) -> Voices:
    """Exports two bundles and turns one of them into three."""
    torch.set_num_threads(1)
    bundles = {"nano-0": _nano(folder / "nano-0"), "tiny": _tiny(folder / "tiny")}
    for number in (1, 2):
        bundles[f"nano-{number}"] = _with_other_decoder(bundles["nano-0"], folder / f"nano-{number}", number)
    objects = open_store(f"file://{folder}/objects")
    stored = {name: _stored_voice(name, bundle, objects) for name, bundle in bundles.items()}
    return Voices(bundles, stored, objects)


def _nano(out: Path) -> Path:
    config = json.loads((NANO / "base.json").read_text())["config"]
    one, two = (load_file(NANO / f"{stage}.safetensors") for stage in ("s1", "s2"))
    return nano.export_bundle(one, config["s1"], two, config["s2"], out)


def _tiny(out: Path) -> Path:
    """With BERT features and prompt tokens, as published voices have them."""
    one, two = (read_voice_file(GOLDEN / "checkpoints" / name) for name in ("tiny-e15.ckpt", "tiny_v2_e8_s128.pth"))
    return export_bundle(one.tensors, one.config, two.tensors, two.config, out)


def _with_other_decoder(bundle: Path, out: Path, number: int) -> Path:
    """As fine-tuning the decoder alone would leave it: one weight is another."""
    shutil.copytree(bundle, out)
    graph = onnx.load(str(out / "s2.onnx"))
    weight = max(graph.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
    values = numpy_helper.to_array(weight) * np.float32(1 + 0.2 * number)
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save(graph, str(out / "s2.onnx"))
    header = json.loads((out / "bundle.json").read_text())
    header["graphs"]["s2"]["blake3"] = file_digest(out / "s2.onnx")
    (out / "bundle.json").write_text(json.dumps(header))
    return out


def _stored_voice(name: str, bundle: Path, objects: ObjectStore) -> Voice:
    files = tuple(_stored(objects, path.name, path.read_bytes()) for path in sorted(bundle.iterdir()))
    prompt = _stored(objects, "prompts/tone.wav", _tone(110 if name == "tiny" else 220))
    return Voice(name, "nano", files, (prompt,), {}, {"languages": ["en"], "prompts": [{"file": "tone.wav"}]})


def _stored(objects: ObjectStore, path: str, content: bytes) -> StoredFile:
    kept = objects.put(Area.SERVED, [content])
    return StoredFile(path, kept.digest, kept.size)


def _tone(hertz: float) -> bytes:
    time = np.arange(4 * RATE) / RATE
    file = io.BytesIO()
    wave = 0.4 * np.sin(2 * np.pi * hertz * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    soundfile.write(file, wave, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()
