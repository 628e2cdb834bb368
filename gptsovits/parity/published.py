"""The published sizes: names and shapes of every tensor, and samples of the fill rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from gptsovits.arch.discriminator import Discriminator
from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s2 import Synthesizer
from gptsovits.config import S1Config, S2Config
from gptsovits.parity.fill import fill
from gptsovits.parity.outcome import Comparison, Outcome
from gptsovits.parity.recordings import read_json

V2_PRO = replace(S2Config(), version="v2Pro", gin_channels=1024, p_dropout=0.0)
V2_PRO_PLUS = replace(
    V2_PRO, version="v2ProPlus", upsample_initial_channel=768, upsample_kernel_sizes=(20, 16, 8, 2, 2)
)


def published_networks(configs: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Every published network without memory for its weights; sizes in ``configs`` replace the published ones."""
    v2 = _stage2(configs, "s2_config", S2Config())
    pro = _stage2(configs, "s2v2pro_config", V2_PRO)
    stage1 = S1Config.from_config(configs["s1_config"]) if "s1_config" in configs else S1Config()
    with torch.device("meta"):
        return {
            "s2G_v2": Synthesizer(v2),
            "s2G_v2Pro": Synthesizer(pro),
            "s2G_v2ProPlus": Synthesizer(_stage2(configs, "s2v2proplus_config", V2_PRO_PLUS)),
            "s2D_v2": Discriminator.for_config(v2),
            "s2D_v2Pro": Discriminator.for_config(pro),
            "s1_v2": Text2Semantic(stage1),
        }


def _stage2(configs: Mapping[str, Any], name: str, published: S2Config) -> S2Config:
    return S2Config.from_config(configs[name]) if name in configs else published


def published_cases(root: Path) -> Iterator[Outcome]:
    """``key_shapes.json`` and the ``fill_check`` of ``expected.json`` in every folder that has them."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        expected = read_json(folder / "expected.json", {})
        tables = read_json(folder / "key_shapes.json", {})
        networks = published_networks(expected) if tables else {}
        for name, recorded in tables.items():
            yield _shapes(name, networks.get(name), recorded["table"])
        for name, recorded in expected.get("fill_check", {}).items():
            yield _fill_check(name.removeprefix("D:"), recorded)


def _shapes(name: str, network: nn.Module | None, table: list[list[Any]]) -> Outcome:
    if network is None:
        return Outcome(f"key_shapes {name}", "not run", note="no network of this name")
    found = sorted((key, list(value.shape)) for key, value in network.state_dict().items())
    wanted = sorted((row[0], list(row[1])) for row in table)
    return Comparison(f"key_shapes {name}").exact("names and shapes", found == wanted, True).outcome()


def _fill_check(name: str, recorded: dict[str, list[float]]) -> Outcome:
    shape = tuple(int(extent) for extent in recorded["shape"])
    if name.endswith("embed_avg"):
        stem = name.removesuffix("embed_avg")
        values = fill(stem + "embed", shape) * fill(stem + "cluster_size", shape[:1])[:, None]
    else:
        values = fill(name, shape)
    comparison = Comparison(f"fill_check {name}").exact(
        "first8", values.ravel()[:8], np.array(recorded["first8"], np.float32)
    )
    return comparison.close("sum", values.astype(np.float64).sum(), recorded["sum"], 1e-6).outcome()
