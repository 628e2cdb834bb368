"""Word distance and intervals."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gptsovits.judge.intelligibility import WordErrors, distance, pooled, words
from gptsovits.judge.intervals import interval, paired_gain


def test_words_are_spelled_out() -> None:
    assert words("Dr. Who paid 21 dollars!") == ["doctor", "who", "paid", "twenty", "one", "dollars"]


@pytest.mark.parametrize(("heard", "errors"), [("a b c", 0), ("a c", 1), ("a x c", 1), ("a b b c", 1), ("", 3)])
def test_distance(heard: str, errors: int) -> None:
    assert distance(["a", "b", "c"], heard.split()) == errors


def test_pooled_weighs_by_words() -> None:
    assert pooled([WordErrors(1, 1, ""), WordErrors(0, 3, "")]) == 0.25


def test_interval_holds_the_mean_and_a_gain_is_sure_only_when_it_is() -> None:
    found = interval([0.1, 0.2, 0.3, 0.4])
    assert found.low <= found.mean <= found.high
    assert paired_gain([0.8, 0.9, 0.85], [0.5, 0.6, 0.7]).low > 0
    assert paired_gain([0.5, 0.9], [0.9, 0.5]).low < 0


def test_a_judge_says_nothing_on_the_terminal() -> None:
    """Whoever trained a voice read a warning first, of a package that a package of the judge imports."""
    done = subprocess.run([sys.executable, "-c", "import gptsovits.judge.similarity"], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_what_else_is_to_be_warned_of_is_told(tmp_path: Path) -> None:
    """One warning is known and hidden; every other of that import was hidden with it."""
    (tmp_path / "resemblyzer.py").write_text("import warnings\nwarnings.warn('the weights are old')\n")
    first = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", "import gptsovits.judge.similarity"],
        env={**os.environ, "PYTHONPATH": first}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "the weights are old" in done.stderr
