"""What does a body ask for?"""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.engines.llamacpp.media import WATCHED
from llmstack.gateway.paths import find
from llmstack.gateway.peek import peek
from llmstack.gateway.refusals import Refused
from llmstack.routing.messages import NO_SLOTS, WHOLE
from llmstack.scan.sight import outline_of

CHAT = "/v1/chat/completions"


def asked(path: str, **fields):
    endpoint = find("POST", path)
    assert endpoint is not None
    return read(endpoint, orjson.dumps(fields))


def read(endpoint, body):
    return peek(endpoint, body, outline_of(body, WATCHED))


@pytest.mark.parametrize(
    ("path", "fields", "slots"),
    [
        (CHAT, {}, 1),
        (CHAT, {"n": None}, 1),
        (CHAT, {"n": 3}, 3),
        (CHAT, {"n": 3.0}, 3),
        (CHAT, {"n": 0}, 1),
        (CHAT, {"n_cmpl": 4}, 4),
        # llama-server reads n_cmpl first; whichever it takes, the larger is enough.
        (CHAT, {"n": 2, "n_cmpl": 4}, 4),
        (CHAT, {"prompt": ["a", "b"]}, 1),
        ("/v1/completions", {"prompt": "a"}, 1),
        ("/v1/completions", {"prompt": ["a", "b", "c"]}, 3),
        ("/v1/completions", {"prompt": ["a", "b"], "n": 2}, 4),
        ("/v1/completions", {"prompt": [1, 2, 3]}, 1),
        ("/v1/completions", {"prompt": [1, "mixed", 3]}, 1),
        ("/v1/completions", {"prompt": [[1, 2], [3]]}, 2),
        ("/v1/completions", {"prompt": []}, 1),
        ("/completion", {"prompt": ["a", {"prompt_string": "b"}]}, 2),
        ("/v1/responses", {"input": [{"role": "user"}, {"role": "user"}]}, 1),
        ("/v1/messages", {"messages": [{}, {}]}, 1),
        ("/infill", {"input_prefix": "a"}, 1),
        ("/v1/embeddings", {"input": "a"}, 1),
        ("/v1/embeddings", {"input": ["a"]}, 1),
        ("/v1/embeddings", {"input": ["a", "b"]}, WHOLE),
        ("/v1/embeddings", {"content": ["a", "b"]}, WHOLE),
        ("/v1/embeddings", {"input": [1, 2, 3]}, 1),
        ("/v1/rerank", {"documents": ["a", "b"]}, WHOLE),
        ("/v1/rerank", {"texts": ["a", "b"]}, WHOLE),
        ("/v1/rerank", {"documents": ["a"]}, 1),
        ("/tokenize", {"content": ["a", "b"]}, NO_SLOTS),
        ("/detokenize", {"tokens": [1]}, NO_SLOTS),
        ("/apply-template", {"messages": []}, NO_SLOTS),
    ],
)
def test_takes_as_many_slots_as_the_server_makes_tasks(path, fields, slots):
    assert asked(path, **fields).slots == slots


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"model": 5}', "'model' must be a string"),
        (b'{"n": "2"}', "'n' must be a whole number"),
        (b'{"n": true}', "'n' must be a whole number"),
        (b'{"n": 1.5}', "'n' must be a whole number"),
        (b'{"n_cmpl": [2]}', "'n_cmpl' must be a whole number"),
    ],
)
def test_what_cannot_work_is_refused_in_openais_shape(body, says):
    endpoint = find("POST", CHAT)
    with pytest.raises(Refused) as refused:
        read(endpoint, body)
    answer = refused.value.answer
    error = orjson.loads(answer.body)["error"]
    assert answer.status == 400
    assert says in error["message"]
    assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("path", "fields", "several"),
    [
        ("/v1/completions", {"prompt": ["a", "b"]}, True),
        ("/completion", {"prompt": ["a", "b"]}, True),
        ("/v1/completions", {"prompt": ["a"]}, False),
        ("/v1/completions", {"prompt": [1, 2, 3]}, False),
        ("/v1/completions", {"prompt": "a", "n": 2}, False),
        (CHAT, {"messages": [{}, {}]}, False),
        ("/v1/embeddings", {"input": ["a", "b"]}, False),
    ],
)
def test_an_array_of_prompts_is_several(path, fields, several):
    assert asked(path, **fields).several is several


def test_a_count_beyond_all_reason_stays_a_number_that_json_can_take():
    endpoint = find("POST", "/v1/completions")
    slots = read(endpoint, b'{"n": 1e300, "prompt": ["a", "b"]}').slots
    assert orjson.dumps(slots * 100_000)


def test_a_large_body_of_one_long_text_is_read():
    assert asked(CHAT, model="m", messages=[{"content": "a" * 2_000_000}]).model == "m"


def test_model_and_stream_are_read():
    found = asked(CHAT, model="qwen", stream=True)
    assert (found.model, found.stream) == ("qwen", True)
    assert (asked(CHAT).model, asked(CHAT, stream="yes").stream) == ("", False)


TURN = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text()})


@given(st.lists(TURN, min_size=1), st.lists(TURN, min_size=1))
def test_a_conversation_that_goes_on_keeps_its_prompt_as_a_prefix(turns, more):
    first = asked(CHAT, model="m", stream=True, messages=turns)
    then = asked(CHAT, model="m", stream=True, messages=turns + more)
    begun = bytes(first.prompt).rsplit(b"]", 1)[0]
    assert bytes(then.prompt).startswith(begun)
    assert first.setting == then.setting


@pytest.mark.parametrize(
    "other",
    [
        {"tools": [{"type": "function"}]},
        {"lora": [{"id": 0, "scale": 1.0}]},
    ],
)
def test_tools_and_adapters_are_another_setting(other):
    messages = [{"role": "user", "content": "hi"}]
    assert asked(CHAT, messages=messages).setting != asked(CHAT, messages=messages, **other).setting


def test_a_system_prompt_of_its_own_field_is_part_of_the_setting():
    one = asked("/v1/messages", system="a", messages=[])
    two = asked("/v1/messages", system="b", messages=[])
    assert one.setting != two.setting


@pytest.mark.parametrize("path", ["/infill", "/v1/embeddings", "/v1/rerank", "/tokenize"])
def test_where_nothing_is_reused_there_is_no_prompt(path):
    assert asked(path, input="x" * 5000, prompt="y").prompt == b""


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_body_of_any_size_asks_for_the_same(size):
    """Small ones are read at sight, others by the scanner."""
    fields = {
        "model": "m",
        "stream": True,
        "n": 2.0,
        "prompt": ["x" * size, "y"],
        "metadata": {"prompt": "no", "n": 9},
        "lora": [{"id": 1}],
    }
    found = asked("/v1/completions", **fields)
    assert (found.model, found.stream, found.slots) == ("m", True, 4)
    assert bytes(found.prompt[:5]) == b'["xxx'
    assert [bytes(part) for part in found.setting] == [b'[{"id":1}]']


@pytest.mark.parametrize("wrong", [{"model": {}}, {"model": 1}, {"n": [1] * 9}, {"n": "1" * 5000}])
def test_what_cannot_work_is_refused_in_a_large_body_too(wrong):
    with pytest.raises(Refused):
        asked(CHAT, messages=[{"content": "a" * 100_000}], **wrong)
