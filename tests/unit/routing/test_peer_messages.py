"""Does a message arrive as it was sent, also between versions?"""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.routing import peer_messages
from llmstack.routing.peer_messages import (
    Asked,
    Beat,
    Granted,
    HeldLease,
    Message,
    Routed,
    State,
    decode,
    encode,
    pack,
    unpack,
)

KINDS = list(peer_messages._KINDS.values())


@given(st.one_of([st.from_type(kind) for kind in KINDS]))
def test_a_message_arrives_as_it_was_sent(message: Message) -> None:
    try:
        frame = encode(message)
    except TypeError:  # A number that JSON does not carry, or half a character.
        return
    try:
        assert decode(frame) == message
    except AssertionError:
        assert b"null" in frame  # Of a float that is none.
    except ValueError:
        assert b"null" in frame


def test_a_state_brings_all_that_its_sender_has() -> None:
    lease = HeldLease(1 << 60, "m", "r", "t", -1, 0.5, True, pack((5, 6)))
    state = State("v", (lease,), (1, 2), (Routed("m", "r", pack((7,))),))
    assert decode(encode(state)) == state


def test_what_a_newer_version_adds_is_skipped() -> None:
    assert decode(b'["praise", {"much": true}]') is None
    frame = orjson.dumps(["beat", {"number": 1, "saw": 0, "view": "v", "term": 3, "mood": "good"}])
    assert decode(frame) == Beat(1, 0, "v", 3)


def test_what_an_older_version_does_not_say_has_its_default() -> None:
    fields = {"view": "v", "ask": 1, "lease": 2, "replica": "r", "hit": 0, "waited": 0.5}
    assert decode(orjson.dumps(["granted", fields])) == Granted("v", 1, 2, "r", 0, 0.5)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b'"beat"',
        b'["beat"]',
        b'["beat", {}]',
        b'["beat", 3]',
        b'["beat", {"number": "1", "saw": 0, "view": "v", "term": 3}]',
        b'["state", {"view": "v", "leases": [3]}]',
        b'["heard", {"replicas": [["m"]]}]',
        b'[["beat"], {}]',
    ],
)
def test_what_is_none_is_a_value_error(frame: bytes) -> None:
    with pytest.raises(ValueError):
        decode(frame)


def test_blocks_are_packed() -> None:
    chain = (1 << 64 | 17, 2 << 64 | ((1 << 64) - 1))
    assert unpack(pack(chain)) == chain
    with pytest.raises(ValueError):
        unpack("abcd")


def test_no_message_has_room_for_a_prompt_or_a_clock() -> None:
    names = {name for kind in KINDS for name in kind.__dataclass_fields__}
    assert not names & {"prompt", "body", "arrived", "now", "at", "deadline"}
    assert "blocks" in Asked.__dataclass_fields__
