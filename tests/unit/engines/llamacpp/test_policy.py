"""May this body reach a llama-server, and what has to go from it first?"""

import json

import pytest

from llmstack.engines.llamacpp.fields import FIELDS
from llmstack.engines.llamacpp.media import WATCHED
from llmstack.engines.llamacpp.policy import Judged, Policy, judge
from llmstack.engines.llamacpp.unfit import Unfit
from tests.support.outlines import outline_of

CHAT = "/v1/chat/completions"
HI = [{"role": "user", "content": "hi"}]


def judged(path: str, body: bytes, **policy):
    """What has to change in the body; nothing in it is to be measured."""
    found = judge(path, body, outline_of(body, WATCHED), Policy(**policy))
    assert found.contents == ()
    return found


def refused(path: str, text: str | bytes, **policy) -> Unfit:
    body = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(Unfit) as caught:
        judged(path, body, **policy)
    return caught.value


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (CHAT, {"messages": HI}),
        (CHAT, {"messages": HI, "temperature": 0, "top_p": 1.0, "n": 2, "seed": -1}),
        (CHAT, {"messages": HI, "temperature": None, "stop": None, "tools": None, "n": None}),
        (CHAT, {"messages": HI, "logprobs": True, "top_logprobs": 20}),
        (CHAT, {"messages": HI, "stop": ["a", "b"], "logit_bias": {"5": -100, "hello": 3.5}}),
        (CHAT, {"messages": HI, "response_format": {"type": "json_object"}}),
        # The web UI of llama.cpp.
        (
            CHAT,
            {
                "messages": HI,
                "stream": True,
                "return_progress": True,
                "sse_ping_interval": 30,
                "timings_per_token": True,
                "reasoning_format": "auto",
                "reasoning_control": True,
                "thinking_budget_tokens": -1,
                "max_tokens": -1,
                "dynatemp_range": 0,
                "dynatemp_exponent": 1,
                "typ_p": 1,
                "xtc_probability": 0,
                "repeat_last_n": 64,
                "dry_penalty_last_n": 64,
                "samplers": ["top_k", "top_p", "temperature"],
                "chat_template_kwargs": {"enable_thinking": False},
                "continue_final_message": True,
                "add_generation_prompt": False,
            },
        ),
        # OpenAI's SDK with all that a server may ignore.
        (
            CHAT,
            {
                "messages": HI,
                "metadata": {"a": "b"},
                "user": "u",
                "store": False,
                "service_tier": "auto",
                "safety_identifier": "x",
                "prompt_cache_key": "k",
                "verbosity": "low",
                "modalities": ["text"],
                "parallel_tool_calls": True,
                "stream_options": {"include_usage": True},
                "reasoning_effort": "low",
            },
        ),
        ("/v1/completions", {"prompt": ["a", [1, 2]], "echo": False, "logprobs": 5}),
        ("/completion", {"prompt": {"prompt_string": "a"}, "n_probs": 10, "n_predict": -1}),
        ("/completion", {"prompt": "", "n_predict": 0}),
        ("/v1/responses", {"input": "a", "text": {"format": {"type": "text"}}, "store": True}),
        ("/v1/messages", {"messages": HI, "max_tokens": 5, "metadata": {"user_id": "u"}}),
        ("/v1/messages", {"messages": HI, "system": [{"type": "text", "text": "a"}]}),
        ("/v1/embeddings", {"input": ["a"], "encoding_format": "base64", "dimensions": 4}),
        ("/v1/rerank", {"query": "q", "documents": ["a"], "top_n": 1}),
        ("/tokenize", {"content": "a", "with_pieces": True}),
        ("/detokenize", {"tokens": [1, 2]}),
        ("/apply-template", {"messages": HI}),
    ],
)
def test_what_clients_send_goes_on_as_it_came(path, fields):
    assert judged(path, json.dumps(fields).encode()) == Judged({})


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        # llama.vim and llama.vscode, on each keystroke.
        ({"id_slot": 0, "n_discard": 0}, {"id_slot", "n_discard"}),
        ({"id_slot": -1}, {"id_slot"}),
        ({"id_slot": "x", "n_cache_reuse": 0}, {"id_slot", "n_cache_reuse"}),
        ({"n_cache_reuse": None, "chat_parser": None}, {"n_cache_reuse", "chat_parser"}),
        ({"grammar_lazy": False, "grammar_triggers": [], "lora": []}, None),
        ({"backend_sampling": True, "speculative.n_max": 16}, None),
    ],
)
def test_what_changes_nothing_is_taken_away(fields, gone):
    body = json.dumps({"input_prefix": "a", "input_suffix": "b", **fields}).encode()

    assert set(judged("/infill", body).edits) == (gone or set(fields))


