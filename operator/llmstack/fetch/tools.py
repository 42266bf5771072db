"""What does every download need, and when does one begin anew?"""

from dataclasses import dataclass

from llmstack.api import reasons
from llmstack.errors import FetchError
from llmstack.fetch.client import Client
from llmstack.fetch.faults import Patience
from llmstack.fetch.hashing import Summing
from llmstack.fetch.progress import Meter
from llmstack.settings.fetch import FetchSettings

PIECE = 2**18
TICK_SECONDS = 0.1


@dataclass(frozen=True)
class Tools:
    """Settings, connections, where to report, when to give up."""

    settings: FetchSettings
    client: Client
    meter: Meter
    patience: Patience

    def await_sum(self, summing: Summing, name: str) -> str:
        """The sum, reported on: what an earlier fetch had brought may take long."""
        summing.join(self.settings.progress)
        if summing.is_alive():
            self.meter.note(f"all bytes of {name} are there, summing them")
        while summing.is_alive():
            summing.join(TICK_SECONDS)
            self.meter.tick()
        return summing.hexdigest()


class StartAgain(FetchError):
    """What was begun cannot be finished: locate the file anew, and fetch it in one stream."""


class Changed(StartAgain):
    """The server names another version of the file now: nothing of the old one is of use."""

    def __init__(self, name: str) -> None:
        super().__init__(
            reasons.FETCH_FAILED,
            f"{name} changed on its server while it was downloaded: try again, or pin a revision. "
            "If it did not change, its servers disagree about its version: give its sum, in the "
            "field sha256 beside source",
        )
