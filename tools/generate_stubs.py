"""Generates the Python stubs of `protos/` into `services/stubs/`.

The protobuf package is `voicehub`, which in Python is the SDK's name; so the generated imports are re-rooted under
`services.stubs`. Run after every change of a contract: `python tools/generate_stubs.py` (`--check` only compares).
"""

from __future__ import annotations

import filecmp
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
STUBS = ROOT / "services" / "stubs"
IMPORT = re.compile(r"^(from|import) voicehub\.", re.MULTILINE)


def generate(out: Path) -> None:
    """Writes all stubs (messages, services, type stubs) below `out`."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    bin_dir = Path(sys.executable).parent
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"-I{PROTOS}",
            f"--python_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_out=quiet:{out}",
            f"--mypy_grpc_out=quiet:{out}",
            f"--plugin=protoc-gen-mypy={bin_dir / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={bin_dir / 'protoc-gen-mypy_grpc'}",
            *sources,
        ],
        check=True,
    )
    for path in [*out.rglob("*.py"), *out.rglob("*.pyi")]:
        text = path.read_text()
        text = IMPORT.sub(r"\1 services.stubs.voicehub.", text)
        text = re.sub(r"(?<![\w.])voicehub\.(\w+)\.v1\.(\w+_pb2)", r"services.stubs.voicehub.\1.v1.\2", text)
        path.write_text(text)
    for folder in [out, *(path for path in out.rglob("*") if path.is_dir())]:
        (folder / "__init__.py").touch()


def same(left: Path, right: Path) -> bool:
    """Whether two trees hold the same stub files with the same bytes."""
    names = {path.relative_to(left) for path in left.rglob("*.py*") if "__pycache__" not in path.parts}
    others = {path.relative_to(right) for path in right.rglob("*.py*") if "__pycache__" not in path.parts}
    return names == others and all(filecmp.cmp(left / name, right / name, shallow=False) for name in names)


def main() -> int:
    """Command line: exit 1 under `--check` if the committed stubs are stale."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "stubs"
        fresh.mkdir()
        generate(fresh)
        if "--check" in sys.argv[1:]:
            if same(fresh, STUBS):
                return 0
            sys.stderr.write("services/stubs is stale: run python tools/generate_stubs.py\n")
            return 1
        shutil.rmtree(STUBS, ignore_errors=True)
        shutil.copytree(fresh, STUBS)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
