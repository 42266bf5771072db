"""May a page from elsewhere read the answer?"""

import pytest

from llmstack.gateway.cors import headers, preflight

CHAT = "https://chat.example"
ALLOW = b"Access-Control-Allow-Origin"


@pytest.mark.parametrize(
    ("origins", "origin", "allowed", "varies"),
    [
        ((), b"https://chat.example", None, False),
        ((CHAT,), b"", None, False),
        ((CHAT,), b"https://chat.example", b"https://chat.example", True),
        ((CHAT,), b"https://evil.example", None, True),
        ((CHAT,), b"https://chat.example.evil", None, True),
        (("*",), b"https://evil.example", b"*", False),
        ((CHAT, "http://localhost:3000"), b"http://localhost:3000", b"http://localhost:3000", True),
    ],
)
def test_only_named_origins_may(origins, origin, allowed, varies):
    found = dict(headers(origins, origin))
    assert found.get(ALLOW) == allowed
    assert (b"Vary" in found) == varies
    assert (b"Access-Control-Expose-Headers" in found) == (allowed is not None)


def test_a_preflight_allows_the_headers_that_it_asks_for():
    answer = preflight(b"authorization, x-stainless-os")
    assert answer.status == 204
    assert dict(answer.headers)[b"Access-Control-Allow-Headers"] == b"authorization, x-stainless-os"
    assert b"Authorization" in dict(preflight(b"").headers)[b"Access-Control-Allow-Headers"]
