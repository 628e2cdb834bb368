"""Which model a set of tensors is, told by content and never by file size, and the sizes that its shapes show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from gptsovits.errors import BrokenVoice, UnsupportedVoice

Kind = Literal["s1", "v1", "v2", "v2Pro", "v2ProPlus", "v3", "v4", "nano", "discriminator"]
SPOKEN: tuple[Kind, ...] = ("v2", "v2Pro", "v2ProPlus")
V1_SYMBOLS = 322
PRO_PLUS_WIDTH = 768
TEXT_TABLE = "enc_p.text_embedding.weight"


class Shaped(Protocol):
    """Any array: only its shape is looked at."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents."""


def kind_of(tensors: Mapping[str, Shaped], config: Mapping[str, Any] | None = None, head: str = "PK") -> Kind:
    """Recognises the model; ``head`` (first two bytes of the file) only decides between v3 and v4."""
    declared = str(((config or {}).get("model") or {}).get("version", ""))
    if declared == "nano":
        return "nano"
    if any(name.startswith("model.h.layers.") for name in tensors):
        return "s1"
    if any(name.startswith("discriminators.") for name in tensors):
        return "discriminator"
    if any(name.startswith("cfm.") for name in tensors):
        return "v4" if declared == "v4" or head == "04" else "v3"
    if "sv_emb.weight" in tensors:
        wide = declared == "v2ProPlus" or _extent(tensors, "dec.conv_pre.weight", 0) == PRO_PLUS_WIDTH
        return "v2ProPlus" if wide else "v2Pro"
    if TEXT_TABLE not in tensors:
        raise UnsupportedVoice("The file holds neither a stage-1 nor a stage-2 model of GPT-SoVITS.")
    return "v1" if _extent(tensors, TEXT_TABLE, 0) == V1_SYMBOLS else "v2"


def require_spoken(kind: Kind) -> None:
    """Refuses versions that are stored and delivered, but not spoken."""
    if kind in ("v1", "v3", "v4"):
        raise UnsupportedVoice(
            f"This is a GPT-SoVITS {kind} voice: it can be stored and delivered, but this engine speaks only "
            "v2, v2Pro and v2ProPlus voices; use the original program for it."
        )


def complete_config(tensors: Mapping[str, Shaped], config: Mapping[str, Any]) -> dict[str, Any]:
    """The stage-2 configuration with version and ``ext`` filled in from the shapes, which cannot lie."""
    kind = kind_of(tensors, config)
    require_spoken(kind)
    shown = {
        "ssl_dim": _extent(tensors, "enc_p.ssl_proj.weight", 1),
        "codebook_size": _extent(tensors, "quantizer.vq.layers.0._codebook.embed", 0),
        "mrte_hidden": _extent(tensors, "enc_p.mrte.c_pre.weight", 0),
        "ref_enc_in": _extent(tensors, "ref_enc.spectral.0.fc.weight", 1),
        "ref_enc_hidden": _extent(tensors, "ref_enc.spectral.0.fc.weight", 0),
        "flow_n_flows": sum(name.startswith("flow.flows.") and name.endswith(".pre.weight") for name in tensors),
        "flow_wn_layers": _count(tensors, "flow.flows.0.enc.in_layers."),
        "n_symbols": _extent(tensors, TEXT_TABLE, 0),
    }
    posterior_layers = _count(tensors, "enc_q.enc.in_layers.")
    if posterior_layers:
        shown["enc_q_layers"] = posterior_layers
    if "sv_emb.weight" in tensors:
        shown["sv_dim"] = _extent(tensors, "sv_emb.weight", 1)
    model = {**config["model"], "version": kind}
    return {**config, "model": model, "ext": {**(config.get("ext") or {}), **shown}}


def _count(tensors: Mapping[str, Shaped], prefix: str) -> int:
    return sum(name.startswith(prefix) and name.endswith(".bias") for name in tensors)


def _extent(tensors: Mapping[str, Shaped], name: str, axis: int) -> int:
    shape = tensors[name].shape if name in tensors else ()
    if len(shape) <= axis:
        raise BrokenVoice(f"The tensor {name} is missing or misshapen; the file is damaged, get it again.")
    return shape[axis]
