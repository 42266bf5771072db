"""What may a scaler see, and what is it asked?"""

from dataclasses import dataclass
from typing import Protocol

from llmstack.scaling.gateway_load import ModelLoad

MOST = 8
"""Replicas that anyone may have."""


@dataclass(frozen=True)
class View:
    """How things stand. Replicas that drain are not among them.

    `replicas` is what was asked for, `busy` the busy slots of each ready one, `active` the requests
    in flight and waiting, `load` what the gateway tells.
    """

    replicas: int
    busy: tuple[int, ...]
    active: int
    load: ModelLoad


class Scaler(Protocol):
    """Who decides how many replicas run?"""

    interval: float
    """Seconds from one decision to the next."""

    def wanted(self, view: View, now: float) -> int:
        """How many from now on?"""

    def called(self, view: View, now: float) -> bool:
        """A request came while none is asked for: is one to be started at once?"""
