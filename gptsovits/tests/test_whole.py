"""Whatever ends a writing in its middle, a kill or a full disk, the file is the old one, or there is none."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from gptsovits.train.clips import TrainingClip, write_clip
from gptsovits.whole import replacing, write_whole

OLD = b'{"old": "what stood there before"}\n'
LIMIT = 4096
WRITTEN = {
    "text": ("report.json", "", "write_whole(place / 'report.json', 'x' * 9999)"),
    "clip": (
        "one.safetensors",
        "from gptsovits.train.clips import TrainingClip, write_clip\n"
        "clip = TrainingClip('one', np.zeros(9999, np.float32), *[np.zeros(1, np.float32)] * 3)",
        "write_clip(place, clip)",
    ),
    "voice": (
        "s1.safetensors",
        "from gptsovits.nano.base import load_base, save_voice\n"
        "from gptsovits.pipeline.training import shipped_base\n"
        "voice = load_base(shipped_base()).voice",
        "save_voice(place, voice)",
    ),
    "prompt": (
        "prompt.safetensors",
        "from gptsovits.formats.features import write_conditioning\n"
        "from gptsovits.runtime.prompt import Conditioning\n"
        "given = Conditioning(np.zeros((1, 9999, 1), np.float32), *[np.zeros(1, np.int64)] * 2, np.zeros((0, 1)))",
        "write_conditioning(place / 'prompt.safetensors', given)",
    ),
    "figures": (
        "bundle.json",
        "from gptsovits.export.bundle import note",
        "note(place, {'figures': 'x' * 9999})",
    ),
}  # fmt: skip
FOLDER = """
from types import SimpleNamespace
from safetensors.numpy import save_file
from gptsovits.finetune import Clip
from gptsovits.pipeline.training import Tuned
from gptsovits.pipeline.voice_folder import write_voice_folder
for name in ('s1', 's2'):
    save_file({'w': np.zeros(1, np.float32)}, place / f'{name}.safetensors')
tuned = Tuned(place, {'s1': {}, 's2': {}}, Clip(np.zeros(WAVE, np.float32), 'a', 0.0), 1)
request = SimpleNamespace(private_prompt=False)
"""
"""The folder of a voice whose prompt, card or report is large."""
for _file, _wave, _card, _report in (
    ("prompt.wav", 9999, "{}", "{}"), ("voice.yaml", 9, "{'a': 'x' * 9999}", "{}"),
    ("report.json", 9, "{}", "{'a': 'x' * 9999}"),
):  # fmt: skip
    WRITTEN[f"folder: {_file}"] = (
        _file, FOLDER.replace("WAVE", str(_wave)), f"write_voice_folder(place, request, tuned, {_card}, {_report})",
    )  # fmt: skip
ENDED = f"""
import resource, signal, sys
from pathlib import Path
import numpy as np
from gptsovits.whole import write_whole
place = Path(sys.argv[1])
PREPARED
signal.signal(signal.SIGXFSZ, signal.SIG_DFL if sys.argv[2] == 'killed' else signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))
WRITES
"""
"""Writes more than the system lets it: that is a disk that is full, or the end of the process at this very byte."""


def _ended(case: str, place: Path, how: str) -> subprocess.CompletedProcess[bytes]:
    _, prepared, writes = WRITTEN[case]
    code = ENDED.replace("PREPARED", prepared).replace("WRITES", writes)
    return subprocess.run([sys.executable, "-B", "-c", code, str(place), how], capture_output=True, check=False)


@pytest.mark.parametrize("case", WRITTEN)
def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(case: str, tmp_path: Path) -> None:
    path = tmp_path / WRITTEN[case][0]
    path.write_bytes(OLD)
    ended = _ended(case, tmp_path, "full")
    assert ended.returncode == 1
    assert any(told in ended.stderr for told in (b"File too large", b"System error")), ended.stderr.decode()
    assert path.read_bytes() == OLD
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("case", WRITTEN)
def test_a_kill_leaves_the_old_file(case: str, tmp_path: Path) -> None:
    path = tmp_path / WRITTEN[case][0]
    path.write_bytes(OLD)
    ended = _ended(case, tmp_path, "killed")
    assert ended.returncode == -signal.SIGXFSZ, ended.stderr.decode()
    assert path.read_bytes() == OLD


def test_a_kill_leaves_no_file_where_there_was_none(tmp_path: Path) -> None:
    assert _ended("text", tmp_path, "killed").returncode == -signal.SIGXFSZ
    assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]


def test_what_is_written_has_the_rights_of_a_new_file_or_of_the_old_one(tmp_path: Path) -> None:
    path, plain = tmp_path / "a", tmp_path / "b"
    plain.write_text("x")
    write_whole(path, "好")
    assert path.read_bytes() == "好".encode()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    path.chmod(0o600)
    write_whole(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)


def test_a_link_is_replaced_unless_it_shall_be_followed(tmp_path: Path) -> None:
    """A link of a pulled voice names an object of the cache; a link that the user names is a place of theirs."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(OLD)
    link.symlink_to(target)
    write_whole(link, b"through", follow=True)
    assert (target.read_bytes(), link.is_symlink()) == (b"through", True)
    write_whole(link, b"own")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"through", b"own", False)


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"said")
    reader.join(10)
    assert heard == [b"said"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, b"x")


def test_an_error_of_the_writer_changes_nothing_and_a_long_name_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / ("长" * 84)
    write_whole(path, OLD)
    with pytest.raises(TypeError), replacing(path) as beside, beside.open("wb") as file:
        file.writelines([b"half", "of it"])  # type: ignore[list-item]
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_a_clip_is_for_all_who_may_read_new_files(tmp_path: Path) -> None:
    """What safetensors 0.8 writes is for its owner alone."""
    old = os.umask(0o022)
    try:
        path = write_clip(tmp_path, TrainingClip("one", *[np.zeros(1, np.float32)] * 4))  # type: ignore[arg-type]
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
