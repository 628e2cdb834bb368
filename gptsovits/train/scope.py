"""Which layers a fine-tune may change; everything else stays as it is, to the bit."""

from __future__ import annotations

from typing import Literal

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s2 import Synthesizer

Scope = Literal["last", "decoder", "gpt", "all"]
SCOPES: tuple[Scope, ...] = ("last", "decoder", "gpt", "all")


def stage1_prefixes(scope: Scope, network: Text2Semantic) -> tuple[str, ...]:
    """Parameters of stage 1 that learn: the last layer and the prediction, none, or all."""
    last = (f"model.h.layers.{network.config.n_layer - 1}.", "model.ar_predict_layer.")
    return {"last": last, "decoder": (), "gpt": ("",), "all": ("",)}[scope]


def stage2_prefixes(scope: Scope, network: Synthesizer) -> tuple[str, ...]:
    """Parameters of stage 2 that learn: the last stage of the generator, the whole generator, none, or all."""
    stage = len(network.dec.ups) - 1
    blocks = range(stage * network.dec.blocks_per_stage, len(network.dec.resblocks))
    last = (f"dec.ups.{stage}.", *(f"dec.resblocks.{block}." for block in blocks), "dec.conv_post.")
    return {"last": last, "decoder": ("dec.",), "gpt": (), "all": ("",)}[scope]
