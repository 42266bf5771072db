"""How is each proxy started in front of the same replicas?

Each listens on loopback, has one worker, keeps its connections, and writes its access log into a
file. Their configurations are beside this file.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

import httpx

from bench.gateway import processes, programs

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Replica:
    """A server behind a proxy."""

    port: int
    slots: int


@dataclass(frozen=True)
class Proxy:
    """What the load is sent to. `pid` is None where there is no proxy."""

    name: str
    port: int
    pid: int | None
    admin: int = 0

    def cpu(self) -> float:
        """CPU seconds that it has used so far."""
        return processes.cpu_seconds(self.pid) if self.pid else 0.0


Start = Callable[[ExitStack, Path, Sequence[Replica]], Proxy]


def direct(_: ExitStack, __: Path, replicas: Sequence[Replica]) -> Proxy:
    """No proxy: the first replica itself."""
    return Proxy("direct", replicas[0].port, None)


def envoy(stack: ExitStack, work: Path, replicas: Sequence[Replica]) -> Proxy:
    """A static route, round robin over the replicas, one worker."""
    program = programs.envoy()
    endpoints = [
        {
            "endpoint": {
                "address": {"socket_address": {"address": "127.0.0.1", "port_value": r.port}}
            }
        }
        for r in replicas
    ]
    config, port = _config(_HERE / "envoy.yaml", work, endpoints=json.dumps(endpoints))
    command = [str(program.path), "--config-path", str(config), "--concurrency", "1"]
    command += ["--disable-hot-restart", "--log-level", "warning"]
    return _start("Envoy", command, port, stack, work)


def haproxy(balance: str = "leastconn") -> Start:
    """`maxconn` = slots."""

    def start(stack: ExitStack, work: Path, replicas: Sequence[Replica]) -> Proxy:
        program = programs.haproxy()
        servers = "\n".join(
            f"    server r{index} 127.0.0.1:{replica.port} maxconn {replica.slots}"
            for index, replica in enumerate(replicas)
        )
        config, port = _config(_HERE / "haproxy.cfg", work, balance=balance, servers=servers)
        command = [str(program.path), "-db", "-f", str(config)]
        return _start("HAProxy", command, port, stack, work, program.environment)

    return start


def ours(keys: str = "", queue: int = 4096, held: int = 0, mode: str = "generate") -> Start:
    """`llmstack gateway --config`; `keys` is the content of a keys file, `held` bytes of bodies."""
    return _ours("ours", _HERE / "gateway.yaml", keys, queue, mode, _held(held))


def beside(checkout: Path) -> Start:
    """The gateway of another checkout, whose dependencies are those that are installed here."""
    environment = {"PYTHONPATH": str(checkout / "operator")}
    config = checkout / "bench" / "gateway" / "gateway.yaml"
    return _ours(f"ours of {checkout.name}", config, "", 4096, "generate", environment)


def _held(bytes_held: int) -> dict[str, str]:
    return {"LLMSTACK_HELD_BYTES": str(bytes_held)} if bytes_held else {}


def _ours(
    name: str, template: Path, keys: str, queue: int, mode: str, environment: dict[str, str]
) -> Start:

    def start(stack: ExitStack, work: Path, replicas: Sequence[Replica]) -> Proxy:
        backends = [{"url": f"http://127.0.0.1:{replica.port}"} for replica in replicas]
        config, port = _config(
            template, work, backends=json.dumps(backends), queue=queue, mode=mode
        )
        if keys:
            (work / "keys").write_text(keys)
            config.write_text(f"{config.read_text()}keysFile: keys\n")
        command = [sys.executable, "-m", "llmstack", "gateway", "--config", str(config)]
        return _start(name, command, port, stack, work, environment)

    return start


@contextmanager
def started(
    proxies: Sequence[Start], work: Path, replicas: Sequence[Replica]
) -> Iterator[list[Proxy]]:
    """All of them at once; they end with the block."""
    with ExitStack() as stack:
        yield [start(stack, work, replicas) for start in proxies]


def _config(template: Path, work: Path, **values: object) -> tuple[Path, int]:
    port, admin = processes.free_port(), processes.free_port()
    config = work / f"{port}-{template.name}"
    log = work / f"{config.name}.access.log"
    text = Template(template.read_text()).safe_substitute(values, port=port, admin=admin, log=log)
    config.write_text(text)
    return config, port


def _start(
    name: str,
    command: list[str],
    port: int,
    stack: ExitStack,
    work: Path,
    environment: dict[str, str] | None = None,
) -> Proxy:
    log = work / f"{port}.log"
    process = stack.enter_context(processes.running(command, log, environment))
    processes.until(lambda: _answers(port), process, log)
    return Proxy(name, port, process.pid)


def _answers(port: int) -> bool:
    """Does it speak HTTP? Whether its replicas do, shows the first request."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code > 0
    except httpx.TransportError:
        return False


@contextmanager
def backend(slots: int, **options: float) -> Iterator[Replica]:
    """A scripted replica (backend.py)."""
    command = [sys.executable, "-m", "bench.gateway.backend", "--slots", str(slots)]
    command += [word for name, value in options.items() for word in (f"--{name}", f"{value:g}")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield Replica(int(process.stdout.readline()), slots)
    finally:
        process.terminate()
        process.wait()
