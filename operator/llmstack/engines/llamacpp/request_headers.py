"""What is llama-server told besides the body: which lease a request has, and whose cache it uses?

    x-llmstack-lease: <epoch of its owner>-<number>       shown in /slots while it is worked on
    x-llmstack-salt: HMAC(key of the replica, model, tenant)

Our build of llama-server reuses what it computed under one salt only for requests with the same
salt. Clients can set neither header. A salt survives restarts of the gateway and is the same in all
gateways. Nobody can guess it without the replica's key.
"""

import hashlib
import hmac
import re
from functools import lru_cache

from llmstack.engines.interface import LEASE_BITS

_NUMBER = (1 << LEASE_BITS) - 1
_NAME = re.compile(rb"([0-9a-f]{8})-(\d{1,10})")
_REMEMBERED = 4096
"""Salts that are cached; computing one takes some microseconds."""


def request_lines(lease: int, key: str, model: str, owner: str) -> bytes:
    """Returns both header lines; the salt's only if the cache has an owner."""
    salt = _salt_line(key, model, owner) if owner else b""
    return b"x-llmstack-lease: %08x-%d\r\n%b" % (lease >> LEASE_BITS, lease & _NUMBER, salt)


def lease_number(name: bytes) -> int | None:
    """Returns the lease id in a header value, or None if it is not one."""
    found = _NAME.fullmatch(name)
    return int(found[1], 16) << LEASE_BITS | int(found[2]) if found else None


@lru_cache(_REMEMBERED)
def _salt_line(key: str, model: str, owner: str) -> bytes:
    what = b"\0".join((b"cache", model.encode(), owner.encode()))
    salt = hmac.new(key.encode(), what, hashlib.sha256).hexdigest()[:32]
    return b"x-llmstack-salt: %b\r\n" % salt.encode("ascii")
