"""`python -m tools.wheel`: whether the wheel is whole, and a hub without the trainer small.

Builds the wheel, installs it alone into a fresh environment that borrows this one's dependencies, starts `voicehub up`
there and fetches the page; then adds up what an installation of `voicehub[hub]` weighs. Needs a package index for the
build backend only.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request
import venv
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 400_000_000


def closure(name: str, extras: frozenset[str]) -> dict[str, Distribution]:
    """The installed distributions that `name[extras]` brings, itself included, by normalised name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [(name, extras)]
    while todo:
        wanted, wanted_extras = todo.pop()
        key = re.sub(r"[-_.]+", "-", wanted).lower()
        if (key, wanted_extras) in seen:
            continue
        seen.add((key, wanted_extras))
        try:
            found[key] = distribution(wanted)
        except PackageNotFoundError:
            continue  # not for this platform
        for text in found[key].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in wanted_extras or {""}
            ):
                todo.append((requirement.name, frozenset(requirement.extras)))
    return found


def weight(package: Distribution) -> int:
    """Bytes of its files on disk."""
    paths = (Path(str(package.locate_file(file))) for file in package.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())


def hub_weight() -> int:
    """Bytes of `voicehub[hub]`: its dependencies as installed here, and this checkout's own packages, without tests."""
    packages = closure("voicehub", frozenset({"hub"}))
    own = packages.pop("voicehub")
    del own  # editable here: its files lie in the checkout
    folders = ("services", "gptsovits", "voicescan", "sdk/voicehub", "web/page")
    files = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    ours = sum(path.stat().st_size for path in files if not _left_out(path))
    return ours + sum(weight(package) for package in packages.values())


def _left_out(path: Path) -> bool:
    """Whether a file is in no wheel, as `pyproject.toml` says."""
    alone = path.name.startswith("test_") or path.name == "conftest.py"
    return alone or not {"tests", "__pycache__"}.isdisjoint(path.parts)


def build(folder: Path) -> Path:
    """The wheel of this checkout."""
    builder = folder / "builder"
    venv.create(builder, with_pip=True)
    command = [str(builder / "bin" / "pip"), "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    return next(folder.glob("voicehub-*.whl"))


def install(wheel: Path, folder: Path) -> Path:
    """A Python that has the wheel, and this environment's other packages; nothing of this checkout."""
    place = folder / "installed"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True)
    packages = next((place / "lib").glob("python*/site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def fetch_page(python: Path, folder: Path) -> str:
    """The page of a hub that the installation starts."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VOICEHUB_"))}
    command = [str(python), "-m", "voicehub.cli.main", "up", "--data", str(folder / "hub"), "--json"]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as hub:
        try:
            assert hub.stdout is not None
            lines = []
            for line in hub.stdout:
                lines.append(line)
                if line.startswith("}"):
                    break
            url = json.loads("".join(lines))["url"]
            with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own address
                page = str(answer.read().decode())
            script = re.search(r'src="([^"]+\.js)"', page)
            with urllib.request.urlopen(f"{url}/{script[1].lstrip('/')}" if script else url, timeout=30) as answer:  # noqa: S310
                answer.read()
            return page
        finally:
            hub.terminate()


def main() -> int:
    """0 when the page came and the hub is small enough."""
    with tempfile.TemporaryDirectory(prefix="voicehub-wheel-") as place:
        folder = Path(place)
        wheel = build(folder)
        page = fetch_page(install(wheel, folder), folder)
        sys.stdout.write(
            f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB; its hub's page has {len(page)} characters\n"
        )
    bytes_ = hub_weight()
    sys.stdout.write(f"voicehub[hub] weighs {bytes_ / 1e6:.0f} MB (at most {MOST_BYTES / 1e6:.0f})\n")
    return int(bytes_ > MOST_BYTES or "VoiceHub" not in page)


if __name__ == "__main__":
    sys.exit(main())
