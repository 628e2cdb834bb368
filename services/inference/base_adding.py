"""Foreign bases from the operator's disk: scanned first, written anew, described, registered.

Known are a HuBERT folder of the transformers class (becomes `content.onnx`), a BERT folder, stage-1 and stage-2 files
(with discriminator), and a folder that is a described base already.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.numpy
from numpy.typing import NDArray

from services.inference.base_sources import Source
from services.inference.registry import DESCRIPTION, BaseRefused, BaseRegistry, RegisteredBase
from voicescan import Checkpoint, Refused, read_checkpoint, scan
from voicescan.documents import parse_json
from voicescan.kinds import identify

MODEL_FILES = ("model.safetensors", "pytorch_model.bin")
BERT_TEXTS = ("vocab.txt", "tokenizer.json")
_TEXT_BYTES = 4 << 20
_STAGES = {"s1": "s1.safetensors", "s2": "s2.safetensors", "s2_discriminator": "discriminator.safetensors"}


def add(
    registry: BaseRegistry, sources: Sequence[Source], name: str = "", license_name: str = ""
) -> list[RegisteredBase]:
    """Registers what lies at `sources`; the files among them together make one base.

    Raises:
        BaseRefused: a source is no known base, or the scan refused it.
    """
    folders = [source for source in sources if source.path.is_dir()]
    files = [source for source in sources if not source.path.is_dir()]
    about = {"license": license_name} if license_name else {}
    added = [_add_folder(registry, folder.path, {"name": name or folder.name, **about}) for folder in folders]
    if files:
        paths = [file.path for file in files]
        added.append(_add_stages(registry, paths, {"name": name or files[0].name, **about}))
    return added


def _add_folder(registry: BaseRegistry, folder: Path, about: Mapping[str, str]) -> RegisteredBase:
    if (folder / DESCRIPTION).is_file():
        return registry.register(folder)
    config = _config(folder)
    kind = str(config.get("model_type", ""))
    with tempfile.TemporaryDirectory(prefix="voicehub-base-") as place:
        clean, out = Path(place) / "clean", Path(place) / "base"
        _rewrite(folder, clean, config)
        if kind == "hubert":
            _export_encoder(clean, out, about)
        elif kind in ("bert", "roberta"):
            _export_bert(folder, clean, out, about)
        else:
            raise BaseRefused(f"{folder} is a {kind or 'nameless'} model; a base is a HuBERT, a BERT, or stage files.")
        return registry.register(out)


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = parse_json((folder / "config.json").read_bytes(), "config.json")
    except OSError as error:
        raise BaseRefused(
            f"{folder} holds neither {DESCRIPTION} nor config.json; name the folder of a model."
        ) from error
    except Refused as refused:
        raise BaseRefused(str(refused)) from refused
    if not isinstance(config, dict):
        raise BaseRefused(f"{folder / 'config.json'} describes no model.")
    return {key: value for key, value in config.items() if key != "auto_map"}  # names code that nobody shall run


def _rewrite(folder: Path, clean: Path, config: Mapping[str, Any]) -> None:
    """The model as `model.safetensors` and `config.json`, nothing else of the folder."""
    source = next((folder / name for name in MODEL_FILES if (folder / name).is_file()), None)
    if source is None:
        raise BaseRefused(f"{folder} holds no weights; it needs {' or '.join(MODEL_FILES)}.")
    clean.mkdir()
    _, tensors = _scanned(source)
    safetensors.numpy.save_file(tensors, clean / "model.safetensors", {"format": "pt"})
    (clean / "config.json").write_text(json.dumps(config))


def _scanned(path: Path) -> tuple[Checkpoint, dict[str, NDArray[Any]]]:
    """What the file holds, and its numbers."""
    report = scan(path)
    if report.verdict != "clean":
        reasons = "; ".join(f"{f.message_en} ({f.rule}, {f.place})" for f in report.findings[:3])
        raise BaseRefused(f"{path} is {report.verdict}: {reasons}")
    try:
        found = read_checkpoint(path)
        return found, dict(found.tensors)
    except Refused as refused:  # harmless, and no model, or none whose numbers can be read
        raise BaseRefused(f"{path}: {refused}") from refused


def _needs_torch(what: str) -> None:
    if any(importlib.util.find_spec(module) is None for module in ("torch", "transformers", "onnx")):
        raise BaseRefused(f"Adding a {what} needs torch; install it with: pip install 'voicehub[train]'.")


def _export_encoder(clean: Path, out: Path, about: Mapping[str, str]) -> None:
    _needs_torch("HuBERT")
    from gptsovits.errors import VoiceError
    from gptsovits.export.content import export_content_encoder

    quality = {
        "quality_en": "Published content encoder: full quality for the voices made on it.",
        "quality_zh": "已发布的内容编码器：对基于它的声音提供完整质量。",
        "languages": ["zh", "en", "ja", "ko", "yue"],
    }
    try:
        export_content_encoder(clean, out, {**quality, **about})
    except VoiceError as error:
        raise BaseRefused(str(error)) from error


def _export_bert(folder: Path, clean: Path, out: Path, about: Mapping[str, str]) -> None:
    _needs_torch("BERT")
    from gptsovits.errors import VoiceError
    from gptsovits.export.bert import export_bert

    for text in BERT_TEXTS:
        if (folder / text).is_file() and (folder / text).stat().st_size <= _TEXT_BYTES:
            shutil.copyfile(folder / text, clean / text)
    try:
        export_bert(clean, out, {**about, "family": "v2", "languages": ["zh"]})
    except (VoiceError, ValueError, KeyError) as error:
        raise BaseRefused(f"{folder} cannot be used as a BERT: {error}") from error


def _add_stages(registry: BaseRegistry, files: Sequence[Path], about: Mapping[str, str]) -> RegisteredBase:
    with tempfile.TemporaryDirectory(prefix="voicehub-base-") as place:
        out = Path(place)
        family, configs = "v2", {}
        for path in files:
            found, tensors = _scanned(path)
            identity = identify(found.stored, found.config, found.head)
            target = _STAGES.get(identity.kind)
            if target is None or (out / target).exists():
                raise BaseRefused(
                    f"{path} is a {identity.kind}; a voice base is one stage-1, one stage-2 and its discriminator."
                )
            # With its configuration, so that training and export read it as they read the original file.
            safetensors.numpy.save_file(tensors, out / target, {"config": json.dumps(found.config)})
            configs[identity.kind] = found.config
            family = identity.family or family if identity.kind == "s2" else family
        _describe(out, {**about, "kind": "voice", "family": family, "config": configs})
        return registry.register(out)


def _describe(out: Path, description: Mapping[str, Any]) -> None:
    (out / DESCRIPTION).write_text(json.dumps(dict(description), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
