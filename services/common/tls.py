"""Mutual TLS between services: a folder with `tls.crt`, `tls.key` and `ca.crt`, as cert-manager lays Secrets out.

Whoever has no certificate of the house's authority cannot even begin a call; who speaks for whom is still decided by
the signed identity in the call. The files may be renewed under a running process: a server reads them at each
handshake, and a client, which gRPC for Python gives no such way, by being started again (`leave_when_renewed`).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509

log = logging.getLogger(__name__)
LOOK_SECONDS = 30.0
FILES = ("tls.crt", "tls.key", "ca.crt")


class TlsUnusable(Exception):
    """A file of the folder is missing or is not what its name says; the sentence names it."""


@dataclass(frozen=True)
class Pair:
    """Certificate chain, its key and the authority that the other side must be of, each PEM."""

    chain: bytes
    key: bytes
    authority: bytes


def read_pair(folder: Path) -> Pair:
    """The three files; TlsUnusable."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise TlsUnusable(f"VOICEHUB_TLS is {folder}, where there is no {', '.join(missing)}.")
    chain, key, authority = ((folder / name).read_bytes() for name in FILES)
    return Pair(chain, key, authority)


def names_of(pair: Pair) -> list[str]:
    """The DNS names for which the certificate is good; TlsUnusable if it is none."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.chain)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise TlsUnusable(f"tls.crt is no certificate with names: {error}.") from error
    return names.get_values_for_type(x509.DNSName)


def server_credentials(folder: Path) -> grpc.ServerCredentials:
    """Of a server that answers only clients with a certificate of its authority."""

    def now() -> grpc.ServerCertificateConfiguration:
        pair = read_pair(folder)
        return grpc.ssl_server_certificate_configuration([(pair.key, pair.chain)], pair.authority)

    return grpc.dynamic_ssl_server_credentials(now(), now, require_client_authentication=True)


def channel_credentials(folder: Path) -> grpc.ChannelCredentials:
    """Of a client that shows its certificate and talks only to servers of its authority."""
    pair = read_pair(folder)
    return grpc.ssl_channel_credentials(pair.authority, pair.key, pair.chain)


def channel(address: str, folder: Path | None, options: list[tuple[str, object]] | None = None) -> grpc.Channel:
    """A bare channel to `host:port`, with TLS if there is a folder."""
    if folder is None:
        return grpc.insecure_channel(address, options=options)
    return grpc.secure_channel(address, channel_credentials(folder), options=options)


def leave_when_renewed(folder: Path, look_seconds: float = LOOK_SECONDS) -> None:
    """Asks this process to end (SIGTERM) when the files have changed, so that it is started again with the new ones."""
    first = read_pair(folder)

    def watch() -> None:
        pause = threading.Event()
        while not pause.wait(look_seconds):
            try:
                if read_pair(folder) != first:
                    log.info("the certificate was renewed; starting again")
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
            except (TlsUnusable, OSError) as error:  # between the old files and the new ones
                log.warning("the certificate cannot be read now", extra={"detail": str(error)})

    threading.Thread(target=watch, name="certificate", daemon=True).start()
