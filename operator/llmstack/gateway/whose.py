"""What does a replica hear of a request beside its body: which lease, and whose cache?

    x-llmstack-lease: <epoch of this process>-<lease>     /slots shows it where it is worked for
    x-llmstack-salt: HMAC(key of the replica, model, tenant)

Our build of llama-server reuses what it has computed under one salt for requests with the same one
only. Clients cannot set either header. A salt outlives restarts of the gateway, and all gateways
make the same. Nobody can guess it who has not the replica's key.
"""

import hashlib
import hmac
import os
from functools import lru_cache

from llmstack.api.sharing import CacheSharing
from llmstack.gateway.catalog import Backend, Model

_EPOCH = os.urandom(4).hex().encode("ascii")
_REMEMBERED = 4096
"""Salts; each is made anew in some microseconds."""


def cache_owner(model: Model, tenant: str) -> str:
    """Whose prompts one cache holds: the tenant's, or "" where all of the model share it."""
    return "" if model.cache_sharing is CacheSharing.DEPLOYMENT else tenant


def lines(lease: int, backend: Backend, model: str, owner: str) -> bytes:
    """Both headers; no salt where the cache has no owner."""
    salt = _salt_line(backend.key, model, owner) if owner else b""
    return b"x-llmstack-lease: %b-%d\r\n%b" % (_EPOCH, lease, salt)


def lease_number(name: bytes) -> int | None:
    """The lease of this process by that name; None if it is none."""
    epoch, _, number = name.partition(b"-")
    return int(number) if epoch == _EPOCH and number.isdigit() else None


@lru_cache(_REMEMBERED)
def _salt_line(key: str, model: str, owner: str) -> bytes:
    what = b"\0".join((b"cache", model.encode(), owner.encode()))
    salt = hmac.new(key.encode(), what, hashlib.sha256).hexdigest()[:32]
    return b"x-llmstack-salt: %b\r\n" % salt.encode("ascii")
