"""With which times is the operator's Lease held?"""

from dataclasses import dataclass

from llmstack.errors import ConfigurationError
from llmstack.settings.reader import Reader


@dataclass(frozen=True)
class LeaseSettings:
    """Times of the Lease in seconds: retry < renew_deadline ≤ duration - 1. The difference between
    the last two is the time that a process has to exit before another one may write.
    """

    name: str
    duration: int
    renew_deadline: float
    retry: float


def lease_settings(read: Reader) -> LeaseSettings:
    """Read the times from the environment. Raises ConfigurationError."""
    lease = LeaseSettings(
        name=read.text("LLMSTACK_LEASE_NAME", "llmstack-operator"),
        duration=read.count("LLMSTACK_LEASE_DURATION_SECONDS", 15),
        renew_deadline=read.seconds("LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS", 10),
        retry=read.seconds("LLMSTACK_LEASE_RETRY_SECONDS", 2),
    )
    if not lease.retry < lease.renew_deadline <= lease.duration - 1:
        raise ConfigurationError(
            "LLMSTACK_LEASE_RETRY_SECONDS < LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS <= "
            f"LLMSTACK_LEASE_DURATION_SECONDS - 1 must hold, not {lease.retry:g} < "
            f"{lease.renew_deadline:g} <= {lease.duration} - 1"
        )
    return lease
