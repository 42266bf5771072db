"""Does a fetch ever write its token, a proxy's password or a signature? Whatever goes wrong."""

from __future__ import annotations

import pytest

from llmstack.api import reasons
from tests.support.hub import Hub

FILE = b"GGUF" + bytes(4096)
REPOS = {"owner/repo": {"q4.gguf": FILE}}
SOURCE = "hf://owner/repo/q4.gguf"
TOKEN = "hf_Zq8vJ2Lw5XtYb1Nc"
HALVES = ("hf_Zq8vJ2L", "w5XtYb1Nc")


@pytest.fixture(scope="module")
def hub():
    with Hub(REPOS, token=TOKEN) as it:
        yield it


@pytest.mark.parametrize(
    "between", ["\n", "\r\n", "\r", "\0", "\t", " ", "\x7f", "\u2019", "\u2028", "\udcff"]
)
def test_a_token_with_what_no_header_takes_is_refused_by_name(fetch, tmp_path, between):
    file = tmp_path / "token"
    file.write_bytes(between.join(HALVES).encode("utf-8", "surrogateescape"))
    outcome = fetch(SOURCE, HF_TOKEN_FILE=str(file))
    assert outcome.status == 1
    assert outcome.failure.reason == reasons.SOURCE_UNAUTHORIZED
    message = "the key `token` of the Secret of spec.model.secretRef is not a valid token"
    assert message in outcome.failure.message
    for half in HALVES:
        assert half not in outcome.log + outcome.termination


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", "\n{}\n\n", " {} "])
def test_what_an_editor_leaves_around_a_token_does_not_matter(fetch, tmp_path, hub, around):
    file = tmp_path / "token"
    file.write_bytes(around.format(TOKEN).encode())
    outcome = fetch(SOURCE, HF_TOKEN_FILE=str(file))
    # The file is no model; that it came far enough to be judged shows that the token was taken.
    assert outcome.failure.reason != reasons.SOURCE_UNAUTHORIZED
    assert TOKEN not in outcome.log + outcome.termination


PASSWORD = "pr0xy-Passw0rd"
PROXIES = [
    f"http://alice:{PASSWORD}@127.0.0.1:1",
    f"http://alice:{PASSWORD}@no-such-proxy.invalid:3128",
    f"http://alice:{PASSWORD}@127.0.0.1:port",
    f"http://alice:{PASSWORD}@[::1",
    f"ftp://alice:{PASSWORD}@127.0.0.1:1",
    f"http://alice:a/{PASSWORD}@127.0.0.1:1",
    f"alice:{PASSWORD}@127.0.0.1:1",
]


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxys_password_is_not_told(fetch, proxy):
    outcome = fetch(SOURCE, HTTP_PROXY=proxy, LLMSTACK_FETCH_ATTEMPTS="1")
    assert outcome.status != 0
    assert PASSWORD not in outcome.log + outcome.termination


@pytest.mark.parametrize(
    "endpoint",
    [f"https://alice:{PASSWORD}@127.0.0.1:1", f"alice:{PASSWORD}@hub", f"ftp://a:{PASSWORD}@hub"],
)
def test_nor_is_the_password_of_a_mirror(fetch, endpoint):
    outcome = fetch(SOURCE, HF_ENDPOINT=endpoint, LLMSTACK_FETCH_ATTEMPTS="1")
    assert outcome.status != 0
    assert PASSWORD not in outcome.log + outcome.termination


@pytest.mark.parametrize(
    "source",
    [
        f"https://alice:{PASSWORD}@127.0.0.1:port/q4.gguf",
        f"https://alice:{PASSWORD}@127.0.0.1/q4.gguf",
        f"https://alice:{PASSWORD} @127.0.0.1/q4.gguf",
        f"https://alice:/{PASSWORD}@127.0.0.1/q4.gguf",
        f"http://127.0.0.1:1/q4.gguf?X-Amz-Signature={PASSWORD}",
        f"http://127.0.0.1:1/?X-Amz-Signature={PASSWORD}",
    ],
)
def test_nor_what_a_source_carries(fetch, source):
    outcome = fetch(source, LLMSTACK_FETCH_ATTEMPTS="2")
    assert outcome.status != 0
    assert PASSWORD not in outcome.log + outcome.termination
