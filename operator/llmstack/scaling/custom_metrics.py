"""Which numbers describe a model's load to an autoscaler?

    slot_utilization = (occupied slots + slots that waiting requests ask for) / slots per replica

It is the number of replicas that the load would fill: it exceeds 1 for a replica when requests
wait, and it does not depend on how many replicas are ready. All values are in thousandths, rounded
up: demand is never understated.
"""

from collections.abc import Callable, Mapping

from llmstack.desired import metadata
from llmstack.scaling.gateway_load import ModelLoad

SLOT_UTILIZATION = metadata.SLOT_UTILIZATION
SLOTS_BUSY = "slots_busy"
SLOTS_WAITING = "slots_waiting"
SLOTS_TOTAL = "slots_total"

Milli = int
"""Thousandths."""


def _utilization(model: ModelLoad) -> Milli | None:
    demand = model.occupied + model.waiting_slots
    slots = _slots_per_replica(model)
    if not slots:
        return None if demand else 0
    return -(-1000 * demand // slots)


def _slots_per_replica(model: ModelLoad) -> int:
    """As the spec says, else as the largest replica reports; 0 if neither is known."""
    return model.slots_per_replica or max((each.slots for each in model.replicas), default=0)


METRICS: Mapping[str, Callable[[ModelLoad], Milli | None]] = {
    SLOT_UTILIZATION: _utilization,
    # Slots that compute or may compute, of all replicas, whoever uses them.
    SLOTS_BUSY: lambda model: 1000 * model.occupied,
    # Slots that the requests in the queue ask for.
    SLOTS_WAITING: lambda model: 1000 * model.waiting_slots,
    # Slots of the replicas that get new requests.
    SLOTS_TOTAL: lambda model: 1000 * model.total,
}
"""Each metric: its value for a model, None where it is not known."""


def quantity(milli: Milli) -> str:
    """Format a value as Kubernetes does: a whole number, or thousandths such as `750m`."""
    whole, rest = divmod(milli, 1000)
    return f"{milli}m" if rest else str(whole)
