"""Who may reuse what a server has computed of a prompt?"""

from enum import StrEnum


class CacheSharing(StrEnum):
    """`spec.cacheSharing`. Without keys there is one tenant, and nothing to keep apart."""

    TENANT = "Tenant"
    DEPLOYMENT = "Deployment"
