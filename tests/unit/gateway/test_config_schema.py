"""What may stand in the file of the gateway, and what does one read who errs?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.api.engine import Mode
from llmstack.errors import ConfigurationError
from llmstack.gateway.config_schema import Address, parse

FULL = """
listen: 127.0.0.1:8080
admin: "[::1]:9090"
keysFile: keys
cors: {origins: [https://chat.example, "http://localhost:3000"]}
models:
- name: smol
  aliases: [gpt-4o-mini]
  backends: [{url: http://127.0.0.1:9000, apiKeyFile: key}, {url: "http://[::1]:9000/"}]
  queue: {maxRequests: 1000, timeoutSeconds: 60, coldStartTimeoutSeconds: 600, reserve: true}
- name: team/rank
  mode: rerank
  backends: [{url: http://ranker}]
  wedgeSeconds: 30
"""


def test_what_a_full_file_says() -> None:
    part = parse(FULL, "f")
    assert (part.listen, part.admin) == (Address("127.0.0.1", 8080), Address("::1", 9090))
    assert part.cors.origins == ("https://chat.example", "http://localhost:3000")
    smol, rank = part.models
    assert smol.aliases == ("gpt-4o-mini",)
    assert [str(backend.url) for backend in smol.backends] == ["127.0.0.1:9000", "[::1]:9000"]
    assert smol.backends[0].api_key_file == "key"
    assert smol.queue.max_requests == 1000
    assert (rank.mode, rank.wedge_seconds) == (Mode.RERANK, 30)
    assert rank.backends[0].url == Address("ranker", 80)


def test_a_model_is_all_that_is_needed() -> None:
    part = parse("models: [{name: smol}]", "f")
    assert part.listen == Address("127.0.0.1", 8080)
    assert part.admin == Address("127.0.0.1", 9090)
    assert part.keys_file == ""
    assert part.models[0].queue.timeout_seconds == 60


LOOPBACK = [
    ("127.0.0.1", True),
    ("127.1.2.3", True),
    ("::1", True),
    ("localhost", True),
    ("0.0.0.0", False),
    ("::", False),
    ("10.0.0.1", False),
    ("localhost.example", False),
]


@pytest.mark.parametrize(("host", "loopback"), LOOPBACK, ids=[row[0] for row in LOOPBACK])
def test_what_is_reached_from_this_machine_only(host: str, loopback: bool) -> None:
    assert Address(host, 80).loopback is loopback


@given(st.ip_addresses().map(str), st.integers(0, 65535))
def test_an_address_is_read_as_it_is_written(host: str, port: int) -> None:
    address = Address(host, port)
    assert parse(f'listen: "{address}"\nmodels: [{{name: a}}]', "f").listen == address


def a_model(rest: str) -> str:
    return "models: [{name: a, " + rest + "}]"


WRONG = [
    ("nothing at all", "", "models: is missing"),
    ("no YAML", "models: [", "line 1, column 10: expected the node content"),
    ("a character that YAML forbids", "a\0", "not YAML: unacceptable character"),
    ("a date that does not exist", "models: [{name: 2020-13-45}]", "not YAML: month must be"),
    ("brackets without end", "models: " + "[" * 3000, "not YAML: maximum recursion depth"),
    ("a text", "models", "write fields here, `name: value`"),
    ("no model", "models: []", "models: name at least one"),
    ("models as a map", "models: {a: {}}", "models: write a list here"),
    ("a field of another name", a_model("backend: []"), "models[0].backend: there is no such fiel"),
    ("a field in snake case", a_model("wedge_seconds: 20"), "models[0].wedge_seconds: there is no"),
    ("a field of the queue", a_model("queue: {max: 1}"), "models[0].queue.max: there is no such"),
    ("a field that is there twice", a_model("name: b"), "line 1, column 20: 'name' is there twice"),
    ("a host of two words", a_model("backends: [{url: 'http://a b:1'}]"), "write the root of a"),
    ("a host with an umlaut", a_model("backends: [{url: 'http://bär:1'}]"), "write the root of a"),
    ("no port", "models: [{name: a}]\nlisten: 127.0.0.1", "listen: write an address and a port"),
    ("no host", 'models: [{name: a}]\nlisten: ":80"', "listen: write an address and a port"),
    ("a port too high", "models: [{name: a}]\nadmin: a:65536", "admin: write an address and a po"),
    ("a URL to listen on", "models: [{name: a}]\nadmin: http://a:1", "admin: write an address and"),
    ("a list to listen on", "models: [{name: a}]\nadmin: [{a: b}]", "admin: write an address"),
    (
        "TLS to a replica",
        a_model("backends: [{url: 'https://a:1'}]"),
        "models[0].backends[0].url: ",
    ),
    ("a path", a_model("backends: [{url: 'http://a:1/v1'}]"), "write the root of a llama-server"),
    (
        "a password",
        a_model("backends: [{url: 'http://a:b@c'}]"),
        "write the root of a llama-server",
    ),
    ("no address", a_model("backends: [{apiKeyFile: k}]"), "models[0].backends[0].url: is missing"),
    ("an impossible name", "models: [{name: '-a'}]", "models[0].name: a name has letters, digits"),
    (
        "a name that is a number",
        "models: [{name: 4}]",
        "models[0].name: Input should be a valid st",
    ),
    ("an alias for a list", a_model("aliases: b"), "models[0].aliases: write a list here"),
    ("another mode", a_model("mode: chat"), "models[0].mode: Input should be 'generate', 'embed'"),
    ("a wedge in no time", a_model("wedgeSeconds: 1"), "wedgeSeconds: Input should be greater tha"),
    ("a name claimed twice", "models: [{name: a, aliases: [b]}, {name: b}]", "the name 'b' is cla"),
    (
        "a server of two models",
        "models: [{name: a, backends: [{url: 'http://s:1'}]}, "
        "{name: b, backends: [{url: 'http://s:1'}]}]",
        "http://s:1 serves 'a' already",
    ),
    (
        "an origin with a path",
        a_model("") + "\ncors: {origins: [https://a/b]}",
        "cors.origins[0]: ",
    ),
]


@pytest.mark.parametrize(("sentence", "text", "message"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_off_is_named_with_its_place(sentence: str, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "gateway.yaml")
    assert str(caught.value).startswith("gateway.yaml: ")
    assert message in str(caught.value)


def test_all_that_is_off_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse("listen: 1\nmodels: [{name: a, x: 1}, {}]", "f")
    assert str(caught.value).count(";") == 2
