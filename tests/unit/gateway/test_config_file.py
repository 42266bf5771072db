"""Does the gateway serve what its file says, also when that changes?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from llmstack.errors import ConfigurationError
from llmstack.gateway.config_file import ConfigFile, GatewayConfig, load
from llmstack.gateway.config_schema import Address
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.keys import Keys, line_for
from tests.support import waiting

_until = partial(waiting.until, seconds=10)
OPEN = """
models:
- name: smol
  aliases: [gpt]
  backends: [{url: http://127.0.0.1:9000, apiKeyFile: secrets/key}]
  queue: {maxRequests: 7}
"""
LOCKED = "listen: 0.0.0.0:8080\nkeysFile: keys\n" + OPEN


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("server-key\n")
    (tmp_path / "keys").write_text(line_for("sk-a", "team-a"))
    path = tmp_path / "gateway.yaml"
    path.write_text(OPEN)
    return path


def test_files_that_it_names_lie_beside_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    file.write_text(LOCKED)
    config = load(file)
    (model,) = config.catalog.models
    assert model.backends == (Backend("127.0.0.1:9000", "127.0.0.1", 9000, "server-key"),)
    assert (model.id, model.aliases, model.queue.max_requests) == ("smol", ("gpt",), 7)
    assert config.keys is not None
    assert config.keys.tenant("Bearer sk-a") == "team-a"
    assert "server-key" not in repr(config)


def test_without_keys_everyone_on_this_machine_may_come_in(file: Path) -> None:
    assert load(file).keys is None


REFUSED = [
    (
        "strangers may not come in without a key",
        "listen: 0.0.0.0:8080\n" + OPEN,
        "there are no key",
    ),
    ("no keys file", OPEN + "keysFile: none", "keysFile cannot be read"),
    ("a keys file with an error", OPEN + "keysFile: secrets/key", "key, line 1: write sha256:"),
    ("no key file", OPEN.replace("secrets/key", "none"), "apiKeyFile cannot be read"),
    ("a key file that is none", OPEN.replace("secrets/key", "gateway.yaml"), "holds one key and"),
    ("a folder for a key", OPEN.replace("secrets/key", "secrets"), "apiKeyFile cannot be read"),
]


@pytest.mark.parametrize(("sentence", "text", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_served_is_said(file: Path, sentence: str, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert str(file.parent) in str(caught.value)
    assert message in str(caught.value)


def write(file: Path, text: str) -> None:
    file.write_text(text)


def remove(file: Path) -> None:
    file.unlink()


def same_time(file: Path, other: Path) -> None:
    """Only where the path leads tells the two apart, if they are of one size."""
    state = file.stat()
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))


class Followed:
    """A file that is followed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = ConfigFile(path, look_seconds=0.005)
        self.states: asyncio.Queue[GatewayConfig] = asyncio.Queue()

    async def after(self, change: Callable[[], object]) -> GatewayConfig:
        """The next state after a change."""
        change()
        return await asyncio.wait_for(self.states.get(), 10)


@asynccontextmanager
async def followed(file: Path) -> AsyncIterator[Followed]:
    made = Followed(file)
    task = asyncio.create_task(made.file.follow(made.states.put_nowait))
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert made.states.empty()


def names(config: GatewayConfig) -> list[str]:
    return [name for model in config.catalog.models for name in (model.name, *model.aliases)]


async def test_a_file_that_is_written_anew_is_taken(file: Path) -> None:
    async with followed(file) as it:
        config = await it.after(lambda: file.write_text(OPEN.replace("gpt", "other")))
        assert names(config) == ["smol", "other"]
        assert it.file.config == config
        assert config.catalog.models[0].backends[0].id == "127.0.0.1:9000"


async def test_a_file_that_is_renamed_over_it_is_taken(file: Path) -> None:
    async with followed(file) as it:
        new = file.with_suffix(".new")
        write(new, OPEN.replace("gpt", "abc"))
        same_time(file, new)
        assert names(await it.after(lambda: new.rename(file))) == ["smol", "abc"]


async def test_a_folder_that_kubernetes_swaps_is_taken(tmp_path: Path, file: Path) -> None:
    for number, alias in enumerate(("one", "two")):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "c.yaml").write_text(
            OPEN.replace("gpt", alias).replace("secrets/key", str(tmp_path / "secrets" / "key"))
        )
    (tmp_path / "..data").symlink_to("..0")
    mounted = tmp_path / "c.yaml"
    mounted.symlink_to("..data/c.yaml")

    def swap() -> None:
        (tmp_path / "..tmp").symlink_to("..1")
        (tmp_path / "..tmp").rename(tmp_path / "..data")

    async with followed(mounted) as it:
        assert names(it.file.config) == ["smol", "one"]
        assert names(await it.after(swap)) == ["smol", "two"]


async def test_keys_of_clients_and_servers_are_taken_at_once(file: Path) -> None:
    write(file, LOCKED)
    async with followed(file) as it:
        key = file.parent / "secrets" / "key"
        config = await it.after(lambda: key.write_text("another"))
        assert config.catalog.models[0].backends[0].key == "another"
        line = line_for("sk-b", "team-b")
        config = await it.after(lambda: (file.parent / "keys").write_text(line))
        assert config.keys is not None
        assert config.keys.tenants == {"team-b"}


async def test_a_key_that_was_taken_out_ends_whatever_else_is_broken(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, LOCKED)
    keys = file.parent / "keys"
    async with followed(file) as it:
        text = f"sk-in-the-clear team-a\n{line_for('sk-b', 'team-b')}\n"
        config = await it.after(lambda: keys.write_text(text))
        assert config.keys is not None
        assert config.keys.tenants == {"team-b"}
        assert "keys, line 1: write sha256:" in caplog.text
        assert "in-the-clear" not in caplog.text

        write(file, "models: [")
        await _until(lambda: "Keeping the previous configuration" in caplog.text)
        config = await it.after(lambda: keys.write_bytes(b"\xff\n" + text.encode()[:22]))
        assert config.keys is not None
        assert config.keys.empty
        assert names(config) == ["smol", "gpt"]


async def test_without_its_file_nobody_may_come_in(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, LOCKED)
    keys = file.parent / "keys"
    line = keys.read_text()
    async with followed(file) as it:
        config = await it.after(lambda: remove(keys))
        assert config.keys == Keys(missing=True)
        assert "all requests are rejected" in caplog.text
        config = await it.after(lambda: write(keys, line))
        assert config.keys is not None
        assert not config.keys.empty


async def test_a_change_that_keeps_size_and_time_is_seen(file: Path) -> None:
    write(file, LOCKED)
    keys = file.parent / "keys"
    write(keys, line_for("sk-a", "a"))
    async with followed(file) as it:
        before = keys.stat()

        def swap() -> None:
            keys.write_text(line_for("sk-b", "b"))
            os.utime(keys, ns=(before.st_atime_ns, before.st_mtime_ns))

        config = await it.after(swap)
        assert config.keys is not None
        assert config.keys.tenants == {"b"}


async def test_a_file_that_is_written_without_end_is_read_all_the_same(file: Path) -> None:
    write(file, LOCKED)
    made = ConfigFile(file, look_seconds=0.005)
    found: asyncio.Queue[GatewayConfig] = asyncio.Queue()
    task = asyncio.create_task(made.follow(found.put_nowait))

    async def scribble() -> None:
        number = 0
        while True:
            write(file.parent / "keys", f"{line_for('sk-b', 'b')} # {'x' * number}")
            number += 1
            await asyncio.sleep(0.01)

    writing = asyncio.create_task(scribble())
    try:
        async with asyncio.timeout(10):
            # A look may fall between the file's truncation and its new text.
            while (config := await found.get()).keys is None or not config.keys.tenants:
                pass
        assert not writing.done()
        assert config.keys is not None
        assert config.keys.tenants == {"b"}
    finally:
        for each in (writing, task):
            each.cancel()
        await asyncio.gather(writing, task, return_exceptions=True)


@pytest.mark.parametrize(
    ("admin", "token", "asked"),
    [
        ("127.0.0.1:9090", "", ""),
        ("0.0.0.0:9090", "", None),
        ("127.0.0.1:9090", "secrets/key", "server-key"),
        ("0.0.0.0:9090", "secrets/key", "server-key"),
    ],
)
def test_who_may_read_the_load(file: Path, admin: str, token: str, asked: str | None) -> None:
    (file.parent / "secrets" / "key").write_text("server-key\n")
    write(file, f"admin: {admin}\nloadTokenFile: '{token}'\n{OPEN}")
    assert load(file).load_key == asked


async def test_a_broken_file_changes_nothing_until_it_is_mended(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with followed(file) as it:
        before = it.file.config
        for broken in ("models: [", "models: [{name: a, x: 1}]", "listen: 0.0.0.0:1\n" + OPEN):
            write(file, broken)
            count = len(caplog.records)
            await _until(lambda count=count: len(caplog.records) > count)  # type: ignore[misc]
            assert it.file.config is before
            assert "Keeping the previous configuration" in caplog.records[-1].getMessage()
        remove(file)
        await _until(lambda: "cannot be read" in caplog.text)
        config = await it.after(lambda: file.write_text(OPEN.replace("gpt", "mended")))
        assert names(config) == ["smol", "mended"]


async def test_a_file_that_was_missing_is_taken_when_it_comes(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with followed(file) as it:
        write(file, OPEN.replace("secrets/key", "secrets/new"))
        await _until(lambda: "secrets/new" in caplog.text)
        config = await it.after(lambda: (file.parent / "secrets" / "new").write_text("late"))
        assert config.catalog.models[0].backends[0].key == "late"


async def test_addresses_stay_until_the_next_start(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with followed(file) as it:
        text = "listen: 127.0.0.1:1\nadmin: 127.0.0.1:2\n" + OPEN.replace("gpt", "moved")
        config = await it.after(lambda: file.write_text(text))
        assert (config.listen, config.admin) == (
            Address("127.0.0.1", 8080),
            Address("127.0.0.1", 9090),
        )
        assert names(config) == ["smol", "moved"]
        assert "require a restart of the gateway" in caplog.text


async def test_keys_are_not_taken_away_from_an_open_address(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, LOCKED)
    async with followed(file) as it:
        write(file, OPEN)  # a loopback address: it counts after a restart only
        await _until(lambda: "there are no keys" in caplog.text)
        assert it.file.config.keys is not None


async def test_what_says_the_same_is_no_change(file: Path) -> None:
    async with followed(file) as it:
        write(file, "# the same\n" + OPEN)
        config = await it.after(lambda: file.write_text(OPEN.replace("gpt", "end")))
        assert names(config) == ["smol", "end"]
