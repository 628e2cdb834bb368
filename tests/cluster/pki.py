"""Keys and certificates of one cluster, in files that belong to it alone."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = dt.timedelta(days=30)
PEM = serialization.Encoding.PEM


class Authority:
    """Signs certificates for clients and servers, which lie as `NAME.crt` and `NAME.key` beside its own.

    Args:
        folder: of the files.
        name: of the authority; what it signed in an earlier life of the cluster stays as it is.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._name = folder, name
        if not self.certificate.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            subject = _subject(name, "")
            usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            builder = _builder(subject, subject, key.public_key())
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            _write_key(self.key, key)
            _write(self.certificate, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()))

    @property
    def certificate(self) -> Path:
        """What clients and servers trust."""
        return self._folder / f"{self._name}.crt"

    @property
    def key(self) -> Path:
        """What signs."""
        return self._folder / f"{self._name}.key"

    def issue(
        self, name: str, common_name: str, organisation: str = "", hosts: Sequence[str] = ()
    ) -> tuple[Path, Path]:
        """Certificate and key; `organisation` is the group of a user of Kubernetes, `hosts` are names and addresses."""
        certificate, key_file = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        if not certificate.exists():
            issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            key = ec.generate_private_key(ec.SECP256R1())
            builder = _builder(_subject(common_name, organisation), issuer.subject, key.public_key())
            purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            if hosts:
                builder = builder.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
            _write_key(key_file, key)
            signer = serialization.load_pem_private_key(self.key.read_bytes(), None)
            assert isinstance(signer, ec.EllipticCurvePrivateKey)
            _write(certificate, builder.sign(signer, hashes.SHA256()))
        return certificate, key_file

    def kubeconfig(self, name: str, server: str, common_name: str, organisation: str = "") -> Path:
        """A client's access to the API at `server` as this user, in one file without references to others."""
        certificate, key = self.issue(name, common_name, organisation)
        cluster = {"server": server, "certificate-authority-data": _encoded(self.certificate)}
        user = {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "voicehub", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "voicehub", "context": {"cluster": "voicehub", "user": name}}],
            "current-context": "voicehub",
        }
        path = self._folder / f"{name}.kubeconfig"
        path.touch(0o600)
        path.write_text(json.dumps(content))  # JSON is YAML
        return path


def signing_key(path: Path) -> Path:
    """The key of ServiceAccount tokens; its public half lies in `PATH.pub`."""
    if not path.exists():
        key = rsa.generate_private_key(65537, 2048)
        public = key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        path.with_name(f"{path.name}.pub").write_bytes(public)
        _write_key(path, key)
    return path


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
    return builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + VALID)


def _subject(common_name: str, organisation: str) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.touch(0o600)
    plain = serialization.NoEncryption()
    path.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain))


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
