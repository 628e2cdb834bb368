"""``python -m gptsovits.export``: checkpoints to a bundle for the runtime, a bundle to TensorRT or Triton."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from gptsovits.errors import VoiceError
from gptsovits.export.precision import PRECISIONS
from gptsovits.export.triton import BACKENDS, write_repository
from gptsovits.formats.checkpoint import read_voice_file
from voicescan import Refused


def main(arguments: list[str] | None = None) -> int:
    """0 when written (or within tolerance), 1 with one sentence when not."""
    given = _parser().parse_args(arguments)
    try:
        return _run(given)
    except (VoiceError, Refused) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gptsovits.export", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    onnx = commands.add_parser("onnx", help="stage-1 .ckpt and stage-2 .pth to an ONNX bundle, compared with torch")
    onnx.add_argument("stage1", type=Path)
    onnx.add_argument("stage2", type=Path)
    onnx.add_argument("out", type=Path)
    onnx.add_argument("--precision", choices=PRECISIONS, default="fp32")
    tensorrt = commands.add_parser("tensorrt", help="a float32 bundle to graphs, shape profiles and a build job")
    tensorrt.add_argument("bundle", type=Path)
    tensorrt.add_argument("out", type=Path)
    triton = commands.add_parser("triton", help="a bundle to models of a Triton model repository, named by digest")
    triton.add_argument("bundle", type=Path)
    triton.add_argument("repository", type=Path)
    triton.add_argument("--backend", choices=BACKENDS, default="python", help="what runs the graphs called once")
    compare = commands.add_parser("compare", help="plans that build.sh has built, with onnxruntime")
    compare.add_argument("out", type=Path)
    compare.add_argument("--tolerance", type=float, default=1e-2)
    return parser


def _run(given: argparse.Namespace) -> int:
    if given.command == "onnx":
        from gptsovits.export.bundle import export_bundle

        one, two = read_voice_file(given.stage1), read_voice_file(given.stage2)
        export_bundle(one.tensors, one.config, two.tensors, two.config, given.out, precision=given.precision)
        print(given.out)
        return 0
    if given.command == "triton":
        print(json.dumps(write_repository(given.bundle, given.repository, given.backend), indent=1))
        return 0
    from gptsovits.export.tensorrt import compare_plans, write_tensorrt

    if given.command == "tensorrt":
        print(write_tensorrt(given.bundle, given.out))
        return 0
    distances = compare_plans(given.out)
    print(json.dumps(distances, indent=1))
    return int(max(distances.values()) > given.tolerance)


if __name__ == "__main__":
    sys.exit(main())
