"""Honest files: every kind of model, head, precision, container and protocol, as the original programs write them."""

from __future__ import annotations

import io
import itertools
import json
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from tests.security.attacks.case import Case
from tests.security.attacks.containers import GOLDEN, HEADS, S1, S2, data_pickle, golden, hostile, with_head
from voicescan import read_checkpoint

Tensors = dict[str, torch.Tensor]
_SMALL = 4
_TYPES = {"half": torch.float16, "single": torch.float32, "bfloat": torch.bfloat16}
_OWN_HEADS = {
    "s1": ("PK",),
    "v1": ("PK", "00"),
    "v2": ("PK", "01"),
    "v2-base": ("PK",),
    "v3": ("PK", "02"),
    "v3-lora": ("03",),
    "v4-lora": ("04",),
    "v4": ("04",),
    "v2Pro": ("05",),
    "v2ProPlus": ("06",),
    "discriminator": ("PK",),
}


def small(file: str) -> Tensors:
    """The recorded tensors, each extent cut to four, but for the phone table, whose length tells the version."""
    tensors = {}
    for name, array in read_checkpoint(GOLDEN / file).tensors.items():
        rows = (
            array.shape[:1]
            if name.endswith(("text_embedding.weight", "ar_text_embedding.word_embeddings.weight"))
            else ()
        )
        cut = tuple(
            slice(None, size if index < len(rows) else min(size, _SMALL)) for index, size in enumerate(array.shape)
        )
        tensors[name] = torch.from_numpy(array[cut].astype(np.float32))
    return tensors


def _kinds() -> dict[str, Tensors]:
    v2, pro = small(S2), small("tiny_v2Pro_e8_s128.pth")
    table = "enc_p.text_embedding.weight"
    front = {
        name: tensor
        for name, tensor in v2.items()
        if name.startswith(("enc_p.", "ref_enc.", "ssl_proj.", "quantizer."))
    }
    flow = {
        "bridge.0.weight": torch.ones(4, 4, 1),
        "wns1.conv_in.weight": torch.ones(4, 4),
        "linear_mel.weight": torch.ones(4, 4, 1),
        **{
            f"cfm.estimator.transformer_blocks.{i}.attn.to_{n}.weight": torch.ones(4, 4)
            for i in range(3)
            for n in "qkv"
        },
    }
    lora = {
        f"cfm.base_model.model.estimator.transformer_blocks.{i}.attn.to_q.lora_{side}.default.weight": torch.ones(4, 4)
        for i in range(3)
        for side in "AB"
    }
    return {
        "s1": small(S1),
        "v1": {**v2, table: v2[table][:322]},
        "v2": v2,
        "v2-base": small("tiny_v2_pretrained_style.pth"),
        "v3": {**front, **flow},
        "v4": {**front, **flow},
        "v3-lora": lora,
        "v4-lora": {**lora, "linear_mel.weight": torch.ones(4, 4, 1)},
        "v2Pro": pro,
        "v2ProPlus": pro,
        "discriminator": {f"discriminators.{i}.convs.0.weight_v": torch.ones(4, 1, 3) for i in range(6)},
    }


def settings_of(kind: str) -> dict[str, Any]:
    """The recorded settings with the version of a kind of file."""
    recorded = json.loads((GOLDEN / "checkpoints.json").read_text())
    if kind == "s1":
        return dict(recorded["s1"]["config"])
    config = json.loads(json.dumps(recorded["v2"]["config"]))
    config["model"]["version"] = kind.removesuffix("-lora").removesuffix("-base")
    return dict(config)


@contextmanager
def _original_class() -> Iterator[type]:
    """The class ``utils.HParams`` as the original program has it, for as long as a file is written."""

    class HParams:
        def __init__(self, settings: Mapping[str, Any]) -> None:
            for key, value in settings.items():
                setattr(self, key, HParams(value) if isinstance(value, dict) else value)

    HParams.__module__, HParams.__qualname__ = "utils", "HParams"
    module, before = types.ModuleType("utils"), sys.modules.get("utils")
    module.HParams = HParams  # type: ignore[attr-defined]
    sys.modules["utils"] = module
    try:
        yield HParams
    finally:
        del sys.modules["utils"]
        if before is not None:
            sys.modules["utils"] = before


