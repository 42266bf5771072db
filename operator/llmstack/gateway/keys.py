"""Who is it that presents this key?

A key is stored as its SHA-256 only, with the tenant that it stands for:

    # comment
    sha256:<64 hex digits> <tenant>

The file `keysFile` is such a text, and so is each entry of the Secret. Keys are 256 random bits
(`llmstack key TENANT` makes one): a plain digest of one cannot be searched for.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmstack.errors import InvalidInput

_LINE = re.compile(r"sha256:([0-9A-Fa-f]{64})[ \t]+(\S+)")
_TENANT = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_PREFIX = 8
"""Keys are found by so many bytes of their digest; the rest is compared in constant time."""
_LONGEST = 512
"""No key that is presented is longer."""

Entry = tuple[bytes, str]
"""Digest and tenant."""


@dataclass(frozen=True)
class Keys:
    """All keys of one moment. An empty one lets nobody in."""

    _by_prefix: Mapping[bytes, tuple[Entry, ...]] = field(default_factory=dict, repr=False)

    def tenant(self, authorization: str | None, api_key: str | None = None) -> str | None:
        """Whose key is in `Authorization: Bearer …`, else in `X-Api-Key`? None: nobody's."""
        bearer = _BEARER.fullmatch(authorization or "")
        for key in (bearer[1] if bearer else "", api_key or ""):
            found = self._tenant_of(key) if 0 < len(key) <= _LONGEST else None
            if found is not None:
                return found
        return None

    @property
    def tenants(self) -> frozenset[str]:
        """Who may come in?"""
        return frozenset(tenant for entries in self._by_prefix.values() for _, tenant in entries)

    def _tenant_of(self, key: str) -> str | None:
        digest = _digest(key)
        found = None
        for known, tenant in self._by_prefix.get(digest[:_PREFIX], ()):
            if hmac.compare_digest(known, digest):
                found = tenant
        return found


def parse_keys(text: str, where: str) -> Keys:
    """The keys in such a text. Raises InvalidInput, which names `where` and the line."""
    return _keys_of(_entries(text, where))


def keys_from_secret(secret: Mapping[str, Any]) -> Keys:
    """The keys in all entries of a Secret. Raises InvalidInput, which names entry and line."""
    metadata = secret["metadata"]
    where = f"Secret {metadata['namespace']}/{metadata['name']}"
    found: list[tuple[str, Entry]] = []
    for name, data in sorted((secret.get("data") or {}).items()):
        found += _entries(_decode(data, f"{where}, {name}"), f"{where}, {name}")
    return _keys_of(found)


def is_tenant(name: str) -> bool:
    """May a tenant be called so? As a DNS label: it becomes a label of metrics."""
    return _TENANT.fullmatch(name) is not None


def line_for(key: str, tenant: str) -> str:
    """The line that lets this key in."""
    return f"sha256:{_digest(key).hex()} {tenant}"


def _entries(text: str, where: str) -> Iterable[tuple[str, Entry]]:
    """Each entry, and where it stands."""
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        content = line.partition("#")[0].strip()
        if content:
            place = f"{where}, line {number}"
            yield place, _entry(content, place)


def _entry(content: str, place: str) -> Entry:
    # What is off is not quoted: it may be a key in the clear.
    match = _LINE.fullmatch(content)
    if match is None:
        raise InvalidInput(
            f"{place}: write sha256:<64 hex digits> <tenant>, as `llmstack key TENANT` prints it"
        )
    if not is_tenant(match[2]):
        raise InvalidInput(
            f"{place}: a tenant has at most 63 lower-case letters, digits and '-', and begins and "
            "ends with a letter or digit"
        )
    return bytes.fromhex(match[1]), match[2]


def _keys_of(found: Iterable[tuple[str, Entry]]) -> Keys:
    tenants: dict[bytes, str] = {}
    for place, (digest, tenant) in found:
        if tenants.setdefault(digest, tenant) != tenant:
            raise InvalidInput(
                f"{place}: the same key stands for {tenants[digest]!r} and {tenant!r}: remove one"
            )
    by_prefix: dict[bytes, tuple[Entry, ...]] = {}
    for digest, tenant in tenants.items():
        head = digest[:_PREFIX]
        by_prefix[head] = (*by_prefix.get(head, ()), (digest, tenant))
    return Keys(by_prefix)


def _decode(data: Any, where: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidInput(f"{where}: not a text in UTF-8") from error


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
