"""The nano base on disk: a folder of half-precision weights with ``base.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.config import S1Config
from gptsovits.nano.config import NanoConfig
from gptsovits.nano.content import ContentEncoder
from gptsovits.nano.phones import CLASS_COUNT
from gptsovits.nano.synthesizer import NanoSynthesizer
from gptsovits.whole import replacing, write_whole

CONTENT_FILE, S1_FILE, S2_FILE = "content.safetensors", "s1.safetensors", "s2.safetensors"
REPLAY_FILE, FACTS_FILE = "replay.safetensors", "base.json"
_PHONE_HEAD = "phone_head."


@dataclass(frozen=True)
class NanoVoice:
    """Both stages of one voice with their configuration dictionaries."""

    s1: Text2Semantic
    s2: NanoSynthesizer
    s1_config: dict[str, Any]
    s2_config: dict[str, Any]


@dataclass(frozen=True)
class NanoBase:
    """The shared content encoder, the frame-wise phone head used for alignment, and the base voice."""

    content: ContentEncoder
    phone_head: nn.Linear
    voice: NanoVoice
    facts: dict[str, Any]


def new_voice(s1_config: dict[str, Any], s2_config: dict[str, Any]) -> NanoVoice:
    """Networks of these sizes with random weights."""
    s1 = Text2Semantic(S1Config.from_config(s1_config))
    return NanoVoice(s1, NanoSynthesizer(NanoConfig.from_config(s2_config)), s1_config, s2_config)


def voice_of(
    s1_tensors: dict[str, Tensor], s1_config: dict[str, Any], s2_tensors: dict[str, Tensor], s2_config: dict[str, Any]
) -> NanoVoice:
    """Networks with these weights, ready to speak; raises RuntimeError when the tensors do not fit the sizes."""
    voice = new_voice(s1_config, s2_config)
    voice.s1.load_state_dict(_single(s1_tensors))
    voice.s2.load_state_dict(_single(s2_tensors))
    voice.s1.eval()
    voice.s2.eval()
    return voice


def load_base(folder: Path) -> NanoBase:
    """Reads a base folder."""
    facts: dict[str, Any] = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
    s2_config = facts["config"]["s2"]
    config = NanoConfig.from_config(s2_config)
    stored = _single(load_file(folder / CONTENT_FILE))
    content, head = ContentEncoder(config), nn.Linear(config.content_dim, CLASS_COUNT)
    content.load_state_dict({name: value for name, value in stored.items() if not name.startswith(_PHONE_HEAD)})
    head.load_state_dict({name[len(_PHONE_HEAD) :]: stored[name] for name in stored if name.startswith(_PHONE_HEAD)})
    voice = voice_of(load_file(folder / S1_FILE), facts["config"]["s1"], load_file(folder / S2_FILE), s2_config)
    return NanoBase(content.eval(), head.eval(), voice, facts)


def save_base(folder: Path, base: NanoBase) -> None:
    """Writes weights in half precision and ``base.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {_PHONE_HEAD + name: value for name, value in base.phone_head.state_dict().items()}
    _save({**base.content.state_dict(), **head}, folder / CONTENT_FILE)
    save_voice(folder, base.voice)
    facts = json.dumps(base.facts, indent=1, sort_keys=True, ensure_ascii=False)
    write_whole(folder / FACTS_FILE, facts + "\n")


def save_voice(folder: Path, voice: NanoVoice) -> None:
    """Writes both stages in half precision; the configurations are the caller's to keep."""
    _save(voice.s1.state_dict(), folder / S1_FILE)
    _save(voice.s2.state_dict(), folder / S2_FILE)


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    half = {name: value.detach().to(torch.float16).contiguous() for name, value in tensors.items()}
    with replacing(path) as beside:
        save_file(half, beside)


def _single(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.float() for name, value in tensors.items()}
