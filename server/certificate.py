"""A certificate of our own for a network without one: browsers warn once, then cameras and microphones work."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 397  # browsers refuse server certificates that are valid for longer than 398 days
RENEW_DAYS = 30


def own_certificate(folder: Path, addresses: Sequence[str]) -> tuple[Path, Path]:
    """Chain and key files in `folder`, made if missing, near their end, or not valid for one of the addresses."""
    chain, key = folder / "tls-certificate.pem", folder / "tls-key.pem"
    names = _names(addresses)
    if not (chain.exists() and key.exists() and _still_good(chain, names)):
        _make(chain, key, names)
    return chain, key


def _names(addresses: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName(socket.gethostname())]
    for address in dict.fromkeys(["127.0.0.1", *addresses]):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(address)))
        except ValueError:
            names.append(x509.DNSName(address))
    return names


def _still_good(chain: Path, names: Sequence[x509.GeneralName]) -> bool:
    certificate = x509.load_pem_x509_certificate(chain.read_bytes())
    left = certificate.not_valid_after_utc - dt.datetime.now(dt.UTC)
    covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return left > dt.timedelta(days=RENEW_DAYS) and all(name in covered for name in names)


def _make(chain: Path, key: Path, names: Sequence[x509.GeneralName]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Giao Ban")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
