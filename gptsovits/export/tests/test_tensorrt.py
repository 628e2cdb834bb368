"""The TensorRT folder covers every shape that the runtime sends."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gptsovits.errors import BrokenVoice, MissingInput
from gptsovits.export.__main__ import main
from gptsovits.export.tensorrt import compare_plans
from gptsovits.parity.recorded_synthesis import recorded_prompt, recorded_target
from gptsovits.runtime import limits
from gptsovits.runtime.bundle import GRAPHS
from gptsovits.runtime.graph import Graph
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.stage1 import _Bound
from gptsovits.runtime.voice import Voice

GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden"
FILES = [str(GOLDEN / "checkpoints" / name) for name in ("tiny-e15.ckpt", "tiny_v2_e8_s128.pth")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    torch.set_num_threads(1)
    bundle, out = tmp_path_factory.mktemp("bundle"), tmp_path_factory.mktemp("tensorrt")
    assert main(["onnx", *FILES, str(bundle)]) == 0
    assert main(["tensorrt", str(bundle), str(out)]) == 0
    return bundle, out


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[tuple[str, tuple[int, ...]]]]:
    """Every shape that goes into a graph."""
    seen: dict[str, set[tuple[str, tuple[int, ...]]]] = defaultdict(set)
    run, bind = Graph.run, _Bound.__init__

    def noted(self: Graph, **inputs: Any) -> Any:
        fed = {name: value for name, value in inputs.items() if name in self.inputs and value is not None}
        seen[self.name] |= {(name, value.shape) for name, value in fed.items()}
        return run(self, **inputs)

    def bound(self: _Bound, graph: Graph, cache: Any, positions: int) -> None:
        seen["s1_step"] |= {("token", cache.padding.shape), ("position", (positions,))}
        seen["s1_step"] |= {("key_0", cache.keys.shape[1:]), ("padding", cache.padding.shape)}
        bind(self, graph, cache, positions)

    monkeypatch.setattr(Graph, "run", noted)
    monkeypatch.setattr(_Bound, "__init__", bound)
    return seen


def test_profiles_cover_what_the_runtime_sends(
    folders: tuple[Path, Path], sent: dict[str, set[tuple[str, tuple[int, ...]]]]
) -> None:
    bundle, out = folders
    voice, target, prompt = Voice.load(bundle), recorded_target(GOLDEN), recorded_prompt(GOLDEN)
    conditioning = voice.prepare(prompt)
    free = voice.prepare(type(prompt)(prompt.wave))
    short = Sampling(greedy=True, early_stop=3)
    voice.generate_many([target.phones[:3]] * limits.BATCH, [None] * limits.BATCH, conditioning, short)
    longest = np.resize(target.phones, limits.PHONES)
    voice.generate_tokens(longest, None, free, short)
    voice.generate_tokens(target.phones[:1], None, free, short)
    for speed in limits.SPEED:
        voice.decode(np.zeros(30, np.int64), target.phones, conditioning.ge, speed=speed)
    voice.decode(np.zeros(1, np.int64), target.phones[:1], conditioning.ge)
    profiles = json.loads((out / "profiles.json").read_text())
    assert set(sent) == set(GRAPHS)
    for graph, shapes in sent.items():
        for name, shape in shapes:
            facts = profiles[graph][name]
            inside = [low <= size <= high for low, size, high in zip(facts["min"], shape, facts["max"], strict=True)]
            assert all(inside), (graph, name, shape, facts)


def test_more_than_the_profiles_cover_is_refused(folders: tuple[Path, Path]) -> None:
    voice, target = Voice.load(folders[0]), recorded_target(GOLDEN)
    conditioning = voice.prepare(recorded_prompt(GOLDEN))
    with pytest.raises(MissingInput, match="at most 2048"):
        voice.generate_tokens(np.resize(target.phones, limits.PHONES), None, conditioning)
    with pytest.raises(MissingInput, match="at most 16"):
        voice.generate_many([target.phones] * 17, [None] * 17, conditioning)
    with pytest.raises(MissingInput, match="frames of reference"):
        voice.timbre(np.zeros(640 * 6001, np.float32))


def test_the_folder_holds_the_build_job_and_what_to_compare(folders: tuple[Path, Path], tmp_path: Path) -> None:
    _, out = folders
    script = (out / "build.sh").read_text()
    for name in GRAPHS:
        assert f"--onnx={name}.onnx --saveEngine={name}.plan --minShapes=" in script
        assert (out / f"{name}.onnx").is_file()
    job = json.loads((out / "job.json").read_text())
    assert job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": 1}
    with pytest.raises(BrokenVoice, match=r"run build\.sh"):
        compare_plans(out)
    for name in GRAPHS:
        place = out / "check" / name
        outputs = [
            {"name": path.stem, "values": np.load(path).ravel().tolist()} for path in sorted(place.glob("*.npy"))
        ]
        (place / "output.json").write_text(json.dumps(outputs))
    assert max(compare_plans(out).values()) == 0
    first = json.loads((out / "check" / "style" / "output.json").read_text())
    first[0]["values"][0] += 1
    (out / "check" / "style" / "output.json").write_text(json.dumps(first))
    assert main(["compare", str(out)]) == 1
