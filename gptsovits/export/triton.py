"""A bundle as models of a Triton model repository: one per distinct graph, and stage 1 as a decoupled service.

A model is named by the digest of all that is in its folder, so voices that share a graph share the model, and other
code is another model. The code is this package's own; what comes from a voice is ONNX data.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

import onnxruntime
from blake3 import blake3

from gptsovits.errors import BrokenVoice
from gptsovits.export import triton_config
from gptsovits.export.triton_config import Tensor
from gptsovits.formats.digests import file_digest
from gptsovits.runtime.bundle import VoiceFacts, graph_digests, graph_path, read_header
from gptsovits.runtime.graph import CPU, GRAPH_ERRORS

Backend = Literal["python", "onnxruntime", "tensorrt", "plan"]
BACKENDS: tuple[Backend, ...] = ("python", "onnxruntime", "tensorrt", "plan")
"""What runs the graphs that are called once: onnxruntime in our own model.py (needs nothing that is built into Triton),
the onnxruntime backend, the same with TensorRT, or a plan that ``build.sh`` of the TensorRT export has built."""
ONE_CALL = ("quantise", "style", "s2")
STAGE1 = "stage1"
UNFINISHED = ".new-"
"""How the name of a folder begins that is not whole yet."""
_CODE = (
    "__init__.py", "errors.py", "serving/__init__.py", "serving/wire.py", "runtime/__init__.py",
    *(f"runtime/{name}.py" for name in (
        "batching", "engine", "graph", "limits", "monotonic", "rows", "sampling", "sinks", "stage1", "weights",
    )),
)  # fmt: skip
"""Modules of this package that stand beside ``model.py``."""


@dataclass(frozen=True)
class Model:
    """One folder of the repository.

    Attributes:
        name: 64 hex digits, the digest of the folder's content.
        bytes: size of its graphs, about what it takes when it is loaded.
        inputs: what it is called with, by name; none for stage 1 (see :mod:`gptsovits.serving.wire`).
        batched: every input has a leading extent of 1 on the wire.
    """

    name: str
    bytes: int
    texts: Mapping[str, str]
    graphs: Mapping[str, Path]
    inputs: Mapping[str, Tensor]
    batched: bool = False

    def write(self, repository: Path) -> Path:
        """The whole folder or nothing; nothing is done where it stands already."""
        target = repository / self.name
        if target.is_dir():
            return target
        repository.mkdir(parents=True, exist_ok=True)
        fresh = Path(mkdtemp(prefix=UNFINISHED, dir=repository))
        try:
            for path, text in self.texts.items():
                _placed(fresh / path).write_text(text, encoding="utf-8")
            for path, graph in self.graphs.items():
                shutil.copyfile(graph, _placed(fresh / path))
            fresh.chmod(0o755)
            os.rename(fresh, target)
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)
            if not target.is_dir():  # else another was faster
                raise
        return target


def models_of(bundle: Path, backend: Backend = "python") -> dict[str, Model]:
    """The models of an exported voice by ``quantise``, ``style``, ``s2`` and ``stage1``.

    Raises ``BrokenVoice`` when files are missing or are not what ``bundle.json`` says, and for "plan" before
    ``build.sh`` has run.
    """
    header = read_header(bundle)
    facts, digests = VoiceFacts.from_json(header), graph_digests(header)
    paths = {name: graph_path(bundle, header, name, verify=True) for name in digests}
    found = {name: _one_call(name, paths[name], digests[name], backend) for name in ONE_CALL}
    found[STAGE1] = _stage1(paths, digests, facts)
    return found


def write_repository(bundle: Path, repository: Path, backend: Backend = "python") -> dict[str, str]:
    """Writes all models of a voice; answers their names."""
    models = models_of(bundle, backend)
    return {name: model.write(repository).name for name, model in models.items()}


def _one_call(name: str, path: Path, digest: str, backend: Backend) -> Model:
    inputs, outputs = _signature(path)
    config = triton_config.one_call(inputs, outputs, backend)
    if backend == "python":
        texts = {"config.pbtxt": config, **_code("graph_model")}
        return _named(texts, {"1/model.onnx": (path, digest)}, inputs, batched=True)
    if backend == "plan":
        plan = path.with_suffix(".plan")
        if not plan.is_file():
            message = f"{plan} is missing: write the folder by `export tensorrt` and run its build.sh on the GPU first."
            raise BrokenVoice(message)
        return _named({"config.pbtxt": config}, {"1/model.plan": (plan, file_digest(plan))}, inputs)
    return _named({"config.pbtxt": config}, {"1/model.onnx": (path, digest)}, inputs)


def _stage1(paths: Mapping[str, Path], digests: Mapping[str, str], facts: VoiceFacts) -> Model:
    texts = {"config.pbtxt": triton_config.stage1(facts.bert_dim), "1/eos": str(facts.eos), **_code("stage1_model")}
    graphs = {f"1/{part}.onnx": (paths[f"s1_{part}"], digests[f"s1_{part}"]) for part in ("prefill", "step")}
    return _named(texts, graphs, {})


def _named(
    texts: Mapping[str, str], graphs: Mapping[str, tuple[Path, str]], inputs: Mapping[str, Tensor],
    batched: bool = False,
) -> Model:  # fmt: skip
    content = {path: blake3(text.encode()).hexdigest() for path, text in texts.items()}
    content |= {path: digest for path, (_, digest) in graphs.items()}
    name = blake3("".join(f"{path} {digest}\n" for path, digest in sorted(content.items())).encode()).hexdigest()
    size = sum(path.stat().st_size for path, _ in graphs.values())
    return Model(name, size, texts, {path: file for path, (file, _) in graphs.items()}, inputs, batched)


def _code(model: str) -> dict[str, str]:
    package = resources.files("gptsovits")
    parts = {f"1/gptsovits/{path}": package.joinpath(path).read_text(encoding="utf-8") for path in _CODE}
    return {"1/model.py": package.joinpath(f"serving/{model}.py").read_text(encoding="utf-8"), **parts}


def _signature(path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs and outputs of a graph."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=list(CPU))
    except GRAPH_ERRORS as error:
        message = f"{path} is no graph that onnxruntime can run; pull or export the voice again."
        raise BrokenVoice(message) from error
    inputs, outputs = (
        {one.name: Tensor(triton_config.TYPES[one.type], tuple(one.shape)) for one in listed}
        for listed in (session.get_inputs(), session.get_outputs())
    )
    return inputs, outputs


def _placed(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