def saved(content: object, **options: Any) -> bytes:
    """What ``torch.save`` writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def _content(kind: str, tensors: Tensors, bag: Callable[[Mapping[str, Any]], object] | None) -> dict[str, Any]:
    config = settings_of(kind)
    content = {"weight": OrderedDict(tensors), "config": bag(config) if bag else config, "info": "8epoch_128iteration"}
    return {**content, "lora_rank": 32} if kind.endswith("-lora") else content


def by_kind() -> Iterator[Case]:
    """Every kind × precision × protocol and container, settings as a plain dict or as the original class."""
    forms = [{"pickle_protocol": version} for version in (1, 2, 3, 4, 5)]
    forms.append({"_use_new_zipfile_serialization": False})
    with _original_class() as bag:
        for (kind, tensors), (precision, dtype) in itertools.product(_kinds().items(), _TYPES.items()):
            typed = {name: tensor.to(dtype) for name, tensor in tensors.items()}
            for index, form in enumerate(forms):
                content = saved(_content(kind, typed, bag if index % 2 and kind != "s1" else None), **form)
                heads = _OWN_HEADS[kind] if "pickle_protocol" in form else ("PK",)
                ending = "ckpt" if kind == "s1" else "pth"
                for head in heads if index == 1 else heads[-1:]:
                    headed = with_head(content, head) if "pickle_protocol" in form else content
                    yield Case("kinds", f"{kind}-{precision}-{head}-{index}", f"{kind}.{ending}", headed)


def recorded() -> Iterator[Case]:
    """Files that the original program wrote, under every head."""
    for path in sorted(GOLDEN.glob("tiny*")):
        for head in HEADS:
            yield Case("recorded", f"{path.name}-{head}", path.name, with_head(golden(path.name), head))


def variations() -> Iterator[Case]:
    """Honest peculiarities: views, ties, parameters, other devices, repacked archives, odd names."""
    tensors = _kinds()["s1"]
    content = _content("s1", tensors, None)
    shared = torch.zeros(10_000)
    odd = dict(tensors)
    odd["model.bert_proj.weight"] = tensors["model.bert_proj.weight"].T.contiguous().T
    odd["model.bert_proj.bias"] = shared[100:104]
    odd["model.h.layers.0.norm1.bias"] = odd["model.h.layers.0.norm1.weight"]
    parameters = {name: torch.nn.Parameter(tensor) for name, tensor in tensors.items()}
    layer = torch.nn.Linear(2, 2)
    labelled = OrderedDict(tensors)
    labelled._metadata = layer.state_dict()._metadata  # type: ignore[attr-defined]
    extra = {**content, "iteration": 3, "learning_rate": 1e-4}
    for name, value in {
        "views-and-ties": {**content, "weight": odd},
        "parameters": {**content, "weight": parameters},
        "version-table": {**content, "weight": labelled},
        "extra-numbers": extra,
        "state-dict": OrderedDict(tensors),
        "chinese": {**content, "config": {**content["config"], "output_dir": "日志/声音"}},
        "unknown-setting": {**content, "config": {**content["config"], "brand_new": {"x": [1, 2]}}},
    }.items():
        yield Case("variations", name, "voice.ckpt", saved(value))
    device = data_pickle().replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    yield Case("variations", "saved-on-gpu", "voice.ckpt", hostile(device))
    yield Case("variations", "repacked", "voice.ckpt", _repacked(zipfile.ZIP_STORED))
    yield Case("variations", "compressed", "voice.ckpt", _repacked(zipfile.ZIP_DEFLATED))
    yield Case("variations", "no-extension", "voice", golden())
    yield Case("variations", "wrong-extension", "voice.txt", golden())
    yield Case("variations", "safetensors", "voice.safetensors", _safetensors(tensors))


def _repacked(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(golden())) as source, zipfile.ZipFile(buffer, "w", method) as target:
        for info in source.infolist():
            target.writestr(info.filename, source.read(info))
    return buffer.getvalue()


def _safetensors(tensors: Tensors) -> bytes:
    header: dict[str, object] = {"__metadata__": {"config": json.dumps(settings_of("s1"))}}
    data = b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def benign() -> Iterator[Case]:
    """Every honest file."""
    yield from by_kind()
    yield from recorded()
    yield from variations()
