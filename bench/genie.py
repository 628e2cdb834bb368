"""genie-tts beside this engine: its package from the registry, its own converter, its own graphs, no pipeline.

Only its stage graphs are measured. They run on the onnxruntime that is installed here; its other dependencies are not
needed and not installed (they would disturb the locked ones), so the package lies in the cache folder by itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path

VERSION = "2.0.2"
PACKAGE = "genie_tts"


def cache_folder() -> Path:
    """Where downloads and full-size files lie."""
    return Path(os.environ.get("VOICEHUB_CACHE", Path.home() / ".cache" / "voicehub")) / "bench"


def fetched() -> Path:
    """The folder that holds the package, installed there if it is not yet."""
    target = cache_folder() / f"genie-tts-{VERSION}"
    if not (target / PACKAGE).is_dir():
        subprocess.run([*_installer(), "--target", str(target), f"genie-tts=={VERSION}"], check=True)
    return target


def _installer() -> Sequence[str]:
    if shutil.which("uv"):
        return ("uv", "pip", "install", "-q", "--no-deps", "--python", sys.executable)
    return ("pip", "install", "-q", "--no-deps", "--no-compile", "--only-binary=:all:", "--python-version", "3.11")


def convert(checkpoint: Path, synthesizer: Path, out: Path) -> Path:
    """Its graphs with the weights of an original pair of files, in float32, by its own converter. Loads torch."""
    if (out / "done").is_file():
        return out
    package = types.ModuleType(PACKAGE)
    # Not the package's own start, which imports what only its pipeline needs.
    package.__path__ = [str(fetched() / PACKAGE)]
    sys.modules[PACKAGE] = package
    from genie_tts.Converter.v2.T2SConverter import T2SModelConverter
    from genie_tts.Converter.v2.VITSConverter import VITSConverter

    data = fetched() / PACKAGE / "Data" / "v2"
    out.mkdir(parents=True, exist_ok=True)
    models, keys, place = data / "Models", data / "Keys", str(out)
    one = T2SModelConverter(
        str(checkpoint), str(models / "t2s_stage_decoder_fp32.onnx"), str(models / "t2s_first_stage_decoder_fp32.onnx"),
        str(keys / "t2s_onnx_keys.txt"), place, place,
    )  # fmt: skip
    one.run_full_process()
    one.step3_reconstruct_fp32_bin_from_fp16(one.fp16_bin_path, one.reconstructed_fp32_bin_path)
    two = VITSConverter(
        str(synthesizer), str(models / "vits_fp32.onnx"), str(keys / "vits_onnx_keys.txt"), place, place
    )
    two.step1_create_fp16_bin_and_fp32_index()
    two.step2_relink_onnx_for_fp32()
    two.step3_reconstruct_fp32_bin_from_fp16(two.fp16_bin_path, two.reconstructed_fp32_bin_path)
    (out / "done").touch()
    return out
