"""Which model a set of tensors is, and whether its names and shapes form a known layout at any size.

Sources: the parameter tables of the published models. Tensors that no known model has, and missing or mismatched parts,
are harmless data that cannot be spoken: notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from voicescan.dtypes import FLOATS
from voicescan.findings import Finding, Place
from voicescan.layouts import FLOW_MATCHING, PRO, STAGE1, VITS, Pattern, encoder_names
from voicescan.rules import found
from voicescan.tensors import StoredTensor

ModelKind = Literal["s1", "s2", "s2_discriminator", "content_encoder", "bert", "features", "arrays", "unknown"]
Family = Literal["v1", "v2", "v3", "v4", "v2Pro", "v2ProPlus", "nano", ""]

_V1_SYMBOLS = 322
_PRO_PLUS_WIDTH = 768
_TEXT_TABLE = "enc_p.text_embedding.weight"
_NANO_NAME = re.compile(r"[A-Za-z0-9_.]+\Z")
_FEATURES = re.compile(r"([A-Za-z0-9]+/)?[A-Za-z0-9_]+\Z")
_BY_HEAD: dict[str, Family] = {"02": "v3", "03": "v3", "04": "v4"}


@dataclass(frozen=True)
class Identity:
    """What a checkpoint is."""

    kind: ModelKind
    family: Family


def identify(tensors: Mapping[str, StoredTensor], config: Mapping[str, object], head: str = "PK") -> Identity:
    """Recognises the model by its content; the head only decides between v3 and v4 where nothing else does."""
    declared = _declared(config)
    if declared == "nano":
        return Identity("s1" if any(name.startswith("model.h.") for name in tensors) else "s2", "nano")
    if any(name.startswith("model.h.layers.") for name in tensors):
        table = tensors.get("model.ar_text_embedding.word_embeddings.weight")
        return Identity("s1", "v1" if table is not None and table.bits.shape[0] == _V1_SYMBOLS else "v2")
    if any(name.startswith("discriminators.") for name in tensors):
        return Identity("s2_discriminator", "v2")
    if any(FLOW_MATCHING.fullmatch(name) and name.startswith("cfm.") for name in tensors):
        return Identity("s2", "v4" if declared == "v4" else "v3" if declared == "v3" else _BY_HEAD.get(head, "v3"))
    if _TEXT_TABLE in tensors:
        return Identity("s2", _vits_family(tensors, declared))
    return Identity(_encoder(tensors), "")


def _declared(config: Mapping[str, object]) -> str:
    model = config.get("model")
    return str(model.get("version", "")) if isinstance(model, dict) else ""


def _vits_family(tensors: Mapping[str, StoredTensor], declared: str) -> Family:
    if "sv_emb.weight" in tensors:
        start = tensors.get("dec.conv_pre.weight")
        wide = declared == "v2ProPlus" or (start is not None and start.bits.shape[0] == _PRO_PLUS_WIDTH)
        return "v2ProPlus" if wide else "v2Pro"
    return "v1" if tensors[_TEXT_TABLE].bits.shape[0] == _V1_SYMBOLS else "v2"


def _encoder(tensors: Iterable[str]) -> ModelKind:
    names = list(tensors)
    for kind, pattern in encoder_names().items():
        if names and all(pattern.fullmatch(name) for name in names):
            return "content_encoder" if kind == "content_encoder" else "bert"
    return "unknown"


def check_layout(tensors: Mapping[str, StoredTensor], identity: Identity, entry: str) -> list[Finding]:
    """Findings about names, element types and shapes."""
    if identity.kind == "unknown":
        names = ", ".join(list(tensors)[:3]) or "no weights at all"
        return [_unspeakable(entry, f"no known model holds {names}")]
    if identity.kind in ("content_encoder", "bert", "features", "arrays"):
        return []
    not_numbers = [tensor for tensor in tensors.values() if tensor.element.name not in FLOATS]
    if identity.family == "nano":
        return [found("layout", Place(entry), name) for name in tensors if not _NANO_NAME.match(name)][:8]
    if identity.family in ("v3", "v4"):
        not_numbers = []
    findings = [_unspeakable(entry, _why_not(tensor)) for tensor in not_numbers[:8]]
    return findings + _check_names(tensors, identity, entry)


def _why_not(tensor: StoredTensor) -> str:
    whole = tensor.element.name.startswith(("I", "U", "BOOL"))
    return f"{tensor.name} holds no fractions" if whole else f"{tensor.name} is of the type {tensor.element.name}"


def _check_names(tensors: Mapping[str, StoredTensor], identity: Identity, entry: str) -> list[Finding]:
    if identity.kind == "s2_discriminator":
        strange = [name for name in tensors if not re.fullmatch(r"discriminators\.\d{1,3}\.[A-Za-z0-9_.]+", name)]
        return [_unspeakable(entry, f"no known model holds {name}") for name in strange[:8]]
    if identity.family in ("v3", "v4"):
        strange = [name for name in tensors if not FLOW_MATCHING.fullmatch(name)]
        findings = [_unspeakable(entry, f"no known model holds {name}") for name in strange[:8]]
        return [*findings, _unspeakable(entry, f"it is a {identity.family} voice")]
    if identity.family == "v1":
        note = [_unspeakable(entry, "it is a v1 voice")] if identity.kind == "s2" else []
        return note + _check_patterns(tensors, STAGE1 if identity.kind == "s1" else VITS, entry)
    patterns = STAGE1 if identity.kind == "s1" else VITS + PRO if identity.family.startswith("v2Pro") else VITS
    return _check_patterns(tensors, patterns, entry)


def _check_patterns(tensors: Mapping[str, StoredTensor], patterns: tuple[Pattern, ...], entry: str) -> list[Finding]:
    findings: list[Finding] = []
    sizes: dict[str, int] = {}
    seen: set[Pattern] = set()
    for name, tensor in tensors.items():
        pattern = next((one for one in patterns if one.name.fullmatch(name)), None)
        if pattern is None:
            findings.append(_unspeakable(entry, f"no known model holds {name}"))
            continue
        seen.add(pattern)
        if not pattern.fits(tensor.bits.shape, sizes):
            findings.append(_unspeakable(entry, f"{name} has the shape {tensor.bits.shape}"))
    missing = [one.label for one in patterns if one.required and one not in seen]
    findings += [_unspeakable(entry, f"{label} is missing") for label in missing]
    return findings[:8]


def _unspeakable(entry: str, why: str) -> Finding:
    return found("not-auditionable", Place(entry), why)


def is_features(tensors: Mapping[str, StoredTensor], metadata: Mapping[str, str]) -> bool:
    """Whether a safetensors file is a feature file (reference wave, content features, phones …), not a model."""
    known = {"reference_wave", "ssl", "phones", "bert", "sv_emb", "noise", "ge", "codes", "wave", "tokens"}
    declared = metadata.get("format", "").startswith("voicehub-features/")
    return bool(tensors) and all(_FEATURES.match(name) for name in tensors) and (declared or set(tensors) <= known)
