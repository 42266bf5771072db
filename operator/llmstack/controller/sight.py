"""What happens with what a watch tells, or the answer to a write?

    event ──┐
            ├─> store ─ news ─> who is concerned ─> queue
    answer ─┘
    events and lists of the kinds that are awaited ─> `complete`: passes may begin

What is no news (an event about a write whose answer is known) concerns nobody.
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
"""What concerns all deployments is no reason for as many passes at once."""


class Add(Protocol):
    """Asks for a pass over a deployment after some seconds. `urgent`: somebody may wait for it."""

    def __call__(self, key: Key, delay: float = 0.0, *, urgent: bool = True) -> None: ...


class Sight:
    """The store, the names that are claimed, and who is to be told of news."""

    def __init__(self, store: Store, names: NameIndex, add: Add) -> None:
        self.store = store
        self.names = names
        self._add = add

    def note(self, kind: Kind, body: Mapping[str, Any], *, deleted: bool = False) -> None:
        """An object is now like this, or is gone."""
        if self.store.note(kind, body, deleted=deleted):
            self._tell(kind, body, gone=deleted)

    def answered(self, body: Mapping[str, Any]) -> None:
        """The status of an LLMDeployment was written: a pass only if there is something new to do.

        What the pass that wrote it has found needs no telling, but somebody may have edited
        meanwhile, and the names that it has now may concern others.
        """
        if self.store.note(LLM_DEPLOYMENT, body):
            metadata = body["metadata"]
            for key in self.names.note(body):
                self._add(key, urgent=False)
            if is_new_wish(body):
                self._add(Key(metadata["namespace"], metadata["name"]))

    def removed(self, kind: Kind, place: Place, uid: str) -> None:
        """A deletion of our own was carried out. The pass that asked for it needs no telling."""
        self.store.remove(kind, place, uid)

    def listed(
        self, kind: Kind, namespace: str | None, listed: Mapping[str, Place], version: int
    ) -> None:
        """What a complete list does not have is gone: a watch that was cut did not tell of it."""
        for body in self.store.vanish(kind, namespace, set(listed), version):
            self._tell(kind, body, gone=True)

    def unseen(self, kind: Kind, listed: Mapping[str, Place]) -> dict[str, Place]:
        """Of a list, what no event has told of yet, by uid."""
        known = self.store.knows
        return {uid: place for uid, place in listed.items() if not known(uid, kind, place)}

    def _tell(self, kind: Kind, body: Mapping[str, Any], *, gone: bool) -> None:
        metadata = body["metadata"]
        urgent = kind == LLM_DEPLOYMENT and not gone and is_new_wish(body)
        # First: the pass over this one must know of its conflicts.
        others = self.names.note(body, deleted=gone) if kind == LLM_DEPLOYMENT else []
        spread = 0.0 if metadata.get("namespace") else _SPREAD_SECONDS
        for key in concerned(self.store, kind, metadata):
            delay = random.uniform(0, spread)  # noqa: S311 - only spreads load
            self._add(key, delay, urgent=urgent)
        for key in others:
            self._add(key, urgent=False)


def is_new_wish(body: Mapping[str, Any]) -> bool:
    """True if no operator has answered yet to what this LLMDeployment asks for.

    Somebody waits for that. Nobody waits for the rest: what a list tells at the start, what changes
    in children, most of it by the operator itself, and its own writes to the status.
    """
    answered = (body.get("status") or {}).get("observedGeneration")
    return bool(body["metadata"].get("generation") != answered)
