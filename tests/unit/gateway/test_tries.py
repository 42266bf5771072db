"""What does an attempt that sends nothing leave behind?"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from llmstack.gateway.app import App
from llmstack.gateway.catalog import Model, catalog_of
from llmstack.gateway.deaths import Deaths
from llmstack.gateway.forwarding import Forward
from llmstack.gateway.http.faults import Unreachable
from llmstack.gateway.tries import Tries
from llmstack.routing.messages import Ending, Grant
from llmstack.settings.limits import Limits


class Told:
    """An owner and a judge of deaths that remember what they were told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def release(self, lease: int, ending: Ending) -> None:
        self.told.append(("release", lease, ending))

    def ended(self, _request: Forward, replica: str) -> None:
        self.told.append(("ended", replica))

    def answered(self, _request: Forward) -> None:
        self.told.append(("answered",))


async def test_a_request_that_reached_no_replica_does_not_count_as_answered() -> None:
    told = Told()
    app = cast(App, SimpleNamespace(catalog=catalog_of([Model("m")]), owner=told))
    tries = Tries(app, Limits(), cast(Deaths, told))
    note = SimpleNamespace(replica="", hit=0.0, relay=None)
    request = cast(Forward, SimpleNamespace(note=note, model=Model("m")))
    grant = Grant(1, 7, "gone", hit=0.0, waited=0.0)
    assert isinstance(await tries.attempt(request, grant), Unreachable)
    assert told.told == [("release", 7, Ending.FAILED), ("ended", "gone")]
