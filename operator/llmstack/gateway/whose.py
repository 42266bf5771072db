"""Which lease does a request at a replica have, and whose cache does it use?"""

import os

from llmstack.api.sharing import CacheSharing
from llmstack.engines.for_gateway import REPLICA
from llmstack.engines.interface import LEASE_BITS
from llmstack.gateway.catalog import Model
from llmstack.gateway.http.backend import Backend

FIRST_LEASE = int.from_bytes(os.urandom(4), "big") << LEASE_BITS | 1
"""The id of this process's first lease. Ids of other processes differ."""


def cache_owner(model: Model, tenant: str) -> str:
    """Returns the tenant who owns the cached prompts, or "" if all tenants of the model share."""
    return "" if model.cache_sharing is CacheSharing.DEPLOYMENT else tenant


def lines(lease: int, backend: Backend, model: str, owner: str) -> bytes:
    """Returns the header lines that tell a replica both. `owner` "" means everybody's cache."""
    return REPLICA.request_lines(lease, backend.key, model, owner)
