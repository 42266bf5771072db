"""How many tokens did a response take?"""

import pytest

from llmstack.engines.llamacpp.usage import Usage, read

LAST_CHUNK = (
    b'data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1,"object":'
    b'"chat.completion.chunk","timings":{"cache_n":10,"prompt_n":5,"prompt_ms":1.5,'
    b'"predicted_n":7,"predicted_ms":2.5}}\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize(
    ("text", "usage"),
    [
        (b"", Usage()),
        (b'{"id": 5}', Usage()),
        (LAST_CHUNK, Usage(15, 10, 7)),
        (
            b'{"usage":{"completion_tokens":7,"prompt_tokens":15,"total_tokens":22},"timings":'
            b'{"cache_n":10,"prompt_n":5,"predicted_n":7}}',
            Usage(15, 10, 7),
        ),
        (b'{"usage":{"completion_tokens":7,"prompt_tokens":15}}', Usage(15, 0, 7)),
        (b'{"usage": {"prompt_tokens": 4, "total_tokens": 4}, "data": [', Usage(4)),
        (b'"usage":{"input_tokens":3,"output_tokens":9}', Usage(3, 0, 9)),
        (
            b'"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},'
            b'"output_tokens":1}',
            Usage(9, 4, 1),
        ),
        (
            b'"usage":{"cache_read_input_tokens":4,"input_tokens":5,"output_tokens":1}',
            Usage(9, 4, 1),
        ),
        (
            b'{"content":"a","timings/cache_n":10,"timings/prompt_n":5,"timings/predicted_n":7}',
            Usage(15, 10, 7),
        ),
        (b'"tokens_evaluated":3,"tokens_predicted":9}', Usage(3, 0, 9)),
        (
            b'{"choices":[{"text":"\\"prompt_n\\":99,\\"completion_tokens\\":99"}],"usage":'
            b'{"completion_tokens":1,"prompt_tokens":2}}',
            Usage(2, 0, 1),
        ),
        (b'"prompt_tokens":99999999999999999999', Usage()),
    ],
)
def test_reads_the_counts(text, usage):
    assert read(text) == usage
