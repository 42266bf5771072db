"""What else do gateways tell each other, about once a second?

to the owner of a model    when a stream of each of its replicas last sent a byte: a server whose
                           streams are active is not wedged, whichever gateway reads them
to everyone                the load of the owned models, for GET /v1/models
"""

from collections.abc import Callable, Iterable, Mapping

from llmstack.routing.load import Load, ReplicaLoad, ReplicaState
from llmstack.routing.peer_messages import Heard, Message, Standing

_SECONDS = 1.0
"""Seconds between two messages."""
_OF_LOAD = 6
"""Counts in a Standing that describe the load; the tokens per slot follow."""
_NEVER = float("-inf")
ReplicaKey = tuple[str, str]
_Counts = tuple[int, ...]


class Gossip:
    """Exchanges these messages. `owner(model)` returns the peer that owns a model, or `me`."""

    def __init__(
        self,
        me: str,
        owner: Callable[[str], str],
        send: Callable[[str, Message], None],
        clock: Callable[[], float],
    ) -> None:
        self._me = me
        self._owner = owner
        self._send = send
        self._clock = clock
        self._at = _NEVER
        self._bytes: dict[ReplicaKey, float] = {}
        self._standing: dict[str, dict[str, _Counts]] = {}
        self._told: dict[str, dict[str, _Counts]] = {}

    def hear(self, peer: str, message: Heard | Standing) -> None:
        """Takes a peer's message."""
        if isinstance(message, Heard):
            now = self._clock()
            for model, replica, ago in message.replicas:
                self._bytes[model, replica] = now - ago
        else:
            self._standing.setdefault(peer, {}).update(message.models)

    def last_byte(self, model: str, replica: str) -> float:
        """Returns when a stream of another gateway last got a byte of this replica, or -inf."""
        return self._bytes.get((model, replica), _NEVER)

    def loads(self, own: Mapping[str, Load], models: Iterable[str]) -> dict[str, Load]:
        """Returns the known loads of these models; those of peers' models as the peers said."""
        found = dict(own)
        for model in models:
            owner = self._owner(model)
            counts = self._standing.get(owner, {}).get(model, ())
            if owner != self._me and len(counts) >= _OF_LOAD:
                found[model] = _load(counts)
        return found

    def context(self, model: str) -> int:
        """Returns the tokens per slot of a peer's model, or 0 if unknown."""
        counts = self._standing.get(self._owner(model), {}).get(model, ())
        return counts[_OF_LOAD] if len(counts) > _OF_LOAD else 0

    def tell(
        self,
        peers: Iterable[str],
        own: Mapping[str, Load],
        heard: Mapping[ReplicaKey, float],
        context: Callable[[str], int],
    ) -> None:
        """Sends news to all peers, at most once a second. `context(model)` is of own models."""
        now = self._clock()
        if now - self._at < _SECONDS:
            return
        since, self._at = self._at, now
        standing = {model: (*_counts(load), context(model)) for model, load in own.items()}
        peers = list(peers)
        for peer in peers:
            lately = tuple(
                (model, replica, now - at)
                for (model, replica), at in heard.items()
                if at >= since and self._owner(model) == peer
            )
            if lately:
                self._send(peer, Heard(lately))
            told = self._told.get(peer, {})
            news = [(m, counts) for m, counts in standing.items() if told.get(m) != counts]
            if news:
                self._send(peer, Standing(tuple(news)))
        self._told = dict.fromkeys(peers, standing)
        known = {key: at for key, at in self._bytes.items() if now - at < 3600}
        self._bytes = known

    def dropped(self, peer: str) -> None:
        """Forgets a peer that was dropped; if it comes back, it reports everything again."""
        self._standing.pop(peer, None)

    def fresh(self, peer: str) -> None:
        """Notes a new connection to a peer, which must get everything again."""
        self._told.pop(peer, None)


def _counts(load: Load) -> _Counts:
    ready = [each.total for each in load.replicas if each.state is ReplicaState.READY]
    waiting = load.waiting_slots
    return len(ready), len(load.replicas), load.total, load.busy, waiting, min(ready, default=0)


def _load(counts: _Counts) -> Load:
    """Returns a load with these counts."""
    ready, replicas, total, busy, waiting, smallest = counts[:_OF_LOAD]
    each = (total - smallest) // (ready - 1) if ready > 1 else 0
    slots = [smallest, *[each] * (ready - 1)][:ready]
    if ready > 1:
        slots[-1] = total - sum(slots[:-1])
    of = [_replica(ReplicaState.READY, number, 0) for number in slots]
    of += [_replica(ReplicaState.DRAINING, 0, 0)] * (replicas - ready)
    if of:
        of[0] = _replica(of[0].state, of[0].total, busy)
    return Load(replicas=tuple(of), waiting_slots=waiting)


def _replica(state: ReplicaState, total: int, busy: int) -> ReplicaLoad:
    return ReplicaLoad("", state, total, busy, 0, 0, 0)
