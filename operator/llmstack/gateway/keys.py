"""Which tenant does this key belong to?

Keys are stored only as their SHA-256, each with its tenant:

    # comment
    sha256:<64 hex digits> <tenant>

`keysFile` is such a text, and so is each entry of the Secret. A key has 256 random bits
(`llmstack key TENANT` makes one), so its plain digest cannot be reversed by search.

An invalid line authenticates nobody and is reported as a fault; the other lines still count.
Otherwise a typo would keep a key valid that was removed in the same edit.
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
"""Bytes of a digest by which keys are looked up; the rest is compared in constant time."""
_LONGEST = 512
"""Characters; a longer key is not looked up."""
_MOST_TOLD = 20
"""Faults that are logged per state."""

Entry = tuple[bytes, str]
"""Digest and tenant."""


@dataclass(frozen=True)
class Keys:
    """All keys at one moment. Without any, nobody is let in.

    faults    invalid lines, each with its place and what is wrong; their text is never quoted
    missing   True if the Secret or the file does not exist
    """

    _by_prefix: Mapping[bytes, tuple[Entry, ...]] = field(default_factory=dict, repr=False)
    faults: tuple[str, ...] = ()
    missing: bool = False

    def tenant(self, authorization: str | None, api_key: str | None = None) -> str | None:
        """Returns the tenant of the key in `Authorization: Bearer …` or `X-Api-Key`, or None."""
        bearer = _BEARER.fullmatch(authorization or "")
        for key in (bearer[1] if bearer else "", api_key or ""):
            found = self._tenant_of(key) if 0 < len(key) <= _LONGEST else None
            if found is not None:
                return found
        return None

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants that have a key."""
        return frozenset(tenant for entries in self._by_prefix.values() for _, tenant in entries)

    @property
    def count(self) -> int:
        """The number of valid keys."""
        return sum(len(entries) for entries in self._by_prefix.values())

    @property
    def empty(self) -> bool:
        """True if there is no valid key."""
        return not self._by_prefix

    def log_faults(self) -> None:
        """Logs the faults."""
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
    """Parses a text of keys. Faults name `where` and the line."""
    return _keys_of(_entries(text, where))


def keys_from_secret(secret: Mapping[str, Any]) -> Keys:
    """Parses the keys in all entries of a Secret. Faults name entry and line."""
    metadata = secret["metadata"]
    where = f"Secret {metadata['namespace']}/{metadata['name']}"
    found: list[tuple[str, Entry | str]] = []
    for name, data in sorted((secret.get("data") or {}).items()):
        found += _entries(_decode(data), f"{where}, {name}")
    return _keys_of(found)


def is_tenant(name: str) -> bool:
    """True if the name is valid for a tenant: a DNS label, since it becomes a metric's label."""
    return _TENANT.fullmatch(name) is not None


def line_for(key: str, tenant: str) -> str:
    """Returns the line to store for this key."""
    return f"sha256:{_digest(key).hex()} {tenant}"


def _entries(text: str, where: str) -> Iterable[tuple[str, Entry | str]]:
    """Yields the place of each line, with its entry or what is wrong with it."""
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        content = line.partition("#")[0].strip()
        if content:
            yield f"{where}, line {number}", _entry(content)


def _entry(content: str) -> Entry | str:
    # An invalid line is not quoted, because it may be a key in plain text.
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
    """Returns an entry's text; bytes that are not UTF-8 invalidate only their line."""
    try:
        return base64.b64decode(data, validate=True).decode(errors="replace")
    except (binascii.Error, ValueError, TypeError):
        return "\ufffd"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
