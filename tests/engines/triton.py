"""NVIDIA Triton from the wheel `nvidia-pytriton`: the real server; its python backend runs onnxruntime here."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from tests.engines.cache import made
from tests.engines.maven import LOCKS
from tests.engines.ports import LOOPBACK, free_ports
from tests.engines.server import Server
from tests.engines.wheels import wheel

_opener = build_opener(ProxyHandler({}))


class Triton(Server):
    """One server on a repository of its own; models are loaded when they are asked for."""

    name, setting = "triton", "VOICEHUB_INFERENCE_URL"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._wheel = wheel("triton")
        self._server = self._wheel / "pytriton" / "tritonserver"
        self._python = _backend(self._server)
        self.repository = self.home / "models"
        self.repository.mkdir(exist_ok=True)
        self.port, self._http, self._metrics = free_ports(3)

    @property
    def url(self) -> str:
        """gRPC, and the repository that hub and server share."""
        return f"triton://{LOOPBACK}:{self.port}{self.repository}"

    def command(self) -> Sequence[str | Path]:
        """Explicit control of models, on the loopback alone."""
        settings = {
            "model-repository": self.repository,
            "model-control-mode": "explicit",
            "strict-readiness": "false",
            "exit-timeout-secs": 5,
            "backend-directory": self._python / "backends",
            "cache-directory": self._server / "caches",
            "http-address": LOOPBACK,
            "http-port": self._http,
            "grpc-address": LOOPBACK,
            "grpc-port": self.port,
            "metrics-address": LOOPBACK,
            "metrics-port": self._metrics,
            "allow-gpu-metrics": "false",
        }
        return [self._server / "bin" / "tritonserver", *(f"--{key}={value}" for key, value in settings.items())]

    def environment(self) -> Mapping[str, str]:
        """The backend's stub takes the first Python of the path, and needs that Python's library."""
        libraries = f"{sysconfig.get_config_var('LIBDIR')}:{self._wheel / 'nvidia_pytriton.libs'}"
        path = f"{self._python / 'venv' / 'bin'}:{os.environ['PATH']}"
        # What the tests have in theirs is not for the models: they bring their own code.
        return {"PATH": path, "LD_LIBRARY_PATH": libraries, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}

    def is_ready(self) -> bool:
        """Whether it takes requests."""
        return self._said("v2/health/ready", self._http) is not None

    def metrics(self) -> str:
        """What `/metrics` says."""
        return self._said("metrics", self._metrics) or ""

    def _said(self, path: str, port: int) -> str | None:
        try:
            with _opener.open(f"http://{LOOPBACK}:{port}/{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (URLError, OSError):
            return None


def _backend(server: Path) -> Path:
    """The folder with `backends/python` for this Python's version and `venv` with what models import."""
    lock = LOCKS / "triton-backend.requirements"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"

    def make(folder: Path) -> None:
        if not stub.exists():
            raise RuntimeError(f"Triton's python backend has no stub for Python {version}; use 3.11 or 3.12.")
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        pip: list[str | Path] = [folder / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
        install = [*pip, "install", "-q", "--no-deps", "--require-hashes", "--only-binary=:all:", "-r", lock]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"pip could not bring what Triton's models import:\n{done.stderr[-2000:]}")
        backend = folder / "backends" / "python"
        backend.mkdir(parents=True)
        for part in (*(server / "backends" / "python").iterdir(), stub):
            if part.name != stub.name or part == stub:
                (backend / part.name).symlink_to(part)

    return made("triton-backend", f"{sys.version}\n{server}\n".encode() + lock.read_bytes(), make)
