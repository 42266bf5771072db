"""What do several gateways tell together?

a model that several tell of    the one whose term is the highest: never a sum of two owners
one that nobody tells of        what was told of it last, for a while: it moves from one gateway
                                to another, which is not the same as nobody using it
deaths                          those of all gateways
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from llmstack.api.key import Key
from llmstack.routing.deaths import MOST_TOLD, Death
from llmstack.scaling.gateway_load import GatewayLoad, ModelLoad


@dataclass(frozen=True)
class Kept:
    """What was told of a model, and when."""

    model: ModelLoad
    at: float


def merged(
    views: Sequence[GatewayLoad], kept: Mapping[Key, Kept], now: float, seconds: float
) -> tuple[GatewayLoad, Mapping[Key, Kept]]:
    """The newest views as one, and what to keep for the next time.

    `seconds`: how long a model may be in transit. One gateway that owns all is told as it says.
    """
    if len(views) == 1 and not views[0].shared:
        return views[0], {}
    newest: dict[Key, ModelLoad] = {}
    for view in views:
        for key, model in view.models.items():
            known = newest.get(key)
            if known is None or (model.term, model.epoch) > (known.term, known.epoch):
                newest[key] = model
    told = {key: Kept(model, now) for key, model in newest.items()}
    lately = {key: each for key, each in kept.items() if now - each.at < seconds}
    kept = lately | told
    models = {key: _with(each.model, views, key) for key, each in kept.items()}
    epoch = "+".join(sorted(view.epoch for view in views))
    return GatewayLoad(epoch, models, shared=True), kept


def _with(model: ModelLoad, views: Sequence[GatewayLoad], key: Key) -> ModelLoad:
    """It with the deaths that other gateways saw."""
    others = [death for view in views for death in view.elsewhere.get(key, ())]
    if not others:
        return model
    deaths: dict[str, Death] = {death.id: death for death in (*model.deaths, *others)}
    newest = sorted(deaths.values(), key=lambda death: (death.at, death.id))[-MOST_TOLD:]
    return replace(model, deaths=tuple(newest))
