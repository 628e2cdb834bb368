"""Recordings of named voice artists, to compare a voice with and to mix: never trained on, never committed.

Debian ships the spoken prompts of a telephone exchange as packages, one artist each: studio speech, 16 kHz, G.722. A
package is fetched once by `apt-get` into a folder of its own, which needs no administrator; its digest is pinned.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SAMPLE_RATE = 16000
VERSION = "1.6.1-1"
SHORTEST_SECONDS = 1.5
NO_SPEECH = ("tt-monkeys",)
_WALL_SECONDS = 300


class ArtistsMissing(Exception):
    """The recordings cannot be had on this machine; the message says why and what to do."""


@dataclass(frozen=True)
class Artist:
    """A person, the Debian package with their recordings, the SHA-256 of the package, and the licence of the sound."""

    name: str
    package: str
    digest: str
    license: str


ARTISTS = (
    Artist(
        "Allison Smith", "asterisk-core-sounds-en-g722",
        "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806", "CC-BY-SA-3.0",
    ),
    Artist(
        "June Wallack", "asterisk-core-sounds-fr-g722",
        "7add61d5e42279ecff1bbdf842a5a946ac3644fac9a0fe44384731aa7270c8e0", "CC-BY-SA-3.0",
    ),
    Artist(
        "Carlo Flora", "asterisk-core-sounds-it-g722",
        "46b4cf7afc508a5fcfc051b7ea233251c0d195dd4ef83cc4b7facb4c6429b016", "CC-BY-3.0",
    ),
    Artist(
        "ivrvoice.ru", "asterisk-core-sounds-ru-g722",
        "673b4238a6b8269960f055d868c6a11083f7a0d00979167cb01554046b48ed9b", "CC-BY-3.0",
    ),
)  # fmt: skip
"""Four people. The Spanish package is left out: its artist is the English one."""


def cache_folder() -> Path:
    """`$VOICEHUB_CACHE`, else `~/.cache/voicehub`."""
    return Path(os.environ.get("VOICEHUB_CACHE") or Path.home() / ".cache" / "voicehub")


def prompts(artist: Artist) -> list[Path]:
    """The artist's recordings, longest first; fetched the first time.

    Raises:
        ArtistsMissing: there is no `apt-get` or `dpkg-deb`, no package index can be reached, or the package is not
            the pinned one.
    """
    folder = cache_folder() / "artists" / f"{artist.package}-{artist.digest[:12]}"
    if not folder.is_dir():
        _fetch(artist, folder)
    found = [path for path in folder.rglob("*.g722") if "silence" not in path.parts and path.stem not in NO_SPEECH]
    return sorted(found, key=lambda path: (-path.stat().st_size, path.name))


def speech(files: Sequence[Path], seconds: float) -> Floats:
    """Mono speech at 16 kHz from the beginning of `files`, one after another, of at most `seconds`."""
    pieces: list[Floats] = []
    for path in files:
        pieces.append(read_g722(path))
        if sum(map(len, pieces)) >= seconds * SAMPLE_RATE:
            break
    return np.concatenate(pieces)[: int(seconds * SAMPLE_RATE)]


def read_g722(path: Path) -> Floats:
    """A G.722 file (ITU-T G.722, 64 kbit/s, no header) as float32 mono (n,) at 16 kHz."""
    import av

    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(container.streams.audio[0])]
    return np.concatenate(frames).astype(np.float32) / np.float32(32768)


def _fetch(artist: Artist, target: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise ArtistsMissing(
            f"The recordings of {artist.name} come with the Debian package {artist.package}, and this machine "
            f"has no apt-get and dpkg-deb. Fetch {artist.package}_{VERSION}_all.deb on "
            f"one that has, and unpack it to {target}."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as place:
        package = _download(artist, Path(place))
        _check(artist, package)
        unpacked = Path(place) / "unpacked"
        subprocess.run(["dpkg-deb", "-x", str(package), str(unpacked)], check=True, capture_output=True)
        if not target.is_dir():  # another process may have been faster
            unpacked.rename(target)


def _download(artist: Artist, place: Path) -> Path:
    """With the system's package index; where it is empty or stale, with one of our own."""
    own = [f"-o=Dir::State={place / 'state'}", "-o=Dir::State::lists=lists", f"-o=Dir::Cache={place / 'cache'}"]
    wanted = f"{artist.package}={VERSION}"
    attempts: tuple[tuple[list[str], ...], ...] = (
        (["apt-get", "-q", "download", wanted],),
        (["apt-get", "-q", *own, "update"], ["apt-get", "-q", *own, "download", wanted]),
    )
    said = ""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (place / name).mkdir(parents=True)
    for commands in attempts:
        said = "".join(_run(command, place) for command in commands)
        found = sorted(place.glob("*.deb"))
        if found:
            return found[0]
    raise ArtistsMissing(
        f"The package {artist.package} {VERSION} (recordings of {artist.name}) cannot be fetched: "
        f"{said.strip().splitlines()[-1] if said.strip() else 'apt-get is silent'}. "
        "It is in Debian's main archive: check /etc/apt/sources.list and the network."
    )


def _run(command: Sequence[str], place: Path) -> str:
    done = subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=_WALL_SECONDS, check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    return done.stderr if done.returncode else ""


def _check(artist: Artist, package: Path) -> None:
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    if digest != artist.digest:
        raise ArtistsMissing(
            f"{artist.package} has the digest {digest[:12]}…, not the pinned {artist.digest[:12]}…: it is not used."
        )


def main() -> int:
    """Fetches all packages; says on stderr what cannot be had."""
    missing = 0
    for artist in ARTISTS:
        try:
            prompts(artist)
        except ArtistsMissing as error:
            sys.stderr.write(f"{error}\n")
            missing += 1
    return int(missing > 0)


if __name__ == "__main__":
    sys.exit(main())
