"""Who is it that presents this key?

A key is stored as its SHA-256 only, with the tenant that it stands for:

    # comment
    sha256:<64 hex digits> <tenant>

The file `keysFile` is such a text, and so is each entry of the Secret. Keys are 256 random bits
(`llmstack key TENANT` makes one): a plain digest of one cannot be searched for.

A line that cannot be read lets nobody in and is told as a fault; the others count, or a typo would
keep a key alive that was taken out beside it.
"""

import base64
import binascii
import hashlib
import hmac
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

_LINE = re.compile(r"sha256:([0-9A-Fa-f]{64})[ \t]+(\S+)")
_TENANT = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_PREFIX = 8
"""Keys are found by so many bytes of their digest; the rest is compared in constant time."""
_LONGEST = 512
"""No key that is presented is longer."""
_MOST_TOLD = 20
"""Faults that are logged of one state."""

Entry = tuple[bytes, str]
"""Digest and tenant."""


@dataclass(frozen=True)
class Keys:
    """All keys of one moment. An empty one lets nobody in.

    faults    lines that let nobody in, each with its place and what is wrong; never quoted
    missing   the Secret or the file is not there
    """

    _by_prefix: Mapping[bytes, tuple[Entry, ...]] = field(default_factory=dict, repr=False)
    faults: tuple[str, ...] = ()
    missing: bool = False

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

    @property
    def count(self) -> int:
        """How many keys let somebody in."""
        return sum(len(entries) for entries in self._by_prefix.values())

    @property
    def empty(self) -> bool:
        """Whether nobody may come in."""
        return not self._by_prefix

    def log_faults(self) -> None:
        """Logs what is wrong with them."""
        for fault in self.faults[:_MOST_TOLD]:
            log.error("%s. This line is ignored; the other keys work", fault)
        if len(self.faults) > _MOST_TOLD:
            log.error("%d more lines of keys are invalid", len(self.faults) - _MOST_TOLD)

    def _tenant_of(self, key: str) -> str | None:
        digest = _digest(key)
        found = None
        for known, tenant in self._by_prefix.get(digest[:_PREFIX], ()):
            if hmac.compare_digest(known, digest):
                found = tenant
        return found


def parse_keys(text: str, where: str) -> Keys:
    """The keys in such a text. Faults name `where` and the line."""
    return _keys_of(_entries(text, where))


def keys_from_secret(secret: Mapping[str, Any]) -> Keys:
    """The keys in all entries of a Secret. Faults name entry and line."""
    metadata = secret["metadata"]
    where = f"Secret {metadata['namespace']}/{metadata['name']}"
    found: list[tuple[str, Entry | str]] = []
    for name, data in sorted((secret.get("data") or {}).items()):
        found += _entries(_decode(data), f"{where}, {name}")
    return _keys_of(found)


def is_tenant(name: str) -> bool:
    """May a tenant be called so? As a DNS label: it becomes a label of metrics."""
    return _TENANT.fullmatch(name) is not None


def line_for(key: str, tenant: str) -> str:
    """The line that lets this key in."""
    return f"sha256:{_digest(key).hex()} {tenant}"


def _entries(text: str, where: str) -> Iterable[tuple[str, Entry | str]]:
    """Each entry, or what is wrong with it, and where it stands."""
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        content = line.partition("#")[0].strip()
        if content:
            yield f"{where}, line {number}", _entry(content)


def _entry(content: str) -> Entry | str:
    # What is off is not quoted: it may be a key in the clear.
    match = _LINE.fullmatch(content)
    if match is None:
        return "write sha256:<64 hex digits> <tenant>, as `llmstack key TENANT` prints it"
    if not is_tenant(match[2]):
        return (
            "a tenant must consist of at most 63 lowercase letters, digits or '-', and start and "
            "end with a letter or digit"
        )
    return bytes.fromhex(match[1]), match[2]


def _keys_of(found: Iterable[tuple[str, Entry | str]]) -> Keys:
    tenants: dict[bytes, str] = {}
    faults, disputed = [], set()
    for place, entry in found:
        if isinstance(entry, str):
            faults.append(f"{place}: {entry}")
            continue
        digest, tenant = entry
        if tenants.setdefault(digest, tenant) != tenant:
            disputed.add(digest)
            faults.append(
                f"{place}: the same key stands for {tenants[digest]!r} and {tenant!r}, and so for "
                "neither: remove one"
            )
    by_prefix: dict[bytes, tuple[Entry, ...]] = {}
    for digest, tenant in tenants.items():
        if digest not in disputed:
            head = digest[:_PREFIX]
            by_prefix[head] = (*by_prefix.get(head, ()), (digest, tenant))
    return Keys(by_prefix, tuple(faults))


def _decode(data: Any) -> str:
    """An entry's text; what is no UTF-8 spoils its line alone."""
    try:
        return base64.b64decode(data, validate=True).decode(errors="replace")
    except (binascii.Error, ValueError, TypeError):
        return "\ufffd"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
