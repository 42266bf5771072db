"""What do gateways know of models that others own?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmstack.gateway.peers.gossip import Gossip
from llmstack.routing.load import Load, ReplicaLoad, ReplicaState
from llmstack.routing.peer_messages import Message, decode, encode

REPLICAS = st.builds(
    ReplicaLoad,
    id=st.just("r"),
    state=st.sampled_from(ReplicaState),
    total=st.integers(1, 64),
    busy=st.integers(0, 64),
    draining=st.just(0),
    foreign=st.just(0),
    overlap=st.just(0),
)
LOADS = st.builds(
    Load, replicas=st.lists(REPLICAS, max_size=5).map(tuple), waiting_slots=st.integers(0, 99)
)


class Pair:
    """Two gateways; the first owns everything."""

    def __init__(self) -> None:
        self.now = 10.0
        self.sent = 0
        self.a = Gossip("a", lambda _: "a", self._send, lambda: self.now)
        self.b = Gossip("b", lambda _: "a", lambda _peer, _message: None, lambda: self.now)

    def _send(self, peer: str, message: Message) -> None:
        assert peer == "b"
        self.sent += 1
        self.b.hear("a", decode(encode(message)))  # type: ignore[arg-type]

    def tell(self, load: Load) -> None:
        self.now += 1.0
        self.a.tell(["b"], {"m": load}, {}, lambda _: 4096)


@given(LOADS)
def test_another_gateway_tells_of_a_model_what_its_owner_would(load: Load) -> None:
    pair = Pair()
    pair.tell(load)
    told = pair.b.loads({}, ["m"])["m"]
    assert (told.ready, told.total, len(told.replicas)) == (
        load.ready,
        load.total,
        len(load.replicas),
    )
    assert (told.busy, told.waiting_slots) == (load.busy, load.waiting_slots)
    ready = [r.total for r in load.replicas if r.state is ReplicaState.READY]
    assert min((r.total for r in told.replicas if r.total), default=0) == min(ready, default=0)
    assert pair.b.context("m") == 4096


def test_what_has_not_changed_is_not_told_again_but_on_a_new_connection() -> None:
    pair = Pair()
    pair.tell(Load())
    pair.tell(Load())
    assert pair.sent == 1
    pair.a.fresh("b")
    pair.tell(Load())
    assert pair.sent == 2


def test_the_owner_hears_of_the_streams_of_others_and_no_clock_is_told() -> None:
    heard: list[Message] = []
    ours, theirs = 1000.0, 5.0
    b = Gossip("b", lambda _: "a", lambda _peer, message: heard.append(message), lambda: ours)
    a = Gossip("a", lambda _: "a", lambda _peer, _message: None, lambda: theirs)
    b.tell(["a"], {}, {("m", "r"): 999.5, ("m", "quiet"): -5.0}, lambda _: 0)
    for message in heard:
        a.hear("b", message)  # type: ignore[arg-type]
    assert a.last_byte("m", "r") == 4.5
    assert a.last_byte("m", "other") == float("-inf")


def test_who_is_dropped_is_forgotten_and_tells_all_on_its_next_connection() -> None:
    pair = Pair()
    pair.tell(Load())
    pair.b.dropped("a")
    assert pair.b.loads({}, ["m"]) == {} and pair.b.context("m") == 0
    pair.a.fresh("b")
    pair.tell(Load())
    assert pair.b.context("m") == 4096
