"""What does llama-server hear of a request beside its body: which lease, and whose cache?

    x-llmstack-lease: <epoch of its owner>-<number>       /slots shows it where it is worked for
    x-llmstack-salt: HMAC(key of the replica, model, tenant)

Our build of llama-server reuses what it has computed under one salt for requests with the same one
only. Clients cannot set either header. A salt outlives restarts of the gateway, and all gateways
make the same. Nobody can guess it who has not the replica's key.
"""

import hashlib
import hmac
import re
from functools import lru_cache

from llmstack.engines.interface import LEASE_BITS

_NUMBER = (1 << LEASE_BITS) - 1
_NAME = re.compile(rb"([0-9a-f]{8})-(\d{1,10})")
_REMEMBERED = 4096
"""Salts; each is made anew in some microseconds."""


def request_lines(lease: int, key: str, model: str, owner: str) -> bytes:
    """Both headers; no salt where the cache has no owner."""
    salt = _salt_line(key, model, owner) if owner else b""
    return b"x-llmstack-lease: %08x-%d\r\n%b" % (lease >> LEASE_BITS, lease & _NUMBER, salt)


def lease_number(name: bytes) -> int | None:
    """The id of the lease of that name; None if it is none."""
    found = _NAME.fullmatch(name)
    return int(found[1], 16) << LEASE_BITS | int(found[2]) if found else None


@lru_cache(_REMEMBERED)
def _salt_line(key: str, model: str, owner: str) -> bytes:
    what = b"\0".join((b"cache", model.encode(), owner.encode()))
    salt = hmac.new(key.encode(), what, hashlib.sha256).hexdigest()[:32]
    return b"x-llmstack-salt: %b\r\n" % salt.encode("ascii")
