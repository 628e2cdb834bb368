"""What the README promises of the demo: its tours go on with the voice that `make demo` has made."""

from __future__ import annotations

import re
from pathlib import Path

from tools.demo.__main__ import HUB
from tools.demo.story import VOICE

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tours_use_the_voice_that_the_demo_makes() -> None:
    assert set(re.findall(r"\bdemo/[a-z]+", README)) - {"demo/stage"} == {VOICE}


def test_the_developer_starts_the_hub_that_has_it() -> None:
    assert f"voicehub up --data {HUB} --port 8080" in README
