"""With which times is the operator's Lease held?"""

from collections.abc import Mapping
from dataclasses import dataclass

from llmstack.errors import ConfigurationError
from llmstack.settings.reader import count, seconds, text
from llmstack.settings.setting import read, setting


@dataclass(frozen=True)
class LeaseSettings:
    """Times of the operator's Lease, in seconds: retry < renew_deadline ≤ duration - 1.

    The second between is what a process has to end in, before another one may write.
    """

    name: str = setting(
        "LLMSTACK_LEASE_NAME",
        text,
        "Lease in the operator's namespace.",
        "llmstack-operator",
    )
    duration: int = setting(
        "LLMSTACK_LEASE_DURATION_SECONDS", count, "Validity of the Lease, in whole seconds.", 15
    )
    renew_deadline: float = setting(
        "LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS",
        seconds,
        "Seconds without renewal before the process exits.",
        10.0,
    )
    retry: float = setting(
        "LLMSTACK_LEASE_RETRY_SECONDS",
        seconds,
        "Interval between attempts to acquire or renew it.",
        2.0,
    )

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "LeaseSettings":
        """The times that this environment asks for. Raises ConfigurationError."""
        lease = cls(**read(cls, env))
        if not lease.retry < lease.renew_deadline <= lease.duration - 1:
            raise ConfigurationError(
                "LLMSTACK_LEASE_RETRY_SECONDS < LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS <= "
                f"LLMSTACK_LEASE_DURATION_SECONDS - 1 must hold, not {lease.retry:g} < "
                f"{lease.renew_deadline:g} <= {lease.duration} - 1"
            )
        return lease
