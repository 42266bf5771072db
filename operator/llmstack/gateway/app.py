"""What do all requests share, and what is answered without a replica?

The catalog and the keys are snapshots. When their source changes they are replaced here, and a
request that has begun continues with the ones it got.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.http.answer import Answer
from llmstack.gateway.keys import Keys
from llmstack.gateway.models_list import models_list
from llmstack.gateway.outcome import Outcome
from llmstack.gateway.owner import Owner
from llmstack.routing.load import Load

OPEN = "anonymous"
"""The tenant of all requests if no keys are required."""


@dataclass
class App:
    """What all requests share. `keys` is None if no key is required.

    `keeps_apart(model, replica)` returns whether a replica keeps tenants' caches apart.
    `context(model)` returns the tokens per slot, 0 while unknown. `why_not_serving()` returns why
    new clients should go elsewhere, "" if they need not. `prompt_secret` keys the hashes of prompts
    that other gateways learn of. `since` is the start of this process, in Unix seconds.
    """

    owner: Owner
    record: Callable[[Outcome], None]
    load: Callable[[], Mapping[str, Load]]
    catalog: Catalog = field(default_factory=Catalog)
    keys: Keys | None = None
    cors: tuple[str, ...] = ()
    keeps_apart: Callable[[str, str], bool] = lambda _model, _replica: True
    context: Callable[[Model], int] = lambda _model: 0
    since: int = field(default_factory=lambda: int(time.time()))
    why_not_serving: Callable[[], str] = lambda: ""
    prompt_secret: bytes = field(default=b"", repr=False)

    def tenant(self, authorization: str | None, api_key: str | None) -> str | None:
        """Returns the tenant of a request, or None if its key is unknown (401)."""
        return OPEN if self.keys is None else self.keys.tenant(authorization, api_key)

    def models(self, name: str = "") -> Answer:
        """Returns the answer to GET /v1/models, or to GET /v1/models/NAME."""
        return models_list(self.catalog, self.load(), self.since, name)
