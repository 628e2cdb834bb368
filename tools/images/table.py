"""Which images there are, and what each is made of."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USER = 10001
"""User and group of every process; no image runs as root."""
DATA = "/var/lib/voicehub"
PACKAGES = "/usr/local/lib/python3.11/dist-packages"
"""Where Debian's Python looks for what Debian did not bring."""
ENVIRONMENT: Mapping[str, str] = {
    "HOME": "/tmp",  # noqa: S108 - the one folder of a read-only container that can be written
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "VOICEHUB_DATA": DATA,
}


LIGHT = ("light",)
SPEECH = (*LIGHT, "speech")
TORCH = ("torch", *SPEECH)
"""The largest layer is the lowest, because it changes least."""
OPERATOR = ("operator",)


@dataclass(frozen=True)
class Image:
    """One image.

    Attributes:
        name: its repository below `voicehub/`.
        command: what it runs.
        about: one line for its label.
        layers: packages that it carries, by their locks in `images/`.
        ports: by what listens on them.
        folder: where it starts.
        environment: of its processes.
    """

    name: str
    command: tuple[str, ...]
    about: str
    layers: tuple[str, ...] = LIGHT
    ports: Mapping[str, int] = field(default_factory=dict)
    folder: str = DATA
    environment: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)


GRPC, HTTP, METRICS = 50051, 8080, 9090


def _service(name: str, about: str, layers: tuple[str, ...] = LIGHT, **more: int) -> Image:
    command = ("python3", "-m", f"services.{name}")
    return Image(name, command, about, layers, {"grpc": GRPC, "metrics": METRICS, **more})


IMAGES = (
    _service("catalog", "Repositories, versions, search"),
    _service("gateway", "Public REST API and page; voicehub-admin", http=HTTP),
    _service("scanner", "Quarantine and verdicts"),
    _service("inference", "Speech and exports, with torch", TORCH),
    _service("trainer", "Recordings and training jobs"),
    Image(
        "operator",
        ("python3", "-m", "voicehub_operator"),
        "Makes Jobs of TrainingJobs",
        OPERATOR,
        {"health": HTTP, "metrics": METRICS},
    ),
    Image("worker", ("python3", "-m", "services.trainer.pod"), "Trains one voice, with torch", TORCH),
)


def version() -> str:
    """Of the project, and of its images."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def chosen(names: list[str]) -> tuple[Image, ...]:
    """The named images, or all; ValueError names the unknown."""
    known = {image.name: image for image in IMAGES}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"Unknown image {', '.join(unknown)}; there are: {', '.join(known)}.")
    return tuple(known[name] for name in names) if names else IMAGES
