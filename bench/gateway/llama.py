"""How are several real llama-servers started, and how many requests did they defer?"""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from bench.gateway import processes
from bench.gateway.proxies import Replica
from llmstack.engines.interface import ServerOptions
from llmstack.engines.llamacpp.server_arguments import arguments
from tests.e2e.images import llama_server_binary, model_file

_DEFERRED = re.compile(r": defer task, id = ")
_PATIENCE = 60.0


@dataclass(frozen=True)
class Engine:
    """What computes: a llama-server, its model, the layers on a GPU, the threads of a CPU."""

    program: Path
    model: Path
    gpu_layers: int | Literal["all"]
    threads: int | None


def one_thread() -> Engine:
    """The image's server on one thread of a CPU for each replica, with the sample model."""
    return Engine(llama_server_binary(), model_file(), 0, 1)


@dataclass(frozen=True)
class Servers:
    """Real replicas on loopback."""

    replicas: tuple[Replica, ...]
    logs: tuple[Path, ...]

    def deferrals(self) -> int:
        """Requests that had to wait inside a server so far, by the servers' debug logs."""
        return sum(len(_DEFERRED.findall(log.read_text(errors="replace"))) for log in self.logs)

    def forget(self) -> None:
        """Empties every slot's cache, so that the next run starts as the first one did."""
        for replica in self.replicas:
            for slot in range(replica.slots):
                url = f"http://127.0.0.1:{replica.port}/slots/{slot}?action=erase"
                httpx.post(url, timeout=_PATIENCE).raise_for_status()


@contextmanager
def servers(work: Path, engine: Engine, count: int, slots: int, context: int) -> Iterator[Servers]:
    """Ready ones, with `context` tokens a slot.

    Nothing reads their log but `deferrals`, so it may say everything.
    """
    with ExitStack() as stack:
        replicas, logs = [], []
        for index in range(count):
            options = ServerOptions(
                model_path=str(engine.model),
                alias="bench",
                slots=slots,
                context_length=context,
                api_key_file="",
                port=processes.free_port(),
                gpu_layers=engine.gpu_layers,
                threads=engine.threads,
            )
            log = work / f"llama-{index}.log"
            command = [str(engine.program), *_here(options)]
            process = stack.enter_context(processes.running(command, log))
            replica = Replica(options.port, slots)
            processes.until(lambda replica=replica: _healthy(replica), process, log)  # type: ignore[misc]
            replicas.append(replica)
            logs.append(log)
        yield Servers(tuple(replicas), tuple(logs))


def _here(options: ServerOptions) -> list[str]:
    """As the operator runs it, but on loopback, without a key, with its debug log."""
    words = list(arguments(options))
    place = words.index("--api-key-file")
    del words[place : place + 2]
    return [*words, "--host", "127.0.0.1", "--verbosity", "5"]


def _healthy(replica: Replica) -> bool:
    try:
        url = f"http://127.0.0.1:{replica.port}/health"
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        time.sleep(0.05)
        return False
