"""Plans built on a real GPU compute what onnxruntime computes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from gptsovits.export.__main__ import main
from gptsovits.export.tests.test_tensorrt import FILES


def test_plans_equal_onnxruntime(tmp_path: Path) -> None:
    assert main(["onnx", *FILES, str(tmp_path / "bundle")]) == 0
    assert main(["tensorrt", str(tmp_path / "bundle"), str(tmp_path / "out")]) == 0
    subprocess.run(["sh", "build.sh"], cwd=tmp_path / "out", check=True, timeout=500)
    assert main(["compare", str(tmp_path / "out")]) == 0
