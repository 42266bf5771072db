"""What do all requests share, and what is answered without a replica?

The catalog and the keys are snapshots: whoever watches their source puts the next one here, and
requests that have begun go on with what they were given.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.keys import Keys
from llmstack.gateway.models_list import models_list
from llmstack.gateway.outcome import Outcome
from llmstack.gateway.owner import Owner
from llmstack.gateway.refusals import Answer
from llmstack.routing.load import Load

OPEN = "anonymous"
"""The tenant of all requests where no keys are asked for."""


@dataclass
class App:
    """All that requests share. `keys` None: everyone may come in.

    `keeps_apart(model, replica)`: whether a replica keeps apart what it caches for tenants.
    `context(model)`: tokens that a slot of it takes; 0 while that is not known.
    `why_not_serving()`: why new clients should go elsewhere; "" if they should not.
    `prompt_secret` keys the hashes of prompts that other gateways hear of.
    `since`: when this process began, in seconds since 1970.
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
        """Whose request is it? None: nobody's, who gets 401."""
        return OPEN if self.keys is None else self.keys.tenant(authorization, api_key)

    def models(self, name: str = "") -> Answer:
        """The answer to GET /v1/models, or to GET /v1/models/NAME."""
        return models_list(self.catalog, self.load(), self.since, name)
