"""Pushes a trained voice to the catalog through the same door as everybody's push: quarantine, then a version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import yaml
from google.protobuf import struct_pb2

from gptsovits.pipeline.stated import CREATOR_KEYS
from services.common import rpc
from services.common.errors import from_rpc
from services.common.identity import Identity, Signer
from services.common.objects import Area, ObjectStore
from services.common.objects.port import chunks_of
from services.stubs.voicehub.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from services.stubs.voicehub.common.v1 import common_pb2
from services.trainer.domain.jobs import Job

ROLES = {"s1.ckpt": "s1", "s2.pth": "s2", "prompt.wav": "prompt", "prompt.safetensors": "prompt"}


class Publisher:
    """Speaks to the catalog for the account that asked for the training."""

    def __init__(self, address: str, signer: Signer, objects: ObjectStore, certificate: Path | None = None) -> None:
        self._address, self._signer, self._objects = address, signer, objects
        self._certificate = certificate

    def __call__(self, job: Job, voice: Path) -> str:
        """Uploads the voice folder and answers the id of the version; pushing twice makes one version."""
        files = [
            common_pb2.UploadedFile(role=role, filename=name, object=self._upload(voice / name))
            for name, role in ROLES.items()
            if (voice / name).exists()
        ]
        request = catalog_pb2.CreateVersionRequest(
            owner=job.owner,
            name=job.name,
            visibility_if_new=_visibility(job),
            message=f"Trained from {job.filename or 'a recording'}",
            card=_struct(yaml.safe_load((voice / "voice.yaml").read_text())),
            declaration=common_pb2.Declaration(**job.declaration),
            files=files,
            figures=_struct(json.loads((voice / "report.json").read_text())["figures"]),
            idempotency_key=f"training-{job.id}",
            training_job=job.id,
        )
        return str(self._ask(job, request).version.id)

    def check(self, job: Job) -> None:
        """Raises what the push of this job would be refused for, before it is trained: nobody could mend it after."""
        stated = {key: job.card[key] for key in CREATOR_KEYS if job.card.get(key)}
        request = catalog_pb2.CreateVersionRequest(
            owner=job.owner,
            name=job.name,
            visibility_if_new=_visibility(job),
            card=_struct({"languages": [job.language], **stated}),
            declaration=common_pb2.Declaration(**job.declaration),
            check_only=True,
        )
        self._ask(job, request)

    def _ask(self, job: Job, request: catalog_pb2.CreateVersionRequest) -> catalog_pb2.CreateVersionResponse:
        identity = Identity(account=job.account, service="trainer")
        with rpc.make_channel(self._address, lambda: self._signer.sign(identity), self._certificate) as channel:
            try:
                return catalog_pb2_grpc.CatalogServiceStub(channel).CreateVersion(request)
            except grpc.RpcError as error:
                raise from_rpc(error) from error

    def _upload(self, path: Path) -> common_pb2.ObjectRef:
        with path.open("rb") as stream:
            info = self._objects.put(Area.QUARANTINE, chunks_of(stream))
        return common_pb2.ObjectRef(digest=info.digest, size=info.size)


def _visibility(job: Job) -> catalog_pb2.Visibility.ValueType:
    return catalog_pb2.VISIBILITY_PRIVATE if job.private else catalog_pb2.VISIBILITY_PUBLIC


def _struct(value: dict[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(value)
    return made
