"""With which certificate is the metrics API served, and when is a new one due?

`issue.py` makes them; here they are only read, with what Python brings.
"""

import ssl
from dataclasses import dataclass

from llmstack.kube.pem import load_chain

_BEGIN = "-----BEGIN CERTIFICATE-----"
_RENEWED_AT = 2 / 3


@dataclass(frozen=True)
class Material:
    """All as PEM text; `authorities` may be several, the certificate's own first."""

    authorities: str
    certificate: str
    key: str


@dataclass(frozen=True)
class Life:
    """Validity of a certificate. Seconds since 1970."""

    begin: float
    end: float

    @property
    def renewal(self) -> float:
        return self.begin + (self.end - self.begin) * _RENEWED_AT


def split(pem: str) -> list[str]:
    """The certificates of a bundle, one text each."""
    return [_BEGIN + part.rstrip() + "\n" for part in pem.split(_BEGIN)[1:]]


def life(authority: str) -> Life | None:
    """Return the validity of an authority, or None if it is not a certificate of an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=authority)
        (found,) = context.get_ca_certs()
    except (ssl.SSLError, ValueError):
        return None
    begin, end = str(found["notBefore"]), str(found["notAfter"])
    return Life(ssl.cert_time_to_seconds(begin), ssl.cert_time_to_seconds(end))


def usable(material: Material | None, now: float) -> bool:
    """Return True if the certificate can be served. Certificate and key belong together, and it is
    valid.
    """
    authorities = split(material.authorities) if material else []
    lasts = life(authorities[0]) if authorities else None
    if material is None or lasts is None or not lasts.begin <= now < lasts.end:
        return False
    try:
        load_chain(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), material.certificate, material.key)
    except ssl.SSLError:
        return False
    return True


def due(material: Material | None, now: float) -> bool:
    """Return True if a new certificate must be created."""
    if material is None or not usable(material, now):
        return True
    lasts = life(split(material.authorities)[0])
    return lasts is None or now >= lasts.renewal


def still_believed(before: Material | None, now: float) -> str:
    """The authority of the last certificate, while it lives: "" if there is none.

    It stays in the bundle of the next: whoever still serves with the last one is believed.
    """
    authorities = split(before.authorities) if before else []
    lasts = life(authorities[0]) if authorities else None
    return authorities[0] if lasts and now < lasts.end else ""
