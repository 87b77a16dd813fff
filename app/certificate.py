"""A certificate that this machine makes for itself: with it a page on the network is one to which
browsers give a microphone. Nobody vouches for it, so visitors are warned once.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from model.errors import EarshotError

FOLDER = "certificate"  # in the data folder
DAYS = 397  # browsers refuse longer ones
SPARE_DAYS = 14  # before its end a new one is made


class NoCertificate(EarshotError):
    """It can be neither read nor made."""


@dataclass(frozen=True)
class Certificate:
    path: Path  # PEM
    key: Path  # PEM, readable by the owner only
    fingerprint: str  # SHA-256, as browsers show it


def of(data: Path, names: Sequence[str]) -> Certificate:
    """The one that is kept for these names and addresses, or a new one."""
    try:
        from cryptography import x509
    except ImportError:
        raise NoCertificate(
            "Without the package cryptography no certificate can be made: pip install cryptography"
        ) from None
    path, key = (data / FOLDER / name for name in ("certificate.pem", "key.pem"))
    try:
        kept = x509.load_pem_x509_certificate(path.read_bytes()) if key.exists() else None
    except (OSError, ValueError):
        kept = None
    if kept is None or not _suits(kept, names):
        kept = _make(names, path, key)
    return Certificate(path, key, _fingerprint(kept))


def _fingerprint(certificate) -> str:
    from cryptography.hazmat.primitives.hashes import SHA256

    return certificate.fingerprint(SHA256()).hex(":").upper()


def _suits(certificate, names: Sequence[str]) -> bool:
    from cryptography import x509

    lasts = certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=SPARE_DAYS)
    told = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return lasts and set(_alternatives(names)) <= set(told)


def _alternatives(names: Sequence[str]) -> list:
    from cryptography import x509

    def alternative(name: str):
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    return [alternative(name) for name in names]


def _make(names: Sequence[str], path: Path, key: Path):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    secret, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Earshot on this machine")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # visitors' clocks may be slow
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        # no authority: whoever trusts it trusts this machine alone
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(key, private)
        _write(path, certificate.public_bytes(pem))
    except OSError as error:
        raise NoCertificate(f"The certificate cannot be written: {error.strerror}.") from error
    return certificate


def _write(path: Path, body: bytes) -> None:
    """Whole or not at all, and never readable by others in between."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)
    new.replace(path)
