"""Which logs are read, and how often?"""

from __future__ import annotations

from typing import Any

from llmstack.api.key import Key
from llmstack.controller.pod_logs import LogReader

KEY = Key("team", "qwen")
LOG = """loading model
error: invalid argument: --no-such-flag
a long
backtrace
"""


class Logs:
    """Answers as the API server does, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    async def log_tail(
        self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False
    ) -> str:
        self.asked.append((container, previous))
        return LOG


def pod(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "team", "name": "qwen-0", "uid": "u"},
        "spec": {"initContainers": [{"name": "fetch"}], "containers": [{"name": "llama-server"}]},
        "status": status,
    }


def ended(name: str, message: str) -> dict[str, Any]:
    terminated = {"exitCode": 1, "reason": "Error", "message": message}
    return {"name": name, "restartCount": 0, "state": {"terminated": terminated}}


async def test_a_crashed_servers_line_comes_from_its_log_and_is_read_once() -> None:
    logs = Logs()
    reader = LogReader(logs, 10.0, lambda: 0.0)  # type: ignore[arg-type]
    crashed = pod(containerStatuses=[ended("llama-server", "a long\nbacktrace\n")])

    first = await reader.read(KEY, [crashed], accelerated=False)
    again = await reader.read(KEY, [crashed], accelerated=False)

    assert first["u"].server_line == "error: invalid argument: --no-such-flag"
    assert again == first
    assert logs.asked == [("llama-server", False)]


async def test_what_fetch_left_needs_no_log() -> None:
    logs = Logs()
    reader = LogReader(logs, 10.0, lambda: 0.0)  # type: ignore[arg-type]
    failed = pod(initContainerStatuses=[ended("fetch", '{"reason":"CacheFull"}')])

    assert (await reader.read(KEY, [failed], accelerated=False))["u"].fetch_line == ""
    assert not logs.asked


async def test_a_pod_that_is_going_is_not_asked() -> None:
    logs = Logs()
    reader = LogReader(logs, 10.0, lambda: 0.0)  # type: ignore[arg-type]
    going = pod(containerStatuses=[ended("llama-server", "")])
    going["metadata"]["deletionTimestamp"] = "1970-01-01T00:02:00Z"

    assert (await reader.read(KEY, [going], accelerated=True))["u"].server_line == ""
    assert not logs.asked


async def test_a_download_that_begins_anew_is_not_judged_by_the_last_ones_progress() -> None:
    logs = Logs()
    reader = LogReader(logs, 10.0, lambda: 0.0)  # type: ignore[arg-type]

    for restarts in (0, 0, 1):
        running = {"name": "fetch", "restartCount": restarts, "state": {"running": {}}}
        await reader.read(KEY, [pod(initContainerStatuses=[running])], accelerated=False)

    assert logs.asked == [("fetch", False)] * 2


async def test_each_crash_is_read_once() -> None:
    logs = Logs()
    reader = LogReader(logs, 10.0, lambda: 0.0)  # type: ignore[arg-type]

    for restarts in (0, 0, 1, 1):
        crashed = {**ended("llama-server", ""), "restartCount": restarts}
        read = await reader.read(KEY, [pod(containerStatuses=[crashed])], accelerated=False)
        assert read["u"].server_line == "error: invalid argument: --no-such-flag"

    assert logs.asked == [("llama-server", False)] * 2
