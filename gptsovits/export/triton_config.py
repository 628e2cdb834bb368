"""``config.pbtxt`` of the models of a voice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gptsovits.runtime import limits
from gptsovits.serving.wire import BERT, INPUTS, OUTPUT

TYPES = {"tensor(int64)": "TYPE_INT64", "tensor(float)": "TYPE_FP32"}
WARM_EXTENTS = {"tokens": 16, "frames": 32, "phones": 16}
"""What the warm-up gives dynamic extents, by their names in the graph."""
_VERSIONS = "version_policy { latest { num_versions: 1 } }"
_ONE = "instance_group [ { kind: %s count: 1 } ]"
_BATCHING = (
    "# Requests of different lengths are handed over together (allow_ragged_batch); none waits for another.\n"
    "dynamic_batching { max_queue_delay_microseconds: 0 }"
)
_TENSORRT = """optimization { execution_accelerators { gpu_execution_accelerator : [ {
  name : "tensorrt"
  parameters { key: "trt_engine_cache_enable" value: "true" }
} ] } }"""

_HEURISTIC = """# Else each new length of a sentence waits until all algorithms were tried: 2.8 s on an H200, 0.5 s so.
parameters { key: "cudnn_conv_algo_search" value: { string_value: "1" } }"""


@dataclass(frozen=True)
class Tensor:
    """Type as Triton names it, and shape; a dynamic extent is its name."""

    type: str
    shape: tuple[int | str, ...]


def one_call(inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor], backend: str) -> str:
    """A graph that is called once, on one of the backends of :data:`gptsovits.export.triton.BACKENDS`."""
    own = backend == "python"
    head = {
        "python": 'backend: "python"',
        "onnxruntime": 'backend: "onnxruntime"',
        "tensorrt": 'backend: "onnxruntime"',
        "plan": 'platform: "tensorrt_plan"',
    }[backend]
    kind = {"python": "KIND_CPU", "onnxruntime": "KIND_AUTO"}.get(backend, "KIND_GPU")
    lines = [head, f"max_batch_size: {limits.BATCH if own else 0}"]
    lines += [_tensor("input", name, one.type, _extents(one, own), ragged=own) for name, one in inputs.items()]
    lines += [_tensor("output", name, one.type, _extents(one, own)) for name, one in outputs.items()]
    lines += [_BATCHING] if own else []
    lines += [_HEURISTIC] if backend in ("onnxruntime", "tensorrt") else []
    lines += [_TENSORRT] if backend == "tensorrt" else []
    warm = {name: (one.type, _warm(one, own)) for name, one in inputs.items()}
    return "\n".join([*lines, _ONE % kind, _VERSIONS, _warm_up(warm, 1 if own else 0), ""])


def stage1(bert_dim: int) -> str:
    """Stage 1: decoupled, batched by the model itself at every token, so Triton hands over each request at once."""
    lines = ['backend: "python"', "max_batch_size: 0", "model_transaction_policy { decoupled: true }"]
    for name, (kind, extents, optional) in INPUTS.items():
        if name != BERT:
            lines.append(_tensor("input", name, kind, extents, optional=optional))
        elif bert_dim:
            lines.append(_tensor("input", name, kind, [bert_dim, -1]))
    lines += [_tensor("output", OUTPUT, "TYPE_INT64", [-1]), _ONE % "KIND_CPU", _VERSIONS]
    return "\n".join([*lines, ""])


def _tensor(
    part: str, name: str, kind: str, extents: Iterable[int], ragged: bool = False, optional: bool = False
) -> str:
    listed = list(extents)
    marks = (" allow_ragged_batch: true" if ragged and -1 in listed else "") + (" optional: true" if optional else "")
    return f'{part} [ {{ name: "{name}" data_type: {kind} dims: [ {", ".join(map(str, listed))} ]{marks} }} ]'


def _extents(tensor: Tensor, batched: bool) -> list[int]:
    """With the leading 1 taken as the batch, where there is one."""
    extents = [extent if isinstance(extent, int) else -1 for extent in tensor.shape]
    return extents[1:] if batched and len(extents) > 1 else extents


def _warm(tensor: Tensor, batched: bool) -> list[int]:
    extents = [extent if isinstance(extent, int) else WARM_EXTENTS.get(extent, 32) for extent in tensor.shape]
    return extents[1:] if batched and len(extents) > 1 else extents


def _warm_up(inputs: Mapping[str, tuple[str, list[int]]], batch: int) -> str:
    given = "".join(
        f'\n  inputs {{ key: "{name}" value: {{ data_type: {kind} dims: [ {", ".join(map(str, extents))} ] '
        "zero_data: true } }"
        for name, (kind, extents) in inputs.items()
    )
    return f'model_warmup [ {{ name: "zeros" batch_size: {batch}{given} }} ]'
