"""How does a model come that is not in the cache?

From its source, or it is read where it lies. The modules of connections, and what looks into
headers, are imported from here on.
"""

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from llmstack.fetch.cache import Cache, Entry
from llmstack.fetch.claim import read_claim
from llmstack.fetch.client import Client
from llmstack.fetch.faults import Patience
from llmstack.fetch.look import look
from llmstack.fetch.progress import Meter
from llmstack.fetch.story import bring
from llmstack.fetch.tools import Tools
from llmstack.fetch.wanted import Wanted
from llmstack.models.source import ClaimSource
from llmstack.secret import Secret
from llmstack.settings.fetch import FetchSettings


class Outside:
    """Sources and claims. `say` writes a line of the log, `stop` ends waiting."""

    def __init__(
        self,
        settings: FetchSettings,
        token: Secret,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._token = token
        self._stop = stop
        self._say = say

    @cached_property
    def _tools(self) -> Tools:
        settings = self._settings
        meter = Meter(self._say, settings.progress)
        client = Client(settings, self._token)
        return Tools(settings, client, meter, Patience(settings, self._stop, meter.note))

    def look(self, wanted: Wanted, claims: Path) -> Entry:
        """The model as its source describes it; nothing of it is kept. Raises FetchError."""
        return self._on_claim(wanted, claims) or look(wanted, self._tools)

    def bring(self, wanted: Wanted, cache: Path, claims: Path) -> Entry:
        """The model: complete in the cache, or on its claim below `claims`. Raises FetchError."""

        def waiting(host: str) -> None:
            whom = host or "another pod"
            self._tools.meter.note(f"waiting for {whom}, which downloads the same model")

        return self._on_claim(wanted, claims) or bring(wanted, Cache(cache), self._tools, waiting)

    def _on_claim(self, wanted: Wanted, claims: Path) -> Entry | None:
        """The model as it lies on a claim; None if it comes from elsewhere."""
        if not isinstance(wanted.source, ClaimSource):
            return None
        return read_claim(wanted.source, wanted, claims, self._tools.meter)
