"""`llmstack gateway --config`, as a user runs it: a process of its own, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.said import SAID

_SERVING = re.compile(r"clients at (\S+), admin at (\S+)")
_START_SECONDS = 60.0
_CONDITION_SECONDS = 30.0


class Gateway:
    """A running gateway. `lines` are its log and its access log, parsed."""

    def __init__(self, config: Path, process: asyncio.subprocess.Process) -> None:
        self.config = config
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.url = ""
        self.admin = ""
        self.session = aiohttp.ClientSession()
        self._more = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        folder: Path,
        models: Iterable[Mapping[str, Any]],
        env: Mapping[str, str] | None = None,
        file: str = "gateway.yaml",
        **others: Any,
    ) -> AsyncIterator[Gateway]:
        """Serves these models until the block ends; `others` are further fields of the file."""
        path = folder / file
        write(path, models, **others)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "llmstack", "gateway", "--config", str(path)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            limit=1 << 20,
        )
        gateway = cls(path, process)
        try:
            await gateway._started()
            yield gateway
        finally:
            await gateway._stop()

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect to."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def access(self) -> list[dict[str, Any]]:
        """The access log."""
        return [line for line in self.lines if line.get("logger") == "access"]

    def rewrite(self, models: Iterable[Mapping[str, Any]], **others: Any) -> None:
        """The file says something else from now on."""
        write(self.config, models, **others)

    async def logged(self, **fields: Any) -> dict[str, Any]:
        """The first line with these fields, waiting for it."""
        async with asyncio.timeout(_CONDITION_SECONDS), self._more:
            while True:
                for line in self.lines:
                    if fields.items() <= line.items():
                        return line
                await self._more.wait()

    async def load(self) -> dict[str, Any]:
        """What /load says of each model."""
        async with self.session.get(f"{self.admin}/load") as answer:
            models: dict[str, Any] = (await answer.json())["models"]
            return models

    async def loaded(self, model: str, **fields: Any) -> dict[str, Any]:
        """Waits until /load shows these values of a model."""
        found: dict[str, Any] = {}
        try:
            async with asyncio.timeout(_CONDITION_SECONDS):
                headers = {"Accept": "application/x-ndjson"}
                async with self.session.get(f"{self.admin}/load", headers=headers) as stream:
                    async for line in stream.content:
                        found = json.loads(line)["models"].get(model, {})
                        if found and fields.items() <= found.items():
                            return found
        except TimeoutError as late:
            said = "\n".join(str(line) for line in self.lines[-10:])
            raise AssertionError(f"{model} never had {fields} but {found}; log:\n{said}") from late
        raise AssertionError(f"/load ended before {model} had {fields}")

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of all series of this name that have these labels."""
        async with self.session.get(f"{self.admin}/metrics") as answer:
            families = list(text_string_to_metric_families(await answer.text()))
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == f"llmstack_gateway_{name}" and labels.items() <= sample.labels.items()
        )

    async def _started(self) -> None:
        async with asyncio.timeout(_START_SECONDS), self._more:
            while not (found := self._serving()):
                if self._reader.done():
                    raise AssertionError(f"the gateway ended: {self.lines}")
                await self._more.wait()
        self.url, self.admin = (f"http://{address}" for address in found)

    def _serving(self) -> tuple[str, str] | None:
        for line in self.lines:
            match = _SERVING.search(str(line.get("message")))
            if match:
                return match[1], match[2]
        return None

    async def _read(self) -> None:
        assert self.process.stdout
        async for raw in self.process.stdout:
            SAID.note("a gateway's log", raw.decode(errors="replace"))
            try:
                line = json.loads(raw)
            except ValueError:
                line = {"message": raw.decode(errors="replace"), "level": "raw"}
            async with self._more:
                self.lines.append(line)
                self._more.notify_all()
        async with self._more:
            self._more.notify_all()

    async def _stop(self) -> None:
        await self.session.close()
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_CONDITION_SECONDS):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
                raise
        await self._reader


def write(path: Path, models: Iterable[Mapping[str, Any]], **others: Any) -> None:
    """The file, replaced as a whole."""
    free = "127.0.0.1:0"
    content = {"listen": free, "admin": free, **others, "models": [dict(m) for m in models]}
    backends = [backend for model in content["models"] for backend in model.get("backends", ())]
    for name in (
        *(backend.get("apiKeyFile", "") for backend in backends),
        content.get("loadTokenFile", ""),
    ):
        SAID.give_file(path.parent / str(name))
    new = path.with_suffix(".new")
    new.write_text(yaml.safe_dump(content))
    new.rename(path)
