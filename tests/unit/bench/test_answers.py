"""Would a lost, doubled or mixed-up chunk show?"""

import json

from hypothesis import given
from hypothesis import strategies as st

from bench.gateway.answers import Ask, expected, pieces, plain, read

ASKS = st.builds(Ask, st.integers(0, 999_999), st.integers(0, 50))


@given(ASKS)
def test_backend_reads_what_the_client_wrote(ask: Ask) -> None:
    assert read(ask.body()) == ask


@given(ASKS.filter(lambda ask: ask.chunks > 0))
def test_stream_is_as_many_different_pieces_as_asked_for(ask: Ask) -> None:
    assert len(set(pieces(ask))) == ask.chunks
    assert b"".join(pieces(ask)) == expected(ask)


@given(ASKS, ASKS)
def test_no_two_requests_get_the_same_answer(one: Ask, other: Ask) -> None:
    assert (expected(one) == expected(other)) == (one == other)


def test_stream_reads_as_one_of_llama_server() -> None:
    *events, end = b"".join(pieces(Ask(7, 3))).decode().split("\n\n")[:-1]
    said = [json.loads(event.removeprefix("data: ")) for event in events]
    assert [choice["delta"] for event in said for choice in event["choices"]] == [
        {"content": " 000007.0000"},
        {"content": " 000007.0001"},
        {},
    ]
    assert said[-1]["timings"]["predicted_n"] == 3
    assert end == "data: [DONE]"


def test_plain_answer_is_json_with_its_usage() -> None:
    assert json.loads(plain(Ask(7)))["usage"]["total_tokens"] == 10
