"""Inside: a prompt, which is a recording or a feature file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import safetensors.numpy

from gptsovits.errors import VoiceError
from gptsovits.formats.features import (
    CONDITIONING_TENSORS,
    PROMPT_LABELS,
    PROMPT_TENSORS,
    read_conditioning,
    read_prompt_features,
)
from services.scanner.sandbox.channel import Channel
from services.scanner.workers import audio
from services.scanner.workers.upload import Upload, scan_one
from voicescan.checkpoint import open_view
from voicescan.findings import verdict_of
from voicescan.inspection import inspect
from voicescan.rules import printable
from voicescan.safetensors import looks_like_safetensors, read_safetensors


def main(argument: Mapping[str, Any], channel: Channel) -> None:
    """Sends a verdict and, if it is clean, the rebuilt content."""
    scan_one(argument, channel, _prompt)


def _prompt(upload: Upload) -> None:
    view = open_view(upload.path)
    if looks_like_safetensors(view):
        _features(upload, view)
        return
    try:
        wave, rate = audio.decode(str(upload.path))
    except audio.WrongLengthError:
        upload.refuse(
            "prompt-length",
            "The prompt is shorter than half a second or longer than a minute; push 3 to 10 seconds of the voice.",
            "提示音频短于半秒或长于一分钟；请上传 3 到 10 秒的音频。",
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


def _features(upload: Upload, view: memoryview) -> None:
    findings = inspect(view, upload.filename).findings
    if (verdict := verdict_of(findings)) != "clean":
        upload.verdict(verdict, findings)
        return
    found = read_safetensors(view, upload.filename)
    private = found.metadata.get("kind") == "conditioning"
    try:
        if private:
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
    names, labels = (CONDITIONING_TENSORS, ()) if private else (PROMPT_TENSORS, PROMPT_LABELS)
    tensors = {name: tensor.array for name, tensor in found.tensors.items() if name in names}
    kept = {key: value for key, value in found.metadata.items() if key in ("format", "kind", *labels)}
    left = [f"tensor {name}" for name in found.tensors if name not in names]
    left += [f"metadata {key}" for key in found.metadata if key not in kept]
    content = safetensors.numpy.save(tensors, kept)
    upload.file("prompts", ".safetensors", content, [printable(what) for what in left])
