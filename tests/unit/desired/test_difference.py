"""Where does a live object differ, in words?"""

from typing import Any

import pytest

from llmstack.desired.difference import difference

CONTAINER = {"name": "llama-server", "image": "a", "args": ["-v"]}
ROWS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("nothing differs", {"spec": {"a": 1}}, {"spec": {"a": 1, "b": 2}}, ""),
    ("a number", {"spec": {"a": 1}}, {"spec": {"a": 2}}, "spec.a is 2 instead of 1"),
    ("a field that was taken out", {"spec": {"a": 1}}, {"spec": {}}, "spec.a is gone instead of 1"),
    (
        "the image of a container, beside one that was added",
        {"containers": [CONTAINER]},
        {"containers": [{"name": "sidecar"}, {**CONTAINER, "image": "mirror/a"}]},
        "containers[llama-server].image is mirror/a instead of a",
    ),
    (
        "an argument",
        {"containers": [CONTAINER]},
        {"containers": [{**CONTAINER, "args": ["-q"]}]},
        "containers[llama-server].args[0] is -q instead of -v",
    ),
    (
        "a container that is gone",
        {"containers": [CONTAINER]},
        {"containers": []},
        "containers[llama-server] is gone instead of {'name': 'llama-server', 'image': 'a', "
        "'args': ['-v']}",
    ),
    ("an equal quantity", {"limits": {"cpu": "1000m"}}, {"limits": {"cpu": "1"}}, ""),
    (
        "another quantity",
        {"limits": {"cpu": "1"}},
        {"limits": {"cpu": "2"}},
        "limits.cpu is 2 instead of 1",
    ),
    (
        "a Secret's value stays one",
        {"kind": "Secret", "data": {"key": "b25l"}},
        {"kind": "Secret", "data": {"key": "dHdv"}},
        "data.key",
    ),
]


@pytest.mark.parametrize(
    ("desired", "live", "words"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_what_differs(desired: dict[str, Any], live: dict[str, Any], words: str) -> None:
    assert difference(desired, live) == words


def test_a_long_value_is_cut() -> None:
    assert len(difference({"a": "x" * 5000}, {"a": "y" * 5000})) < 500
