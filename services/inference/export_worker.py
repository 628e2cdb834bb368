"""A process of its own with torch: tensors from the served area to an ONNX bundle. `python -m … ORDER.json`."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gptsovits.errors import VoiceError
from gptsovits.formats.kept import tensor_of
from services.common.away import is_away
from services.common.objects import Area, ObjectStore, open_store
from services.common.processes import die_with_parent

GIB = 1 << 30
REFUSED, AWAY = 3, 4


def main(arguments: Sequence[str]) -> int:
    """0 when the bundle is written; `REFUSED` with one sentence on stdout when the voice cannot be exported.

    `AWAY` when the object store did not answer: that says nothing about the voice.
    """
    die_with_parent()  # nobody else would end it, and the export comes again
    _limit()
    order = json.loads(Path(arguments[0]).read_text())
    objects = open_store(order["objects_url"])
    try:
        _export(order, _stage(objects, order["tensors"], "s1/"), _stage(objects, order["tensors"], "s2/"))
    except (VoiceError, KeyError, TypeError, ValueError) as error:
        sys.stdout.write(
            f"{error}\n" if isinstance(error, VoiceError) else f"The configuration does not fit: {error!r}\n"
        )
        return REFUSED
    except OSError as error:
        if not is_away(error):
            raise
        sys.stdout.write(f"{error}\n")
        return AWAY
    return 0


def _export(order: Mapping[str, Any], s1: dict[str, NDArray[Any]], s2: dict[str, NDArray[Any]]) -> None:
    import torch

    torch.set_num_threads(1)
    configs, out = order["configs"], Path(order["out"])
    if order["family"] == "nano":
        from gptsovits.nano.export import export_bundle as export_nano

        export_nano(s1, configs["s1"], s2, configs["s2"], out, requires=order["requires"])
        return
    from gptsovits.export.bundle import export_bundle

    export_bundle(s1, configs["s1"], s2, configs["s2"], out, requires=order["requires"])


def _stage(objects: ObjectStore, tensors: Sequence[Mapping[str, Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {t["name"].removeprefix(prefix): _array(objects, t) for t in tensors if t["name"].startswith(prefix)}


def _array(objects: ObjectStore, tensor: Mapping[str, Any]) -> NDArray[Any]:
    with objects.open(Area.SERVED, tensor["digest"]) as stream:
        return tensor_of(stream.read(), tensor["dtype"], tensor["shape"])


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (1800, 1800))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * GIB, 4 * GIB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
