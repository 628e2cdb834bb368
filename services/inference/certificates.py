"""The hub's own certificates for provenance: a root and a signing certificate under it, made once."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEARS = 10
ROOT, CHAIN, KEY = "root.pem", "chain.pem", "signing.pem"


@dataclass(frozen=True)
class Chain:
    """Signing certificate and root as PEM, and the signing key as PEM (PKCS 8)."""

    certificates: bytes
    key: bytes


def hub_chain(folder: Path) -> Chain:
    """The chain below ``folder``; made at the first call. The root's key is forgotten: nothing else can be issued."""
    if not (folder / KEY).is_file():
        _make(folder)
    return Chain((folder / CHAIN).read_bytes(), (folder / KEY).read_bytes())


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    root_key, signing_key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    root = _root(root_key)
    signing = _signing(signing_key, root, root_key)
    pem = serialization.Encoding.PEM
    _write(folder / ROOT, root.public_bytes(pem), 0o644)
    _write(folder / CHAIN, signing.public_bytes(pem) + root.public_bytes(pem), 0o644)
    private = signing_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(folder / KEY, private, 0o600)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "VoiceHub"),
                      x509.NameAttribute(NameOID.COMMON_NAME, common)])  # fmt: skip


def _root(key: EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name(f"VoiceHub provenance root {secrets.token_hex(4)}")
    made = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return made.add_extension(_usage(signs_certificates=True), critical=True).sign(key, hashes.SHA256())


def _signing(
    key: EllipticCurvePrivateKey, root: x509.Certificate, root_key: EllipticCurvePrivateKey
) -> x509.Certificate:
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    made = _builder(_name("VoiceHub synthesis"), root.subject, key)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = made.add_extension(_usage(signs_certificates=False), critical=True)
    made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return made.add_extension(authority, critical=False).sign(root_key, hashes.SHA256())


def _builder(subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    made = made.not_valid_after(now + timedelta(days=365 * YEARS))
    return made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Writes a file that is there whole or not at all."""
    unfinished = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    os.replace(unfinished, path)
