"""Which Events tell people what has changed?"""

from dataclasses import dataclass

from llmstack.api import reasons
from llmstack.api.conditions import LLMDeploymentStatus
from llmstack.routing.deaths import Death
from llmstack.status.catalog import CATALOG, Weight

_TYPES = {Weight.WARNING: "Warning", Weight.NORMAL: "Normal"}


@dataclass(frozen=True)
class Event:
    """One Event on the LLMDeployment. `type` is Normal or Warning.

    `id`: what it tells of, so that it is written once; "": each is another one.
    """

    type: str
    reason: str
    message: str
    id: str = ""


def events(last: LLMDeploymentStatus, current: LLMDeploymentStatus) -> tuple[Event, ...]:
    """One Event for each reason that no condition gave before.

    Conditions repeat each other's reasons (Ready above all), so a reason counts once; a message
    that changes under the same reason, as during a download, is no event.
    """
    told = {condition.reason for condition in last.conditions}
    found: dict[str, Event] = {}
    for condition in current.conditions:
        kind = _TYPES.get(weight(condition.reason))
        if kind and condition.reason not in told and condition.reason not in found:
            found[condition.reason] = Event(kind, condition.reason, condition.message)
    return tuple(found.values())


def death_event(death: Death) -> Event:
    """The Event for a replica that died under requests."""
    if death.tenant:
        by = f"request {death.request} of tenant {death.tenant}"
        message = f"llama-server in {death.replica} exited while processing {by}."
    else:
        message = (
            f"llama-server in {death.replica} exited while processing {death.suspects} requests; "
            "it is not known which of them caused it."
        )
    return Event("Warning", reasons.SERVER_KILLED_BY_REQUEST, message, death.id)


def weight(reason: str) -> Weight:
    """Return the Event type of a reason; WARNING for one that is not in the catalog."""
    return CATALOG[reason].weight if reason in CATALOG else Weight.WARNING
