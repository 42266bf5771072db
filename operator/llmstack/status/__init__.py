"""How does a deployment stand, and why? One file a condition, put together by `compute`. Pure."""

from llmstack.status.compute import compute, compute_unreadable
from llmstack.status.events import Event, death_event, events

__all__ = ["Event", "compute", "compute_unreadable", "death_event", "events"]
