"""The certificate that this machine makes for itself."""

import ipaddress
import ssl
import stat
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from app import certificate
from app.certificate import NoCertificate

NAMES = ["192.0.2.7", "box.local", "localhost"]


def read(made):
    return x509.load_pem_x509_certificate(made.path.read_bytes())


def test_it_is_for_these_names_and_for_nothing_else(tmp_path):
    made = certificate.of(tmp_path, NAMES)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.path, made.key)
    extensions = read(made).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("192.0.2.7")]
    assert names.get_values_for_type(x509.DNSName) == ["box.local", "localhost"]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_browsers_take_its_length(tmp_path):
    made = read(certificate.of(tmp_path, NAMES))
    assert made.not_valid_before_utc < datetime.now(UTC)
    assert made.not_valid_after_utc - made.not_valid_before_utc < timedelta(days=398)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_its_key_is_for_the_owner_alone(tmp_path):
    made = certificate.of(tmp_path, NAMES)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.key.parent.stat().st_mode) == 0o700


def test_it_is_kept_so_that_it_is_trusted_once(tmp_path):
    made = certificate.of(tmp_path, NAMES)
    assert certificate.of(tmp_path, NAMES[:2]) == made
    assert len(made.fingerprint.split(":")) == 32
    other = certificate.of(tmp_path, ["192.0.2.8"])  # another network
    assert other.fingerprint != made.fingerprint
    other.path.write_text("not a certificate")
    assert certificate.of(tmp_path, NAMES).fingerprint not in (made.fingerprint, other.fingerprint)


def test_one_that_ends_soon_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(certificate, "DAYS", 10)
    made = certificate.of(tmp_path, NAMES)
    assert certificate.of(tmp_path, NAMES) != made


def test_without_the_package_it_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(NoCertificate, match="pip install cryptography"):
        certificate.of(tmp_path, NAMES)


def test_where_nothing_can_be_written_it_is_a_sentence(tmp_path):
    (tmp_path / certificate.FOLDER).write_text("a file is in the way")
    with pytest.raises(NoCertificate, match="cannot be written"):
        certificate.of(tmp_path, NAMES)
