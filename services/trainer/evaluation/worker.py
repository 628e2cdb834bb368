"""The judging of one evaluation: `python -m services.trainer.evaluation.worker FOLDER`, one JSON object on its output.

`request.json` has `language`, `lines` [{text, file}] and `references` [file]; all files lie in FOLDER.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gptsovits.judge.intelligibility import Listener
from gptsovits.judge.opinion import opinion
from gptsovits.judge.similarity import embedding, similarity
from gptsovits.pipeline.decode import decode
from services.common.processes import die_with_parent

RATE = 16_000
HEARD = ("en",)
JUDGES = {"similarity": "resemblyzer", "word_error_rate": "pocketsphinx", "mos": "speechmos"}
Floats = npt.NDArray[np.float32]


def main() -> int:
    """Judges every line."""
    die_with_parent()
    folder = Path(sys.argv[1])
    sys.stdout.write(json.dumps(judge(json.loads((folder / "request.json").read_text()), folder)) + "\n")
    return 0


def judge(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The judged sentences, what was not measured and why, and the judges."""
    missing: dict[str, str] = {}
    waves = [decode(folder / name, RATE).wave for name in request["references"]]
    reference = embedding(np.concatenate(waves)) if waves else None
    if reference is None:
        missing["similarity"] = "The version has no audio prompt to compare with."
    listener = Listener() if request["language"] in HEARD else None
    if listener is None:
        missing["word_error_rate"] = f"No recogniser for {request['language']} is installed; pocketsphinx hears en."
    lines = [_line(line, decode(folder / line["file"], RATE).wave, reference, listener) for line in request["lines"]]
    tools = {figure: f"{name} {version(name)}" for figure, name in JUDGES.items() if figure not in missing}
    return {"sentences": lines, "missing": missing, "tools": tools}


def _line(line: dict[str, str], wave: Floats, reference: Floats | None, listener: Listener | None) -> dict[str, Any]:
    heard = listener.judge(wave, line["text"]) if listener else None
    return {
        "text": line["text"],
        "seconds": round(len(wave) / RATE, 3),
        "similarity": None if reference is None else round(similarity(embedding(wave), reference), 4),
        "errors": heard.errors if heard else None,
        "words": heard.words if heard else None,
        "heard": heard.heard if heard else "",
        "mos": round(opinion(wave).overall, 4),
    }


if __name__ == "__main__":
    raise SystemExit(main())
