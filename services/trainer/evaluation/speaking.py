"""The other services as evaluation needs them: the version from the catalog, its voice from inference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.protobuf.json_format import MessageToDict

from services.common.errors import Unprocessable, from_rpc
from services.common.identity import Identity, Signer
from services.common.objects import Area, ObjectStore
from services.common.objects.port import chunks_of
from services.common.rpc import make_channel
from services.stubs.voicehub.catalog.v1 import catalog_pb2
from services.stubs.voicehub.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from services.stubs.voicehub.inference.v1.inference_pb2 import SynthesizeRequest
from services.stubs.voicehub.inference.v1.inference_pb2_grpc import InferenceServiceStub

SECONDS = 300.0
SEED = 7
AUDIO = (".wav", ".flac")


@dataclass(frozen=True)
class Hub:
    """Where catalog and inference are, and who this service is."""

    catalog: str
    inference: str
    signer: Signer
    objects: ObjectStore
    certificate: Path | None = None

    def version(self, account: str | None, owner: str, name: str, ref: str) -> catalog_pb2.Version:
        """The version as that account sees it (None: the service itself); NotFound."""
        with make_channel(self.catalog, self._token(account), self.certificate) as channel:
            request = catalog_pb2.GetVersionRequest(owner=owner, name=name, ref=ref)
            try:
                return CatalogServiceStub(channel).GetVersion(request, timeout=SECONDS).version
            except grpc.RpcError as error:
                raise from_rpc(error) from error

    def speak(self, version_id: str, text: str, language: str, target: Path) -> None:
        """Speaks a sentence into a WAV, always with the same seed."""
        request = SynthesizeRequest(version_id=version_id, text=text, language=language, seed=SEED, speed=1.0)
        with make_channel(self.inference, self.signer.own, self.certificate) as channel:
            try:
                target.write_bytes(InferenceServiceStub(channel).Synthesize(request, timeout=SECONDS).wav)
            except grpc.RpcError as error:
                raise from_rpc(error) from error

    def references(self, version: catalog_pb2.Version, folder: Path) -> list[str]:
        """The audio prompts of the version, brought to a folder; their names."""
        found = []
        for number, file in enumerate(version.files):
            if not file.path.endswith(AUDIO):
                continue
            path = folder / f"reference-{number}{Path(file.path).suffix}"
            with self.objects.open(Area.SERVED, file.object.digest) as source, path.open("wb") as target:
                for chunk in chunks_of(source):
                    target.write(chunk)
            found.append(path.name)
        return found

    def _token(self, account: str | None) -> Callable[[], str]:
        if account is None:
            return self.signer.own
        return lambda: self.signer.sign(Identity(account=account, service="trainer"))


def language_of(version: catalog_pb2.Version) -> str:
    """The language it is judged in: the first of its card; Unprocessable if it cannot be heard at all."""
    if version.not_auditionable or not version.bundle:
        raise Unprocessable(
            "This version cannot be heard here, so nobody can judge it.",
            hint=version.not_auditionable or "Wait until it is published.",
            reason="NOT_AUDITIONABLE",
        )
    languages = MessageToDict(version.card).get("languages", [])
    return str(languages[0]) if languages else "en"
