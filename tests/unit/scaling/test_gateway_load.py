"""What does a line of /load say?"""

import json
from typing import Any

import pytest

from llmstack.api.key import Key
from llmstack.scaling.gateway_load import GatewayLoad, ModelLoad, PodLoad, server_changes
from llmstack.scaling.load_page import parse_load

QWEN = Key("team-a", "qwen")


def line(*replicas: tuple[str, str], **fields: Any) -> bytes:
    """Of replicas by name and state; an asterisk after the state: it may reuse nothing.

    `cut` is the state of one that cannot be reached.
    """
    listed = [
        {"id": name, "state": state.rstrip("*"), "slots": 4, "busy": 1}
        | ({"uncached": True} if state.endswith("*") else {})
        for name, state in replicas
    ]
    cut = [{"id": name, "why": "w"} for name, state in replicas if state == "cut"]
    listed = [each for each in listed if each["state"] != "cut"]
    model = {"replicas": listed, "waiting": 2, "waitingSlots": 3, "unreachable": cut}
    body = {"version": 1, "epoch": "e1", "models": {"team-a/qwen": model}, **fields}
    return json.dumps(body).encode() + b"\n"


def test_a_line_tells_slots_and_waiting_requests_of_each_model() -> None:
    load = parse_load(line(("qwen-1", "ready")))

    assert load.epoch == "e1"
    assert load.models[QWEN] == ModelLoad((PodLoad("qwen-1", "ready", 4, 1),), 2, 3)


@pytest.mark.parametrize("wrong", [b"[]", b"{}", line(version=2), b"no json"])
def test_what_is_no_load_or_of_another_version_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError):
        parse_load(wrong)


def test_fields_that_a_later_gateway_adds_are_ignored() -> None:
    assert parse_load(line(("qwen-1", "ready"), more=True)) == parse_load(line(("qwen-1", "ready")))


@pytest.mark.parametrize(
    ("sentence", "before", "after", "changed"),
    [
        ("nothing is wedged", line(("a", "ready")), line(("a", "draining")), []),
        ("one becomes wedged", line(("a", "ready")), line(("a", "wedged")), [QWEN]),
        ("it answers again", line(("a", "wedged")), line(("a", "ready")), [QWEN]),
        ("it is gone", line(("a", "wedged")), line(models={}), [QWEN]),
        ("it stays so", line(("a", "wedged")), line(("a", "wedged"), ("b", "draining")), []),
        ("one answers", line(("a", "ready")), line(("a", "ready"), ("b", "ready")), [QWEN]),
        ("it answers on", line(("a", "ready")), line(("a", "ready")), []),
        ("one may reuse nothing", line(("a", "ready")), line(("a", "ready*")), [QWEN]),
        ("it may again", line(("a", "ready*")), line(("a", "ready")), [QWEN]),
        ("one cannot be reached", line(("a", "ready")), line(("a", "cut")), [QWEN]),
        ("it can again", line(("a", "cut")), line(("a", "ready")), [QWEN]),
        ("it still cannot", line(("a", "cut")), line(("a", "cut")), []),
        ("another one", line(("a", "wedged")), line(("b", "wedged")), [QWEN]),
    ],
)
def test_only_a_change_of_what_servers_can_do_concerns_a_deployment(
    sentence: str, before: bytes, after: bytes, changed: list[Key]
) -> None:
    assert server_changes(parse_load(before), parse_load(after)) == changed, sentence


def test_a_view_is_empty_before_the_first_line() -> None:
    assert GatewayLoad().models == {}
