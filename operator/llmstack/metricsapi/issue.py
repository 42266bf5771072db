"""How is a serving certificate made?

Each comes with an authority of its own, whose key nobody keeps: there is none to steal. The library
costs ten MiB of memory: this module is imported when a certificate is made, once in two thirds of
a certificate's life, by the process that leads.
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from llmstack.metricsapi.certificate import Material, still_believed

_EARLIER_SECONDS = 300.0
"""Valid so long before it is made, or a tenth of its life: clocks differ."""
_PEM = serialization.Encoding.PEM


def issue(names: tuple[str, ...], seconds: float, now: float, before: Material | None) -> Material:
    """A certificate for these DNS names that lasts so long, and its authority."""
    begin = datetime.fromtimestamp(now, UTC)
    earlier = timedelta(seconds=min(_EARLIER_SECONDS, seconds / 10))
    span = (begin - earlier, begin + timedelta(seconds=seconds))
    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _named(f"llmstack metrics authority {int(now)}")
    authority = _authority(authority_name, authority_key, span)
    certificate = _server(names, key, authority_name, authority_key, span)
    return Material(
        authorities=_text(authority) + still_believed(before, now),
        certificate=_text(certificate),
        key=key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


Key = ec.EllipticCurvePrivateKey
Span = tuple[datetime, datetime]


def _authority(name: x509.Name, key: Key, span: Span) -> x509.Certificate:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder(name, name, key, span)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signs_certificates(), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    names: tuple[str, ...], key: Key, issuer: x509.Name, issuer_key: Key, span: Span
) -> x509.Certificate:
    hosts = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        _builder(_named("llmstack metrics"), issuer, key, span)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(hosts, critical=False)
        .add_extension(identifier, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, span: Span
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(span[0])
        .not_valid_after(span[1])
    )


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(_PEM).decode()
