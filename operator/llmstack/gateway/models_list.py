"""What does GET /v1/models return?

OpenAI's format. Each model has the shortest name that is its own; aliases, state and slots stand in
extra fields, which clients ignore if they do not know them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from llmstack.gateway.catalog import Absence, Catalog, Model
from llmstack.gateway.http.answer import Answer, ok
from llmstack.gateway.refusals import unknown_model
from llmstack.routing.load import Load

_NO_LOAD = Load()


def models_list(catalog: Catalog, loads: Mapping[str, Load], since: int, name: str = "") -> Answer:
    """Returns all models, or the one with this name, 404 if there is none.

    `since` is the creation time given for models whose own is unknown, in Unix seconds.
    """
    if not name:
        entries = [_entry(catalog, model, loads, since) for model in catalog.models]
        return ok({"object": "list", "data": entries})
    model = catalog.named(name)
    if model is None:
        return unknown_model(name)
    return ok(_entry(catalog, model, loads, since))


def _entry(catalog: Catalog, model: Model, loads: Mapping[str, Load], since: int) -> dict[str, Any]:
    load = loads.get(model.id, _NO_LOAD)
    return {
        "id": model.name if catalog.named(model.name) is model else model.id,
        "object": "model",
        "created": _seconds(model.created) if model.created else since,
        "owned_by": model.namespace or "llm-stack",
        "aliases": [alias for alias in model.aliases if catalog.named(alias) is model],
        "mode": model.mode.value,
        "state": _state(model, load),
        "replicas": {"ready": load.ready, "all": len(load.replicas)},
        "slots": {"total": load.total, "busy": load.busy, "waiting": load.waiting_slots},
    }


def _seconds(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp())


def _state(model: Model, load: Load) -> str:
    """A model whose replicas get no requests, wedged ones say, neither sleeps nor starts."""
    if load.ready:
        return "ready"
    return Absence.UNKNOWN.value if load.replicas else model.absence.value