@pytest.mark.parametrize("path", FIELDS)
@pytest.mark.parametrize(
    "member",
    [
        '"n_cache_reuse": 1',
        '"n_cache_reuse": 256',
        '"n_cache_reuse": "256"',
        '"n_cache_reuse": 0.9',
        '"n_cache_reuse": true',
        '"n\\u005fcache_reuse": 256',
        '"n_discard": 5',
        '"chat_parser": ""',
        '"chat_format": 1',
        '"chat_template": "{{ 1 }}"',
        '"generation_prompt": "a"',
        '"grammar_lazy": true',
        '"grammar_triggers": [{"type": 9}]',
        '"grammar_type": "tool_calls"',
        '"preserved_tokens": ["a"]',
        '"parse_tool_calls": true',
        '"message_delimiters": [1]',
        '"reasoning_budget_start_tag": "a"',
        '"reasoning_budget_end_tag": "a"',
        '"reasoning_budget_end_tags": ["a"]',
        '"lora": [{"id": 0, "scale": 1}]',
    ],
)
def test_what_is_dangerous_is_refused_by_name_everywhere(path, member):
    name = json.loads(f"{{{member}}}").popitem()[0]

    unfit = refused(path, f"{{{member}}}")

    assert unfit.param == name
    assert f"'{name}' is not allowed" in str(unfit)


@pytest.mark.parametrize(
    "member",
    [
        '"n": 0',
        '"n": 129',
        '"n_cmpl": 1.5',
        '"n_predict": -2',
        '"max_tokens": 1e400',
        '"max_tokens": "5"',
        '"max_tokens": 2147483648',
        '"temperature": "hot"',
        '"temperature": 1e-42',
        '"temperature": -1e-42',
        '"temperature": 1e39',
        '"repeat_penalty": 0',
        '"dynatemp_exponent": -1',
        '"n_probs": 100000',
        '"n_probs": -1',
        '"logprobs": 100000',
        '"logprobs": "yes"',
        '"top_logprobs": 101',
        '"dry_penalty_last_n": 2147483647',
        '"repeat_last_n": 2147483647',
        '"dry_allowed_length": -1',
        '"dry_sequence_breakers": "\\n"',
        '"dry_sequence_breakers": ["%s"]' % ("x" * 101),
        '"samplers": [1]',
        '"samplers": ["penalties"%s]' % (', "penalties"' * 32),
        '"samplers": "%s"' % ("?" * 33),
        '"samplers": ["dry", "dry"]',
        '"samplers": ["top_k", "TOP-K"]',
        '"samplers": ["temp", "temperature"]',
        '"samplers": "kpk"',
        '"dry_sequence_breakers": ["a"' + ', "a"' * 8 + "]",
        '"stop": ""',
        '"stop": [""]',
        '"stop": [1]',
        '"stop": [["a"]]',
        '"stop": "%s"' % ("x" * 1001),
        '"stop": ["a"%s]' % (', "a"' * 64),
        '"logit_bias": {"1": "x"}',
        '"logit_bias": {"1": 1e39}',
        '"logit_bias": {"1": true}',
        '"logit_bias": [[1, 2, 3]]',
        '"logit_bias": [[1.5, 2]]',
        '"logit_bias": {' + ", ".join(f'"{n}": 1' for n in range(1025)) + "}",
        '"min_keep": 1000000',
        '"sse_ping_interval": -2',
        '"t_max_predict_ms": 1e18',
        '"response_fields": "content"',
        '"stream": "yes"',
        '"cache_prompt": 1',
        '"reasoning_format": "other"',
        '"seed": 1.5',
        '"seed": 1e400',
        '"tools": {}',
        '"tools": ["a"]',
        '"tools": [{"type": "function", "function": 1}]',
        '"tools": [{"type": "function", "function": {"name": ""}}]',
        '"tools": [{"type": "function", "function": {"name": "a\\u0000"}}]',
        '"response_format": "json"',
        '"response_format": {"type": 1e400}',
        '"tools": [1e400]',
        '"tools": [1e400, "' + "x" * 1000 + '"]',
        '"logit_bias": {"a": 1e400}',
        '"samplers": [1e400]',
        '"stop": [1e400]',
        '"chat_template_kwargs": []',
        '"messages": null',
        '"messages": "hi"',
        '"messages": [{}' + ", {}" * 4096 + "]",
        '"messages": %s' % ("[" * 101 + "]" * 101),
    ],
)
def test_a_value_out_of_bounds_is_refused_and_the_field_named(member):
    name = member.split('"')[1]

    assert refused(CHAT, f"{{{member}}}").param == name


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/embeddings", '{"input": null}', "input"),
        ("/v1/embeddings", '{"input": 5}', "input"),
        ("/v1/embeddings", '{"embd_normalize": 1e30}', "embd_normalize"),
        ("/v1/rerank", '{"query": null}', "query"),
        ("/v1/rerank", '{"documents": "a"}', "documents"),
        ("/detokenize", '{"tokens": [-1]}', "tokens"),
        ("/detokenize", '{"tokens": [1.5]}', "tokens"),
        ("/detokenize", '{"tokens": [2147483648]}', "tokens"),
        ("/tokenize", '{"content": [["a"]]}', "content"),
        ("/infill", '{"input_extra": [{"filename": "a"}]}', "input_extra"),
        ("/infill", '{"input_extra": [1]}', "input_extra"),
        ("/infill", '{"prompt": ["a"]}', "prompt"),
        ("/v1/messages", '{"stop_sequences": "a"}', "stop_sequences"),
        ("/completion", '{"prompt": null}', "prompt"),
    ],
)
def test_so_it_is_elsewhere(path, body, param):
    assert refused(path, body).param == param


