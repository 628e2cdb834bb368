"""Benches run as files, too."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("bench", ["engine", "operator"])
def test_a_bench_runs_as_a_file(bench: str) -> None:
    """`bench/operator.py` must not stand for Python's own module of that name."""
    done = subprocess.run([sys.executable, f"bench/{bench}.py", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout
