"""What does a new version of a model change in its pool?"""

from llmstack.gateway.catalog import Model
from llmstack.routing.pool import Decision, Pool


def apply_change(pool: Pool, before: Model | None, model: Model, now: float) -> list[Decision]:
    """Applies what a new version of a model changes: limits, removed backends, `accepting`."""
    decisions: list[Decision] = []
    if before is not None and before.queue != model.queue:
        decisions += pool.limits(model.queue, now)
    backends = {backend.id: backend for backend in model.backends}
    for replica in pool.load().replicas:
        backend = backends.get(replica.id)
        if backend is None:
            decisions += pool.gone(replica.id, now)
        else:
            decisions += pool.replica(replica.id, replica.total, backend.accepting, now)
    return decisions
