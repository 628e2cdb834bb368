"""A Dockerfile for each image, for those who build with buildah, podman or docker: written from the same table.

`python -m tools.images dockerfiles` writes them to `images/`; a test keeps them fresh.
"""

from __future__ import annotations

import json

from tools.images.locks import FOLDER
from tools.images.table import DATA, ENVIRONMENT, IMAGES, USER, Image

_TEXT = """\
# Written by `python -m tools.images dockerfiles` from tools/images/table.py.
# From the root of the project: buildah build -f images/{name}.Dockerfile -t voicehub/{name} .
# Pin PYTHON to a digest of your registry for builds that come out the same.
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm

FROM ${{PYTHON}} AS build
WORKDIR /source
COPY images/*.lock images/
{compiler}{install}COPY . .
RUN pip wheel --no-deps --wheel-dir /wheels . \\
 && pip install --no-cache-dir --no-deps --prefix=/installed /wheels/voicehub-*.whl

FROM ${{PYTHON}}
LABEL org.opencontainers.image.title="{name}" \\
      org.opencontainers.image.description="{about}" \\
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 libstdc++6 && rm -rf /var/lib/apt/lists/* \\
 && groupadd --gid {user} voicehub && useradd --uid {user} --gid {user} --no-create-home --home-dir {data} voicehub \\
 && install -d -o {user} -g {user} {data}
COPY --from=build /installed /usr/local
ENV {environment}
WORKDIR {data}
USER {user}:{user}
{expose}ENTRYPOINT {command}
"""
_COMPILER = "RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev  # webrtcvad is source\n"
_INSTALL = "RUN pip install --no-cache-dir --no-deps --require-hashes --prefix=/installed -r images/{lock}.lock\n"


def text(image: Image) -> str:
    """The Dockerfile."""
    ports = " ".join(str(port) for port in sorted(image.ports.values()))
    # Both kinds of image see their own Python first.
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "PATH"}
    return _TEXT.format(
        name=image.name,
        about=image.about,
        user=USER,
        data=DATA,
        compiler=_COMPILER if "torch" in image.layers else "",
        install="".join(_INSTALL.format(lock=lock) for lock in image.layers),
        environment=" \\\n    ".join(f"{name}={value}" for name, value in environment.items()),
        expose=f"EXPOSE {ports}\n" if ports else "",
        command=json.dumps(list(image.command)),
    )


def stale() -> list[str]:
    """Names of images whose Dockerfile is not what the table says."""
    return [image.name for image in IMAGES if _read(image) != text(image)]


def write() -> None:
    """All of them."""
    for old in FOLDER.glob("*.Dockerfile"):
        old.unlink()
    for image in IMAGES:
        (FOLDER / f"{image.name}.Dockerfile").write_text(text(image))


def _read(image: Image) -> str:
    path = FOLDER / f"{image.name}.Dockerfile"
    return path.read_text() if path.exists() else ""
