"""How is the load of one replica told?"""

from llmstack.routing.load import ReplicaLoad, ReplicaState
from llmstack.routing.slots import Ledger


def load_of(ledger: Ledger, leaving: bool = False) -> ReplicaLoad:
    """Returns a replica's load. `leaving`: it is gone, but requests still run on it."""
    return ReplicaLoad(
        id=ledger.replica,
        state=ReplicaState.DRAINING if leaving else _state(ledger),
        total=ledger.total,
        busy=ledger.busy,
        draining=ledger.draining,
        foreign=ledger.foreign,
        overlap=ledger.overlap,
    )


def _state(ledger: Ledger) -> ReplicaState:
    if ledger.wedged:
        return ReplicaState.WEDGED
    return ReplicaState.READY if ledger.usable else ReplicaState.DRAINING