@pytest.mark.parametrize(
    ("samplers", "top_k", "fits"),
    [
        ('["top_k", "top_p", "infill"]', "40", True),
        ('"kpi"', "40", True),
        ('["top_k", "infill"]', "100", True),
        ('["top_k", "infill"]', "101", False),
        ('["top_k", "infill"]', "0", False),
        ('["top_k", "infill"]', "-1", False),
        ('["top_k", "infill"]', "null", False),
        ('["infill", "top_k"]', "40", False),
        ('["INFILL"]', "40", False),
        ('"ik"', "40", False),
        # Names that llama-server does not know: it ignores them.
        ('["t-o-p-k", "infill"]', "40", False),
        ('["top_\u212a", "infill"]', "40", False),
    ],
)
def test_infill_compares_few_tokens_only(samplers, top_k, fits):
    body = f'{{"samplers": {samplers}, "top_k": {top_k}}}'

    if fits:
        judged("/infill", body.encode())
    else:
        assert refused("/infill", body).param == "samplers"


def test_an_unknown_field_is_dropped_and_told_or_refused():
    body = b'{"messages": [], "guided_json": 1, "use_beam_search": true}'

    found = judged(CHAT, body)

    assert found.unknown == ("guided_json", "use_beam_search")
    assert set(found.edits) == set(found.unknown)
    unfit = refused(CHAT, body, drop_unknown=False)
    assert unfit.param == "guided_json"
    assert "Unknown field 'guided_json'" in str(unfit)


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("Temperature", "temperature"),
        ("temprature", "temperature"),
        ("maxTokens", "max_tokens"),
        ("max_token", "max_tokens"),
        ("ID_SLOT", "id_slot"),
        ("n-cache-reuse", "n_cache_reuse"),
        ("mesages", "messages"),
    ],
)
def test_a_slip_of_the_pen_is_refused_and_the_right_name_told(name, right):
    unfit = refused(CHAT, f'{{"{name}": 1}}')

    assert unfit.param == name
    assert f"did you mean '{right}'?" in str(unfit)


@pytest.mark.parametrize(
    ("path", "name"), [("/v1/messages", "seed"), ("/v1/messages", "stop"), (CHAT, "inputs")]
)
def test_a_name_that_is_known_elsewhere_or_merely_alike_is_no_slip(path, name):
    assert judged(path, f'{{"{name}": 1}}'.encode()).unknown == (name,)


def test_fields_without_end_are_refused_at_once():
    members = ", ".join(f'"x{n}": 1' for n in range(201))

    assert "at most 200 fields" in str(refused(CHAT, f"{{{members}}}"))


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/completion", '{"prompt": "", "n_cmpl": 2}', "prompt"),
        ("/completion", '{"prompt": [], "n": 2}', "prompt"),
        ("/completion", '{"prompt": ["a", ""], "n_cmpl": 2}', "prompt"),
        ("/completion", '{"prompt": ["a", []], "n_cmpl": 2}', "prompt"),
        ("/completion", '{"prompt": {"prompt_string": ""}, "n_cmpl": 2}', "prompt"),
        ("/completion", '{"prompt": [{"prompt_string": []}, "a"], "n_cmpl": 2}', "prompt"),
        ("/v1/completions", '{"prompt": "\\u0000" , "n": 1, "n_cmpl": 3}', None),
        ("/v1/completions", '{"prompt": [1, 2], "n": 2}', None),
        (CHAT, '{"messages": [], "n": 2}', "messages"),
        (
            CHAT,
            '{"messages": [{}], "n": 2, "add_generation_prompt": false}',
            "add_generation_prompt",
        ),
        (
            CHAT,
            '{"messages": [{}], "grammar": "root ::= \\"a\\"", "ignore_eos": true}',
            "ignore_eos",
        ),
        (CHAT, '{"messages": [{}], "json_schema": {}, "ignore_eos": true}', "ignore_eos"),
        (
            CHAT,
            '{"messages": [{}], "response_format": {"type": "json_object"}, "ignore_eos": true}',
            "ignore_eos",
        ),
        (CHAT, '{"response_format": {"type": "text"}, "ignore_eos": true}', None),
        (CHAT, '{"tools": [], "grammar": "", "ignore_eos": true}', None),
        (CHAT, '{"grammar": "root ::= \\"7\\"", "logit_bias": {"7": false}}', "logit_bias"),
        (CHAT, '{"grammar": "root ::= \\"7\\"", "logit_bias": {"7": -100}}', None),
    ],
)
def test_what_is_dangerous_together_is_refused_together(path, body, param):
    if param is None:
        assert judged(path, body.encode()) == Judged({})
    else:
        assert refused(path, body).param == param
