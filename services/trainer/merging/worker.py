"""The merging of one request: `python -m services.trainer.merging.worker FOLDER`, one JSON object on its output.

`request.json` has `options` (of the recipe), `ours`, `theirs` and `parents` (the version graph as far as it matters),
and `versions`: by id their `tensors` [{name, dtype, shape, digest}], `configs`, `requires`, `family` and `lexicon`
(digest or empty). Objects lie in FOLDER/objects by digest. What it makes lies in FOLDER/result: the same input gives
the same bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from numpy.typing import NDArray

from gptsovits.formats.checkpoint_writer import HEADS, ConfigStyle, write_checkpoint
from gptsovits.formats.kept import tensor_of
from gptsovits.merging import Merged, NotMergeable, Recipe, Voice, build, merge, plan_base
from services.common.processes import die_with_parent

FILES = {"s1": "merged.ckpt", "s2": "merged.pth", "lexicon": "lexicon.yaml"}
"""Names of what is made, by role."""


class Tensors(Mapping[str, NDArray[Any]]):
    """The tensors of a version, read from their objects when they are looked at: one at a time is in memory."""

    def __init__(self, listed: list[dict[str, Any]], objects: Path) -> None:
        self._listed, self._objects = {one["name"]: one for one in listed}, objects

    def __getitem__(self, name: str) -> NDArray[Any]:
        told = self._listed[name]
        content = (self._objects / told["digest"]).read_bytes()
        return tensor_of(content, told["dtype"], told["shape"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)


def main() -> int:
    """0, with the report or with why these versions cannot be merged."""
    die_with_parent()
    folder = Path(sys.argv[1])
    request = json.loads((folder / "request.json").read_text("utf-8"))
    try:
        answer: dict[str, Any] = {"report": work(request, folder)}
    except NotMergeable as error:
        answer = {"failure": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def work(request: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Writes the merged voice; what happened part by part.

    Raises:
        NotMergeable: with all that stands against it.
    """
    recipe = Recipe.of(request["options"])

    def load(version: str) -> Voice:
        return _voice(request["versions"][version], folder / "objects")

    plan = plan_base(request["parents"], request["ours"], request["theirs"])
    merged = merge(build(plan, load, recipe), load(request["ours"]), load(request["theirs"]), recipe)
    _write(merged, request["versions"][request["ours"]]["family"], folder / "result")
    return [vars(one) for one in merged.report]


def _voice(told: Mapping[str, Any], objects: Path) -> Voice:
    words = yaml.safe_load((objects / told["lexicon"]).read_text("utf-8")) if told["lexicon"] else None
    return Voice(Tensors(told["tensors"], objects), told["configs"], told["requires"], words or {})


def _write(merged: Merged, family: Any, result: Path) -> None:
    result.mkdir()
    for stage in ("s1", "s2"):
        own = {
            name.removeprefix(f"{stage}/"): value
            for name, value in merged.voice.tensors.items()
            if name.startswith(f"{stage}/")
        }
        style: ConfigStyle = "hparams" if stage == "s2" else "plain"
        head = HEADS.get(family, "PK") if stage == "s2" else "PK"
        config = merged.voice.configs.get(stage) or {}
        write_checkpoint(result / FILES[stage], own, config, "merged", head=head, config_style=style)
    if merged.voice.lexicons:
        text = yaml.safe_dump(dict(merged.voice.lexicons), allow_unicode=True)
        (result / FILES["lexicon"]).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
