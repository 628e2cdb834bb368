"""Signed provenance (C2PA 2.x) in whole files: who made them, and that a trained model did.

The signing certificate is issued by the hub's own root, which is made once and kept below the hub's data folder
(`certificates.py`); whoever trusts that root can tell a file of this hub, and every change of it.
"""

from __future__ import annotations

import io
import json
import logging
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, cast

from gptsovits.audio.containers import Container
from services.inference.certificates import Chain, hub_chain

log = logging.getLogger(__name__)
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
IN_MEMORY = 8 << 20
MOST_BYTES = 64 << 20
"""Larger files are not signed: the library holds them in memory, about five times (measured)."""


class Provenance:
    """Signs files where the format allows it and the library is installed. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._one_at_a_time = threading.Lock()
        self._chain: Chain | None = None
        if find_spec("c2pa") is None:
            log.warning("files carry no signed provenance; install it with: pip install 'voicehub[provenance]'")
            return
        self._chain = hub_chain(folder)

    @contextmanager
    def signed(
        self, file: BinaryIO, container: Container, version_id: str, same_bytes: bool = False
    ) -> Iterator[tuple[BinaryIO, str]]:
        """The file with its manifest and `c2pa`, or the same file and why it has none."""
        if same_bytes:
            yield file, "none: C2PA would change the bytes each time"
            return
        if self._chain is None or not container.signed or file.seek(0, io.SEEK_END) > MOST_BYTES:
            yield file, f"none: C2PA {self._obstacle(container)}"
            return
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as spooled:
            target = cast(BinaryIO, spooled)
            with self._one_at_a_time:
                _sign(self._chain, file, target, container.media_type, manifest(version_id, container))
            yield target, "c2pa"

    def _obstacle(self, container: Container) -> str:
        if not container.signed:
            return f"has no place in {container.name}"
        if self._chain is None:
            return "is not installed on this hub"
        return f"is not written into files above {MOST_BYTES >> 20} MiB"


def manifest(version_id: str, container: Container) -> dict[str, Any]:
    """What is claimed of a file."""
    agent = {"name": "VoiceHub", "version": "1"}
    created = {"action": "c2pa.created", "digitalSourceType": TRAINED, "softwareAgent": agent}
    return {
        "claim_generator_info": [agent],
        "title": f"speech of voice version {version_id}",
        "format": container.media_type,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }


def _sign(chain: Chain, source: BinaryIO, target: BinaryIO, media_type: str, claims: dict[str, Any]) -> None:
    import c2pa  # late: its library is large, and an installation may lack it

    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain.certificates, chain.key, None)
    source.seek(0)
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(json.dumps(claims)) as builder:
        builder.sign(signer, media_type, source, target)
