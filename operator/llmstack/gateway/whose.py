"""What is a replica told besides the body: which lease a request has, and whose cache it uses?

    x-llmstack-lease: <epoch of its owner>-<number>       shown in /slots while it is worked on
    x-llmstack-salt: HMAC(key of the replica, model, tenant)

Our build of llama-server reuses what it computed under one salt only for requests with the same
salt. Clients can set neither header. A salt survives restarts of the gateway and is the same in all
gateways. Nobody can guess it without the replica's key.
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
"""The id of this process's first lease. Ids of other processes differ."""
_NAME = re.compile(rb"([0-9a-f]{8})-(\d{1,10})")
_REMEMBERED = 4096
"""Salts that are cached; computing one takes some microseconds."""


def cache_owner(model: Model, tenant: str) -> str:
    """Returns the tenant who owns the cached prompts, or "" if all tenants of the model share."""
    return "" if model.cache_sharing is CacheSharing.DEPLOYMENT else tenant


def lines(lease: int, backend: Backend, model: str, owner: str) -> bytes:
    """Returns both header lines; the salt's only if the cache has an owner."""
    salt = _salt_line(backend.key, model, owner) if owner else b""
    return b"x-llmstack-lease: %08x-%d\r\n%b" % (lease >> _BITS, lease & _NUMBER, salt)


def lease_number(name: bytes) -> int | None:
    """Returns the lease id in a header value, or None if it is not one."""
    found = _NAME.fullmatch(name)
    return int(found[1], 16) << _BITS | int(found[2]) if found else None


@lru_cache(_REMEMBERED)
def _salt_line(key: str, model: str, owner: str) -> bytes:
    what = b"\0".join((b"cache", model.encode(), owner.encode()))
    salt = hmac.new(key.encode(), what, hashlib.sha256).hexdigest()[:32]
    return b"x-llmstack-salt: %b\r\n" % salt.encode("ascii")
