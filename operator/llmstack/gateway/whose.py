"""What does a replica hear of a request beside its body: which lease, and whose cache?

    x-llmstack-lease: <epoch of its owner>-<number>       /slots shows it where it is worked for
    x-llmstack-salt: HMAC(key of the replica, model, tenant)

Our build of llama-server reuses what it has computed under one salt for requests with the same one
only. Clients cannot set either header. A salt outlives restarts of the gateway, and all gateways
make the same. Nobody can guess it who has not the replica's key.
"""

import hashlib
import hmac
import os
import re
from functools import lru_cache

from llmstack.api.sharing import CacheSharing
from llmstack.gateway.catalog import Backend, Model

_BITS = 32
_NUMBER = (1 << _BITS) - 1
FIRST_LEASE = int.from_bytes(os.urandom(4), "big") << _BITS | 1
"""The id of this process's first lease: no other process has the same ones."""
_NAME = re.compile(rb"([0-9a-f]{8})-(\d{1,10})")
_REMEMBERED = 4096
"""Salts; each is made anew in some microseconds."""


def cache_owner(model: Model, tenant: str) -> str:
    """Whose prompts one cache holds: the tenant's, or "" where all of the model share it."""
    return "" if model.cache_sharing is CacheSharing.DEPLOYMENT else tenant


def lines(lease: int, backend: Backend, model: str, owner: str) -> bytes:
    """Both headers; no salt where the cache has no owner."""
    salt = _salt_line(backend.key, model, owner) if owner else b""
    return b"x-llmstack-lease: %08x-%d\r\n%b" % (lease >> _BITS, lease & _NUMBER, salt)


def lease_number(name: bytes) -> int | None:
    """The id of the lease of that name; None if it is none."""
    found = _NAME.fullmatch(name)
    return int(found[1], 16) << _BITS | int(found[2]) if found else None


@lru_cache(_REMEMBERED)
def _salt_line(key: str, model: str, owner: str) -> bytes:
    what = b"\0".join((b"cache", model.encode(), owner.encode()))
    salt = hmac.new(key.encode(), what, hashlib.sha256).hexdigest()[:32]
    return b"x-llmstack-salt: %b\r\n" % salt.encode("ascii")
