"""Access to the recorded cases of the reference."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "tests" / "data" / "golden" / "text"


def recorded(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
