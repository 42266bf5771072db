"""Which logs are read, and how often?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.controller.pod_logs import LogReader
from llmstack.controller.schedule import Key

KEY = Key("team", "qwen")


class Logs:
    """Stands for the API server's logs, and counts how often each was read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reads: list[tuple[str, bool]] = []

    async def log_tail(
        self, _namespace: str, _pod: str, container: str, *, lines: int, previous: bool = False
    ) -> str:
        self.reads.append((container, previous))
        return self.text


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def reader(text: str = "error: broken") -> tuple[LogReader, Logs, Clock]:
    logs, clock = Logs(text), Clock()
    return LogReader(logs, 10, clock), logs, clock  # type: ignore[arg-type]


def pod(uid: str = "u", fetch: Any = None, server: Any = None) -> dict[str, Any]:
    status: dict[str, Any] = {}
    if fetch:
        status["initContainerStatuses"] = [{"name": "fetch", **fetch}]
    if server:
        status["containerStatuses"] = [{"name": "llama-server", **server}]
    return {"metadata": {"name": uid, "uid": uid, "namespace": "team"}, "status": status}


RUNNING = {"state": {"running": {}}}
READY = {**RUNNING, "ready": True, "started": True}


def failed(code: int = 1, **rest: Any) -> dict[str, Any]:
    return {"state": {"terminated": {"exitCode": code, **rest}}}


async def test_a_download_is_looked_at_every_ten_seconds_and_remembered_between() -> None:
    logs_of, logs, clock = reader("{}")
    for clock.now in (0, 1, 9.9, 10, 15):
        known = await logs_of.read(KEY, [pod(fetch=RUNNING)], accelerated=False)
        assert known["u"].fetch_tail == "{}"
    assert logs.reads == [("fetch", False)] * 2


async def test_a_download_that_has_ended_has_no_progress_any_more() -> None:
    logs_of, _, _ = reader("{}")
    await logs_of.read(KEY, [pod(fetch=RUNNING)], accelerated=False)
    known = await logs_of.read(KEY, [pod(fetch=failed(0))], accelerated=False)
    assert known["u"].fetch_tail == ""


RESTARTED = {**RUNNING, "restartCount": 1, "lastState": failed()["state"]}
ENDS = [
    ("it has failed", failed(), [("llama-server", False)]),
    ("it runs again after a failure", RESTARTED, [("llama-server", True)]),
    ("it ended well", failed(0), []),
    ("it left a message of its own", failed(message="{}"), []),
    ("it runs for the first time", RUNNING, []),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "server", "reads"), ENDS, ids=[row[0] for row in ENDS])
async def test_the_end_of_a_server_is_read_once(
    sentence: str, server: dict[str, Any], reads: list[tuple[str, bool]]
) -> None:
    logs_of, logs, _ = reader()
    for _ in range(3):
        known = await logs_of.read(KEY, [pod(server=server)], accelerated=False)
    assert logs.reads == reads
    assert known["u"].server_line == ("error: broken" if reads else "")


async def test_each_further_end_is_read_too() -> None:
    logs_of, logs, _ = reader()
    for restarts in (0, 0, 1, 1, 2):
        server = {**failed(), "restartCount": restarts}
        await logs_of.read(KEY, [pod(server=server)], accelerated=False)
    assert len(logs.reads) == 3


async def test_an_end_whose_log_is_not_there_yet_is_read_again() -> None:
    logs_of, logs, _ = reader("")
    await logs_of.read(KEY, [pod(server=failed())], accelerated=False)
    logs.text = "error: late"
    known = await logs_of.read(KEY, [pod(server=failed())], accelerated=False)
    assert known["u"].server_line == "error: late"


async def test_whether_the_device_is_used_is_read_once_it_is_ready_and_only_with_a_device() -> None:
    text = "warning: no usable GPU found, --gpu-layers option will be ignored"
    logs_of, logs, _ = reader(text)
    for _ in range(2):
        known = await logs_of.read(KEY, [pod(server=READY)], accelerated=True)
    assert "no usable GPU" in known["u"].accelerator_unused
    assert logs.reads == [("llama-server", False)]

    logs_of, logs, _ = reader(text)
    await logs_of.read(KEY, [pod(server=RUNNING)], accelerated=True)
    await logs_of.read(KEY, [pod(server=READY)], accelerated=False)
    assert logs.reads == []


async def test_what_was_read_of_a_pod_that_is_gone_is_forgotten() -> None:
    logs_of, logs, _ = reader()
    await logs_of.read(KEY, [pod("a", server=failed())], accelerated=False)
    await logs_of.read(KEY, [pod("b", server=failed())], accelerated=False)
    await logs_of.read(KEY, [pod("a", server=failed())], accelerated=False)
    logs_of.forget(KEY)
    assert len(logs.reads) == 3
