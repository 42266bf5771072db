"""How does a form become a body, and a body a form?"""

from email import message_from_bytes, policy

import pytest

from llmstack.engines.llamacpp.forms import as_json, closing, opening


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([], {}),
        ([("model", "a"), ("prompt", "12")], {"model": "a", "prompt": "12"}),
        ([("stream", "true")], {"stream": True}),
        ([("stream", "False")], {"stream": False}),
        ([("stream", "1")], {"stream": "1"}),
        ([("temperature", "0.5")], {"temperature": 0.5}),
        ([("temperature", "1e-3")], {"temperature": 0.001}),
        ([("temperature", "nan")], {"temperature": "nan"}),
        ([("temperature", "1e999")], {"temperature": "1e999"}),
        ([("max_tokens", "-1e309")], {"max_tokens": "-1e309"}),
        ([("temperature", "0x10")], {"temperature": "0x10"}),
        ([("temperature", " 1")], {"temperature": " 1"}),
        ([("max_tokens", "12")], {"max_tokens": 12}),
        ([("max_tokens", "-1")], {"max_tokens": -1}),
        ([("max_tokens", "12abc")], {"max_tokens": "12abc"}),
        ([("include[]", "a"), ("include[]", "b")], {"include[]": ["a", "b"]}),
        ([("cache_prompt", "false")], {"cache_prompt": "false"}),
    ],
)
def test_numbers_and_flags_are_told_from_text(
    fields: list[tuple[str, str]], body: dict[str, object]
) -> None:
    assert as_json(fields) == body


def test_a_form_is_what_other_readers_read() -> None:
    fields = {"model": "a", "prompt": "ü\r\n--b--", "temperature": 0.001, "stream": True}
    written = opening(fields, b"x1") + b"\x00\xff\r\n" + closing(b"x1")

    head = b"Content-Type: multipart/form-data; boundary=x1\r\n\r\n"
    parts = list(message_from_bytes(head + written, policy=policy.HTTP).iter_parts())
    names = [part.get_param("name", header="content-disposition") for part in parts]
    contents = [part.get_payload(decode=True) for part in parts]
    assert names == ["model", "prompt", "temperature", "stream", "file"]
    assert contents == [b"a", "ü\r\n--b--".encode(), b"0.001", b"true", b"\x00\xff\r\n"]
    assert parts[-1].get_filename() == "file"
