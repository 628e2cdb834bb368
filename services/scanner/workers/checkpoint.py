"""Inside: a checkpoint of either stage. Nothing but voicescan opens a model file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.scanner.sandbox.channel import Channel
from services.scanner.workers.upload import Upload, scan_one
from voicescan.checkpoint import open_view
from voicescan.findings import Finding, verdict_of
from voicescan.inspection import inspect
from voicescan.rebuild import rebuild
from voicescan.tensors import StoredTensor

_NUMPY_NAMES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


def main(argument: Mapping[str, Any], channel: Channel) -> None:
    """Sends a verdict and, if it is clean, the rebuilt content."""
    scan_one(argument, channel, _checkpoint)


def _checkpoint(upload: Upload) -> None:
    inspection = inspect(open_view(upload.path), upload.filename)
    verdict = verdict_of(inspection.findings)
    if verdict != "clean":
        upload.verdict(verdict, inspection.findings)
        return
    rebuilt = rebuild(inspection.checkpoint) if inspection.checkpoint else None
    stage = rebuilt.identity.kind if rebuilt else ""
    if rebuilt is None or stage not in ("s1", "s2"):
        upload.refuse(
            "kind",
            "This is no stage-1 or stage-2 model of GPT-SoVITS with its settings; push the .ckpt and the .pth of a "
            "voice (voicehub pull --format original writes them).",
            "该文件不是带有配置的 GPT-SoVITS 第一阶段或第二阶段模型；请上传声音的 .ckpt 与 .pth 文件"
            "（可用 voicehub pull --format original 导出）。",
            _of_a_refused(inspection.findings),
        )
        return
    strange = [f"{t.name} ({t.element.name})" for t in rebuilt.stored.values() if t.element.name not in _NUMPY_NAMES]
    if strange:
        named = ", ".join(strange[:3])
        upload.refuse(
            "kind",
            f"Weights of this model are of types that no voice is made of: {named}. Save them as float16, bfloat16 or "
            "float32.",
            f"该模型含有声音模型不使用的数值类型：{named}。请改存为 float16、bfloat16 或 float32。",
            _of_a_refused(inspection.findings),
        )
        return
    config = {**rebuilt.config, "extra": rebuilt.extra} if rebuilt.extra else rebuilt.config
    more = {"stage": stage, "family": rebuilt.identity.family if stage == "s2" else "", "config": config}
    upload.verdict("clean", inspection.findings, stripped=list(rebuilt.stripped), **more)
    for tensor in rebuilt.stored.values():
        _send_tensor(upload.channel, tensor)


def _of_a_refused(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Without the remark that a file which cannot be spoken is stored and delivered: this one is not."""
    return tuple(finding for finding in findings if finding.rule != "not-auditionable")


def _send_tensor(channel: Channel, tensor: StoredTensor) -> None:
    header = {
        "kind": "tensor",
        "name": tensor.name,
        "dtype": _NUMPY_NAMES[tensor.element.name],
        "shape": list(tensor.bits.shape),
    }
    channel.send(header, [tensor.raw()])
