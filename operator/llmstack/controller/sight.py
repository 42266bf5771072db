"""What is done with a report of a watch, or with the answer to a write?

    event ──┐
            ├─> store ─ news ─> who is concerned ─> queue
    answer ─┘

What is not news (an event about a write whose answer is known) concerns nobody. lists.py decides
when enough has been reported for passes to start.
"""

import random
from collections.abc import Mapping
from typing import Any, Protocol

from llmstack.api.key import Key
from llmstack.controller.keys import concerned
from llmstack.controller.names import NameIndex
from llmstack.controller.store import Store
from llmstack.kube.kinds import LLM_DEPLOYMENT, Kind
from llmstack.kube.objects import Place

_SPREAD_SECONDS = 10.0
"""Seconds over which passes are spread if news concerns all deployments."""


class Add(Protocol):
    """Asks for a pass over a deployment after `delay` seconds; `urgent` if somebody may wait."""

    def __call__(self, key: Key, delay: float = 0.0, *, urgent: bool = True) -> None: ...


class Sight:
    """Keeps the store and the claimed names up to date, and asks for passes."""

    def __init__(self, store: Store, names: NameIndex, add: Add) -> None:
        self.store = store
        self.names = names
        self._add = add

    def note(self, kind: Kind, body: Mapping[str, Any], *, deleted: bool = False) -> None:
        """Takes a report of an object, which exists like this or was deleted."""
        if self.store.note(kind, body, deleted=deleted):
            self._tell(kind, body, gone=deleted)

    def answered(self, body: Mapping[str, Any]) -> None:
        """Takes the answer to a write of an LLMDeployment's status.

        The pass that wrote it knows what it found. But somebody may have edited the deployment in
        the meantime, which needs a pass, and its current names may concern other deployments.
        """
        if self.store.note(LLM_DEPLOYMENT, body):
            metadata = body["metadata"]
            for key in self.names.note(body):
                self._add(key, urgent=False)
            if is_new_wish(body):
                self._add(Key(metadata["namespace"], metadata["name"]))

    def removed(self, kind: Kind, place: Place, uid: str) -> None:
        """Takes the answer to a deletion of our own, which the pass that asked for it knows of."""
        self.store.remove(kind, place, uid)

    def listed(
        self, kind: Kind, namespace: str | None, listed: Mapping[str, Place], version: int
    ) -> None:
        """Removes what a complete list lacks, since an interrupted watch did not report it."""
        for body in self.store.vanish(kind, namespace, set(listed), version):
            self._tell(kind, body, gone=True)

    def unseen(self, kind: Kind, listed: Mapping[str, Place]) -> dict[str, Place]:
        """Returns the entries of a list that no event has reported yet, by uid."""
        known = self.store.knows
        return {uid: place for uid, place in listed.items() if not known(uid, kind, place)}

    def _tell(self, kind: Kind, body: Mapping[str, Any], *, gone: bool) -> None:
        metadata = body["metadata"]
        urgent = kind == LLM_DEPLOYMENT and not gone and is_new_wish(body)
        # First, because the pass over this deployment must know its conflicts.
        others = self.names.note(body, deleted=gone) if kind == LLM_DEPLOYMENT else []
        spread = 0.0 if metadata.get("namespace") else _SPREAD_SECONDS
        for key in concerned(self.store, kind, metadata):
            delay = random.uniform(0, spread)  # noqa: S311 - only spreads load
            self._add(key, delay, urgent=urgent)
        for key in others:
            self._add(key, urgent=False)


def is_new_wish(body: Mapping[str, Any]) -> bool:
    """True if no operator has reacted yet to what this LLMDeployment asks for.

    Somebody waits for that. Nobody waits for the rest: what a list reports at the start, changes of
    children, which the operator mostly makes itself, and its own writes of the status.
    """
    answered = (body.get("status") or {}).get("observedGeneration")
    return bool(body["metadata"].get("generation") != answered)
