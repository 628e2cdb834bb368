"""What the export worker says when it cannot do its work: the store is away, or the voice does not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.common.objects import Area, open_store
from services.inference.export_worker import AWAY, REFUSED
from services.launcher.plan import free_ports


@pytest.mark.parametrize("away", [True, False])
def test_a_store_that_is_away_says_nothing_about_the_voice(away: bool, tmp_path: Path) -> None:
    folder = f"file://{tmp_path}/objects"
    tensor = open_store(folder).put(Area.SERVED, [bytes(16)])
    order = {
        "objects_url": f"s3+http://key:secret@127.0.0.1:{free_ports(1)[0]}/bucket" if away else folder,
        "family": "v2",
        "tensors": [{"name": "s1/weight", "dtype": "float32", "shape": [4], "digest": tensor.digest}],
        "configs": {},
        "requires": {},
        "out": str(tmp_path / "bundle"),
    }
    (tmp_path / "order.json").write_text(json.dumps(order))
    command = [sys.executable, "-m", "services.inference.export_worker", str(tmp_path / "order.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == (AWAY if away else REFUSED), done.stderr
    assert done.stdout.strip()
