"""Merging voices on this machine: pulled ones by their names, or folders and files of safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from voicehub.cache import Cache
from voicehub.errors import Conflict, Missing, NotFound, Unreadable, UsageError
from voicehub.names import parse_name
from voicehub.rebuild import STAGES, stage_tensors, whole_numbers

if TYPE_CHECKING:
    from gptsovits.merging import Merged, Recipe, Voice

CONFIGS, LEXICON = "configs.json", "lexicon.yaml"
INFO = {"merge": "merged", "slim": "slimmed"}
"""What a checkpoint says of how it was made."""
HINT = "Name a pulled voice (owner/name[@ref]), or a folder with s1.safetensors and s2.safetensors."


@dataclass(frozen=True)
class Written:
    """What was left in the folder."""

    folder: Path
    files: tuple[Path, ...]


def read_side(cache: Cache, text: str) -> Voice:
    """The base, ours or theirs of a merge.

    Raises:
        NotFound: neither a voice on this machine nor a folder.
        Unreadable: the files hold no voice.
    """
    path = Path(text)
    if path.is_dir():
        return _from_folder(path)
    if path.is_file() or path.suffix:
        raise UsageError(f"{text} is no folder of a voice.", hint=HINT)
    try:
        return _from_cache(cache, text)
    except UsageError as error:
        raise NotFound(f"There is no voice {text}.", hint=HINT) from error


def merge_voices(base: Voice, ours: Voice, theirs: Voice, recipe: Recipe) -> Merged:
    """The merge; Conflict lists all that stands against it."""
    from gptsovits.merging import NotMergeable, merge

    try:
        return merge(base, ours, theirs, recipe)
    except NotMergeable as error:
        fields = {f"{one.kind} {one.place}".strip(): one.message_en for one in error.conflicts}
        raise Conflict(
            "These voices cannot be merged so.",
            hint="Choose a side where that helps (--choose, --lexicon); weights that do not fit are never forced.",
            fields=fields,
        ) from error


def write(voice: Voice, report: Sequence[Any], folder: Path, name: str = "", what: str = "merge") -> Written:
    """Writes the voice as safetensors, and with a `name` also as the `.ckpt`/`.pth` pair that can be pushed.

    `report`: rows of what was done part by part, for `<what>.json`.
    """
    from gptsovits.whole import replacing

    save = _safetensors("save_file")
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for stage in STAGES:
        tensors = _stage(voice.tensors, stage)
        if not tensors:
            continue
        files.append(folder / f"{stage}.safetensors")
        with replacing(files[-1]) as beside:
            save(tensors, beside)
        if name:
            files.append(_write_original(folder / name, INFO[what], stage, tensors, voice.configs.get(stage) or {}))
    files += [
        _text(folder / CONFIGS, json.dumps(voice.configs, ensure_ascii=False, indent=1, sort_keys=True)),
        _text(folder / f"{what}.json", json.dumps([vars(one) for one in report], indent=1)),
    ]
    if voice.lexicons:
        files.append(_text(folder / LEXICON, yaml.safe_dump(dict(voice.lexicons), allow_unicode=True)))
    return Written(folder, tuple(files))


def _from_cache(cache: Cache, text: str) -> Voice:
    from gptsovits.merging import Voice

    version, folder = cache.find(parse_name(text))
    absent = [t.name for t in version.tensors if not cache.blob(t.digest).is_file()]
    if absent or not version.tensors:
        raise NotFound(
            f"The weights of {text} are not on this machine.", hint=f"voicehub pull {text} --format safetensors"
        )
    tensors = {
        f"{stage}/{name}": value
        for stage in STAGES
        for name, value in stage_tensors(version, stage, cache.blob).items()
    }
    words = next((folder / file.path for file in version.files if file.path.startswith("lexicon/")), None)
    return Voice(tensors, whole_numbers(dict(version.configs)), version.requires, _lexicons(words))


def _from_folder(folder: Path) -> Voice:
    from gptsovits.merging import Voice

    load = _safetensors("load_file")
    found = [stage for stage in STAGES if (folder / f"{stage}.safetensors").is_file()]
    if not found:
        raise NotFound(f"{folder} holds no s1.safetensors or s2.safetensors.", hint=HINT)
    try:
        tensors = {f"{s}/{name}": value for s in found for name, value in load(folder / f"{s}.safetensors").items()}
        _require_plain(tensors)
        configs = json.loads((folder / CONFIGS).read_text("utf-8")) if (folder / CONFIGS).is_file() else {}
    except (TypeError, KeyError, AttributeError) as error:  # as it is raised for a type that numpy has not
        hint = "Save them as float16 or float32; voicehub pull --format safetensors does so with bfloat16."
        raise Unreadable(f"{folder} holds weights of a type that is not read here: {error}.", hint=hint) from error
    except (ValueError, OSError, _safetensors("SafetensorError")) as error:
        hint = "Pull it again with --format safetensors."
        raise Unreadable(f"{folder} holds no voice: {error}.", hint=hint) from error
    return Voice(tensors, configs, {}, _lexicons(folder / LEXICON))


def _require_plain(tensors: Mapping[str, Any]) -> None:
    """TypeError for a type that another package has brought to numpy: without that package it is none."""
    strange = [f"{name} ({value.dtype})" for name, value in tensors.items() if value.dtype.isbuiltin != 1]
    if strange:
        raise TypeError(", ".join(strange[:3]))


def _lexicons(path: Path | None) -> Mapping[str, Any]:
    if path is None or not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        found = yaml.load(text, yaml.BaseLoader) or {}  # noqa: S506 (texts only: `no`, `null` and `007` are words)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"{path} is no lexicon.", hint="It maps languages to words and words to phones.") from error
    if not isinstance(found, dict) or not all(isinstance(words, dict) for words in found.values()):
        raise Unreadable(f"{path} is no lexicon.", hint="It maps languages to words and words to phones.")
    return found


def _write_original(stem: Path, info: str, stage: str, tensors: Mapping[str, Any], config: Mapping[str, Any]) -> Path:
    from gptsovits.formats.checkpoint_writer import write_checkpoint

    path = stem.with_name(f"{stem.name}{'.ckpt' if stage == 's1' else '.pth'}")
    return write_checkpoint(path, tensors, config, info, config_style="hparams" if stage == "s2" else "plain")


def _stage(tensors: Mapping[str, Any], stage: str) -> dict[str, Any]:
    prefix = f"{stage}/"
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _safetensors(name: str) -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise Missing("Safetensors need a package.", hint="pip install 'voicehub[local]'") from error
    return getattr(safetensors.numpy, name, None) or getattr(safetensors, name)


def _text(path: Path, text: str) -> Path:
    from gptsovits.whole import write_whole

    write_whole(path, text + "\n")
    return path
