"""Which model does a request mean?

1. By Host: `qwen.team-a` is the deployment qwen in team-a, whatever the body says, because the
   Service `<name>` in each namespace leads to the gateway. `qwen` alone, as a pod in team-a writes
   it, is the deployment that holds this name, unless the body names another one that is called
   qwen.
2. By the body's `model`: a deployment's name, `namespace/name`, or an alias. If several claim a
   name, one holds it (api/names.py).
3. If the body names none and there is only one model, that one.
"""

from functools import lru_cache

from llmstack.api.engine import Mode
from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.endpoints import Endpoint, serving
from llmstack.gateway.refusals import (
    Refused,
    bad_request,
    unknown_model,
    wrong_mode,
)


def resolve(catalog: Catalog, host: str, name: str) -> Model:
    """Returns the model that is meant. Raises Refused if it is unknown, or none is named."""
    by_host = _by_host(catalog, host, name)
    if by_host is not None:
        return by_host
    if not name:
        return _only(catalog)
    model = catalog.named(name)
    if model is None:
        raise Refused(unknown_model(name))
    return model


def check_mode(endpoint: Endpoint, model: Model) -> None:
    """Raises Refused if the model does not serve this endpoint."""
    mode: Mode = model.mode
    if mode not in endpoint.modes:
        raise Refused(wrong_mode(model.id, mode.value, serving(mode)))


def _by_host(catalog: Catalog, host: str, name: str) -> Model | None:
    labels = _labels(host)
    if len(labels) > 1:
        return catalog.by_id.get(f"{labels[1]}/{labels[0]}") if _in_cluster(labels) else None
    called = [model for model in catalog.called(labels[0]) if model.namespace]
    if len(called) > 1:
        asked = catalog.named(name)
        return asked if asked in called else called[0]
    return called[0] if called else None


@lru_cache(1024)
def _labels(host: str) -> tuple[str, ...]:
    return tuple(host.partition(":")[0].lower().rstrip(".").split("."))


def _in_cluster(labels: tuple[str, ...]) -> bool:
    """True for `qwen.team-a`, `qwen.team-a.svc`, `qwen.team-a.svc.cluster.local` and the like."""
    return len(labels) == 2 or labels[2] == "svc"


def _only(catalog: Catalog) -> Model:
    if len(catalog.models) == 1:
        return catalog.models[0]
    raise Refused(bad_request("The body has no 'model'. GET /v1/models lists all models.", "model"))
