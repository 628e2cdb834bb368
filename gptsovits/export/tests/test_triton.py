"""The model repository: content decides the names, what is shared is there once, and Triton can read the configs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from gptsovits.errors import BrokenVoice
from gptsovits.export.__main__ import main
from gptsovits.export.bundle import export_bundle
from gptsovits.export.triton import BACKENDS, ONE_CALL, Backend, models_of, write_repository
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.serving import wire

GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two voices with the same stage 1."""
    one = read_voice_file(GOLDEN / "tiny-e15.ckpt")
    made = []
    for name in ("tiny_v2_e8_s128.pth", "tiny_v2Pro_e8_s128.pth"):
        two = read_voice_file(GOLDEN / name)
        out = tmp_path_factory.mktemp("bundle")
        made.append(export_bundle(one.tensors, one.config, two.tensors, two.config, out))
    return made[0], made[1]


def config_of(model: Path) -> model_config_pb2.ModelConfig:
    return text_format.Parse((model / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def with_plans(bundle: Path, folder: Path) -> Path:
    shutil.copytree(bundle, folder)
    for name in ONE_CALL:
        (folder / f"{name}.plan").write_bytes(f"plan of {name}".encode())
    return folder


@pytest.mark.parametrize("backend", BACKENDS)
def test_triton_reads_every_config(bundles: tuple[Path, Path], tmp_path: Path, backend: Backend) -> None:
    bundle = with_plans(bundles[0], tmp_path / "bundle")
    names = write_repository(bundle, tmp_path / "repository", backend)
    assert all(re.fullmatch("[0-9a-f]{64}", name) for name in names.values())
    for kind, name in names.items():
        folder = tmp_path / "repository" / name
        config = config_of(folder)
        assert config.version_policy.latest.num_versions == 1
        runs = config.platform or config.backend
        if kind == "stage1":
            assert (runs, config.model_transaction_policy.decoupled) == ("python", True)
            assert [tensor.name for tensor in config.input] == list(wire.INPUTS)
            continue
        expected = {"python": "python", "plan": "tensorrt_plan"}.get(backend, "onnxruntime")
        assert runs == expected
        assert (folder / "1" / ("model.plan" if backend == "plan" else "model.onnx")).is_file()
        assert (folder / "1" / "model.py").is_file() == (backend == "python")
        assert len(config.model_warmup[0].inputs) == len(config.input)
        accelerated = config.optimization.execution_accelerators.gpu_execution_accelerator
        assert [one.name for one in accelerated] == (["tensorrt"] if backend == "tensorrt" else [])
        searched = config.parameters["cudnn_conv_algo_search"].string_value
        assert searched == ("1" if expected == "onnxruntime" else "")


def test_requests_of_different_lengths_are_batched(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    names = write_repository(bundles[0], tmp_path)
    config = config_of(tmp_path / names["s2"])
    assert config.HasField("dynamic_batching")
    assert config.max_batch_size > 1
    ragged = {tensor.name for tensor in config.input if tensor.allow_ragged_batch}
    assert ragged == {"codes", "phones", "noise"}


def test_what_voices_share_is_one_model_and_other_content_another(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = (write_repository(bundle, tmp_path) for bundle in bundles)
    assert one["stage1"] == two["stage1"]
    assert one["s2"] != two["s2"]
    assert len(list(tmp_path.iterdir())) == len({*one.values(), *two.values()})
    assert write_repository(bundles[0], tmp_path / "other", "onnxruntime")["s2"] != one["s2"]


def test_a_model_is_written_whole_or_not_at_all_however_many_write_it(
    bundles: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models_of(bundles[0])["s2"]

    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(shutil, "copyfile", full)
        with pytest.raises(OSError, match="no space"):
            model.write(tmp_path)
    assert not list(tmp_path.iterdir())
    writers = [threading.Thread(target=model.write, args=(tmp_path,)) for _ in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [path.name for path in tmp_path.iterdir()] == [model.name]


def test_what_is_not_as_the_header_says_is_refused(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(BrokenVoice, match=r"build\.sh"):
        models_of(bundles[0], "plan")
    changed = shutil.copytree(bundles[0], tmp_path / "changed")
    with (changed / "style.onnx").open("ab") as graph:
        graph.write(b"\0")
    with pytest.raises(BrokenVoice, match="digest differs"):
        models_of(changed)


def test_a_hub_writes_models_without_torch_and_onnx() -> None:
    code = "import sys, gptsovits.export.triton; print({'torch', 'onnx'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_command_says_the_names(
    bundles: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["triton", str(bundles[0]), str(tmp_path / "repository")]) == 0
    names = json.loads(capsys.readouterr().out)
    assert {path.name for path in (tmp_path / "repository").iterdir()} == set(names.values())
    assert main(["triton", str(tmp_path / "nothing"), str(tmp_path / "repository")]) == 1
