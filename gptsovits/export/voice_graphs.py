"""Example inputs and dynamic axes of every graph of a v2 voice, of any size."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s2 import Synthesizer
from gptsovits.arch.weightnorm import fold_weight_norm
from gptsovits.export.graphs import BertPrefill, Decode, Prefill, Quantise, SpeakerStyle, Step, Style
from gptsovits.export.onnx_graph import Graph
from gptsovits.export.parts import PartedGenerator


def stage1_graphs(network: Text2Semantic) -> list[Graph]:
    """``s1_prefill`` and ``s1_step`` (the same for every family)."""
    return [_prefill(network), _step(network)]


def stage2_graphs(network: Synthesizer) -> list[Graph]:
    """``quantise``, ``style`` and ``s2``; weight norm is folded and the generator parted in place."""
    fold_weight_norm(network)
    network.dec = PartedGenerator(network.dec, network.config)  # type: ignore[assignment]
    return [_quantise(network), _style(network), _decode(network)]


def _prefill(network: Text2Semantic) -> Graph:
    config = network.config
    names = ("phones", "bert", "prompt", "padding") if config.bert_dim else ("phones", "prompt", "padding")

    def inputs(batch: int, phones: int, prompt: int) -> dict[str, Tensor]:
        drawn = {
            "phones": _ids(config.phoneme_vocab_size, batch, phones),
            "bert": torch.randn(batch, config.bert_dim, phones),
            "prompt": _ids(config.EOS, batch, prompt),
            "padding": torch.arange(batch),
        }
        return {name: drawn[name] for name in names}

    dynamic = {
        "phones": {0: "batch", 1: "phones"},
        "bert": {0: "batch", 2: "phones"},
        "prompt": {0: "batch", 1: "prompt"},
        "padding": {0: "batch"},
        "logits": {0: "batch"},
        "keys": {1: "batch", 3: "positions"},
        "values": {1: "batch", 3: "positions"},
    }
    module = BertPrefill(network) if config.bert_dim else Prefill(network)
    outputs = ("logits", "keys", "values")
    return Graph("s1_prefill", module, inputs(2, 7, 5), outputs, inputs(1, 11, 0), _only(dynamic, names, outputs))


def _step(network: Text2Semantic) -> Graph:
    config = network.config
    cache_names = cache_input_names(config.n_layer)

    def inputs(batch: int, capacity: int, length: int) -> dict[str, Tensor]:
        cache = torch.randn(2 * config.n_layer, batch, config.head, capacity, config.hidden_dim // config.head)
        return {
            "token": _ids(config.EOS, batch),
            "position": torch.arange(batch) + length // 2,
            "length": torch.tensor([length]),
            "padding": torch.arange(batch),
            **dict(zip(cache_names, cache, strict=True)),
        }

    dynamic = {name: {0: "batch", 2: "capacity"} for name in cache_names}
    dynamic |= {name: {0: "batch"} for name in ("token", "position", "padding", "logits")}
    dynamic |= {"new_keys": {1: "batch"}, "new_values": {1: "batch"}}
    outputs = ("logits", "new_keys", "new_values")
    return Graph("s1_step", Step(network), inputs(2, 9, 6), outputs, inputs(1, 16, 16), dynamic)


def cache_input_names(layers: int) -> list[str]:
    """All keys, then all values, in the order of the layers."""
    return [f"{part}_{layer}" for part in ("key", "value") for layer in range(layers)]


def _quantise(network: Synthesizer) -> Graph:
    dim = network.config.ssl_dim
    return Graph(
        "quantise",
        Quantise(network),
        {"features": torch.randn(1, dim, 12)},
        ("codes",),
        {"features": torch.randn(1, dim, 31)},
        {"features": {2: "frames"}, "codes": {1: "tokens"}},
    )


def _style(network: Synthesizer) -> Graph:
    config = network.config

    def inputs(frames: int) -> dict[str, Tensor]:
        spectrogram = {"spectrogram": torch.rand(1, config.ref_enc_in, frames) * 4}
        return spectrogram | ({"sv_emb": torch.randn(1, config.sv_dim)} if config.speaker_verified else {})

    module = SpeakerStyle(network) if config.speaker_verified else Style(network)
    return Graph("style", module, inputs(40), ("ge",), inputs(67), {"spectrogram": {2: "frames"}})


def _decode(network: Synthesizer) -> Graph:
    config = network.config

    def inputs(tokens: int, phones: int, frames: int, first: int) -> dict[str, Tensor]:
        return {
            "codes": _ids(config.codebook_size, 1, tokens),
            "phones": _ids(config.n_symbols, 1, phones),
            "ge": torch.randn(1, config.gin_channels, 1) * 0.3,
            "noise": torch.randn(1, config.inter_channels, frames),
            "noise_scale": torch.tensor([0.5]),
            "timeline": torch.tensor([first, 2 * tokens / (frames + first)]),
        }

    dynamic = {"codes": {1: "tokens"}, "phones": {1: "phones"}, "noise": {2: "frames"}, "wave": {2: "samples"}}
    examples = inputs(6, 9, 12, 0), inputs(9, 5, 15, 5)
    return Graph("s2", Decode(network), examples[0], ("wave",), examples[1], dynamic, heightened=True)


def _ids(limit: int, *shape: int) -> Tensor:
    return torch.randint(limit, shape)


def _only(dynamic: Mapping[str, dict[int, str]], *names: tuple[str, ...]) -> dict[str, dict[int, str]]:
    kept = {name for group in names for name in group}
    return {name: axes for name, axes in dynamic.items() if name in kept}
