"""Inside: scans one uploaded file and sends what was rebuilt from it. Nothing but voicescan opens a model file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.numpy
import yaml

from gptsovits.errors import VoiceError
from gptsovits.formats.features import read_conditioning, read_prompt_features
from gptsovits.formats.kinds import kind_of
from gptsovits.text.lexicon import check as check_lexicon
from gptsovits.text.sequence import TextError
from services.scanner.sandbox.channel import Channel
from services.scanner.workers import audio
from voicescan.checkpoint import open_view, read_checkpoint
from voicescan.documents import parse_yaml
from voicescan.findings import Finding, Refused, verdict_of
from voicescan.safetensors import looks_like_safetensors, read_safetensors
from voicescan.tensors import StoredTensor

_SEVERITIES = {"note": "info", "unreadable": "warning", "suspicious": "warning", "malicious": "critical"}
_NUMPY_NAMES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


def main(argument: Mapping[str, Any], channel: Channel) -> None:
    """Sends a verdict and, if it is clean, the rebuilt content."""
    upload = _Upload(Path(argument["path"]), argument["filename"], channel)
    rebuild = {"s1": _checkpoint, "s2": _checkpoint, "prompt": _prompt, "lexicon": _lexicon}.get(argument["role"])
    if rebuild is None:
        upload.refuse("role", f"A file of the role {argument['role']} has no place in a voice.", "声音中没有这种文件。")
        return
    try:
        rebuild(upload)
    except Refused as refused:
        upload.verdict(verdict_of(refused.findings), refused.findings)


class _Upload:
    """The file under scan and the way to tell about it."""

    def __init__(self, path: Path, filename: str, channel: Channel) -> None:
        self.path, self.filename, self.channel = path, filename, channel

    def verdict(self, verdict: str, findings: tuple[Finding, ...] = (), **more: Any) -> None:
        told = [
            {
                "rule": f.rule,
                "place": f"{self.filename}: {f.place}",
                "severity": _SEVERITIES[f.severity],
                "message_en": f.message_en,
                "message_zh": f.message_zh,
            }
            for f in findings
        ]
        self.channel.send({"kind": "verdict", "verdict": verdict, "findings": told, **more})

    def refuse(self, rule: str, english: str, chinese: str) -> None:
        finding = {
            "rule": rule,
            "place": self.filename,
            "severity": "warning",
            "message_en": english,
            "message_zh": chinese,
        }
        self.channel.send({"kind": "verdict", "verdict": "unreadable", "findings": [finding]})

    def file(self, folder: str, ending: str, content: bytes) -> None:
        self.verdict("clean")
        stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(self.filename).stem)[:64] or "file"
        self.channel.send({"kind": "file", "path": f"{folder}/{stem}{ending}"}, [content])


def _checkpoint(upload: _Upload) -> None:
    found = read_checkpoint(upload.path)
    try:
        kind = kind_of(found.tensors, found.config, found.head)
    except VoiceError as error:
        upload.refuse("kind", str(error), "该文件不是 GPT-SoVITS 的第一阶段或第二阶段模型。")
        return
    if kind == "discriminator":
        upload.refuse(
            "kind",
            "This is a discriminator, used in training only; push the generator.",
            "这是仅用于训练的判别器，请上传生成器。",
        )
        return
    stage = "s1" if any(name.startswith("model.h.layers.") for name in found.stored) else "s2"
    config = dict(found.config)
    if found.extra:
        config["extra"] = found.extra
    more = {"stage": stage, "family": kind if stage == "s2" else "", "config": config, "info": found.info}
    upload.verdict("clean", found.findings, stripped=list(found.stripped), **more)
    for tensor in found.stored.values():
        _send_tensor(upload.channel, tensor)


def _send_tensor(channel: Channel, tensor: StoredTensor) -> None:
    header = {
        "kind": "tensor",
        "name": tensor.name,
        "dtype": _NUMPY_NAMES[tensor.element.name],
        "shape": list(tensor.bits.shape),
    }
    channel.send(header, [tensor.raw()])


def _prompt(upload: _Upload) -> None:
    view = open_view(upload.path)
    if looks_like_safetensors(view):
        _features(upload, view)
        return
    try:
        wave, rate = audio.decode(str(upload.path))
    except audio.TooLong:
        upload.refuse(
            "prompt-too-long",
            "The prompt is longer than a minute; cut 3 to 10 seconds out of it.",
            "提示音频超过一分钟，请截取 3 到 10 秒。",
        )
        return
    except audio.NotAudio:
        upload.refuse(
            "prompt-not-audio",
            "No audio can be read from the prompt; push WAV, FLAC, MP3, OGG, M4A or a feature file.",
            "无法从提示文件读取音频；请上传 WAV、FLAC、MP3、OGG、M4A 或特征文件。",
        )
        return
    upload.file("prompts", ".flac", audio.as_flac(wave, rate))


def _features(upload: _Upload, view: memoryview) -> None:
    found = read_safetensors(view, upload.filename)
    try:
        if found.metadata.get("kind") == "conditioning":
            read_conditioning(upload.path)
        else:
            read_prompt_features(upload.path)
    except VoiceError as error:
        upload.refuse(
            "features",
            str(error).replace(str(upload.path), upload.filename),
            "特征文件的内容不完整或格式不符，请重新生成。",
        )
        return
    tensors = {name: tensor.array for name, tensor in found.tensors.items()}
    kept = {
        key: value
        for key, value in found.metadata.items()
        if key in ("format", "kind", "sample_rate", "text", "language")
    }
    upload.file("prompts", ".safetensors", safetensors.numpy.save(tensors, kept))


def _lexicon(upload: _Upload) -> None:
    content = parse_yaml(bytes(open_view(upload.path)), upload.filename)
    try:
        cleaned = _checked_lexicon(content)
    except (TextError, ValueError) as error:
        upload.refuse(
            "lexicon", f"{error} Write it as language, word, phones.", "词典格式不正确；请按“语言 → 单词 → 音素”书写。"
        )
        return
    upload.file("lexicon", ".yaml", yaml.safe_dump(cleaned, allow_unicode=True, sort_keys=True).encode())


def _checked_lexicon(content: object) -> dict[str, dict[str, list[str]]]:
    if not isinstance(content, dict):
        raise ValueError("The lexicon is no table of languages.")
    cleaned: dict[str, dict[str, list[str]]] = {}
    for language, words in content.items():
        if not isinstance(words, dict):
            raise ValueError(f"The lexicon of {language} is no table of words.")
        cleaned[str(language)] = {str(word): _phones(phones) for word, phones in words.items()}
        check_lexicon(cleaned[str(language)])
    return cleaned


def _phones(phones: object) -> list[str]:
    if isinstance(phones, str):
        return phones.split()
    if isinstance(phones, list):
        return [str(phone) for phone in phones]
    raise ValueError("Phones are a list or a line.")
