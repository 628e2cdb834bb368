"""`python -m tools.images build|lock|dockerfiles`: images of the services without a docker daemon."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.images import dockerfiles, locks
from tools.images.build import OUT, REGISTRY, build
from tools.images.layout import Layout
from tools.images.table import IMAGES, chosen


def main(arguments: Sequence[str]) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.images", description=(__doc__ or "").partition(":")[2])
    parser.add_argument("verb", choices=("build", "lock", "dockerfiles"))
    parser.add_argument("names", nargs="*", help=f"some of: {', '.join(image.name for image in IMAGES)} (default: all)")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--registry", default=REGISTRY, help="host name in front of the images' names")
    parser.add_argument("--tag", default="", help="default: the project's version")
    parser.add_argument("--archive", type=Path, help="write these images as one OCI archive, too")
    given = parser.parse_args(arguments)
    if given.verb == "lock":
        locks.write()
        return 0
    if given.verb == "dockerfiles":
        dockerfiles.write()
        return 0
    try:
        images = chosen(given.names)
    except ValueError as error:
        parser.error(str(error))
    built = build(images, given.out.resolve(), given.registry, given.tag)
    for one in built.values():
        size = sum(layer.size for layer in one.layers) / 1e6
        print(f"{one.reference} {one.digest} {size:,.0f} MB")
    if given.archive:
        with given.archive.open("wb") as target:
            Layout(given.out.resolve() / "oci").write_archive(target, list(built.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
