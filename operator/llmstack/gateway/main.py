"""How does `llmstack gateway [--config FILE]` start?

With a file it serves what the file says, without Kubernetes; without one it follows the cluster's
LLMDeployments. Exit status: 0 after a requested stop, 2 if it cannot start.
"""

import argparse
import asyncio
import gc
import logging
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import uvloop

from llmstack.errors import ConfigurationError
from llmstack.gateway.cluster import ClusterSource
from llmstack.gateway.config_file import ConfigFile, GatewayConfig
from llmstack.gateway.config_schema import Address
from llmstack.gateway.peers.place import Peers
from llmstack.gateway.process import Gateway, Place
from llmstack.kube.cluster_access import connect
from llmstack.logs import configure
from llmstack.settings.gateway import GatewaySettings

log = logging.getLogger(__name__)
_LINGER_SECONDS = 5.0
"""Seconds for which kube-proxies may still send new connections to a pod that is not ready."""
_ALL = ""
"""All IPv4 and IPv6 addresses, because a Service leads here."""


def run(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Runs the role `gateway`. Returns the exit status."""
    options = _parse(argv)
    try:
        settings = GatewaySettings.from_env(env, cluster=options.config is None)
        configure(settings.log_level)
        story = (
            _from_file(options.config, settings) if options.config else _from_cluster(settings, env)
        )
        _collect_rarely()
        _allow_files()
        uvloop.run(story)
    except ConfigurationError as error:
        sys.stderr.write(f"llmstack gateway: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"llmstack gateway: cannot listen: {error}\n")
        return 2
    return 0


def _collect_rarely() -> None:
    """Makes garbage collection rare: requests leave no cycles, and startup objects stay anyway."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _allow_files() -> None:
    """Raises the limit on open files to the hard limit, because each connection needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="llmstack gateway",
        description="Run the OpenAI-compatible gateway for all models.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="serve the models in this file, without Kubernetes; see docs/gateway-config.md",
    )
    return parser.parse_args(argv)


async def _from_file(path: Path, settings: GatewaySettings) -> None:
    file = ConfigFile(path)
    config = file.config
    peers, drain = config.peers, settings.limits.drain_seconds
    place = Place(config.listen, config.admin, 0.0, drain)
    if peers is not None:
        place = replace(place, peers=peers.listen, name=peers.name)
    gateway = Gateway(place, settings.limits)

    def take(new: GatewayConfig) -> None:
        gateway.load_key = new.load_key
        if new.peers is not None:
            gateway.meet(new.peers)
        gateway.serve(new.catalog, new.keys, new.cors_origins)

    _say_who_may_come(open_to_all=config.keys is None)
    take(config)
    await gateway.run(lambda: asyncio.ensure_future(file.follow(take)), _stop_on_signal())


async def _from_cluster(settings: GatewaySettings, env: Mapping[str, str]) -> None:
    place = Place(
        Address(_ALL, settings.http_port),
        Address(_ALL, settings.admin_port),
        _LINGER_SECONDS,
        settings.limits.drain_seconds,
    )
    if settings.peers_service:
        name = str(Address(settings.pod_ip, settings.peers_port))
        place = replace(place, peers=Address(_ALL, settings.peers_port), name=name)
    gateway = Gateway(place, settings.limits)
    source = ClusterSource(settings, await connect(settings.kubeconfig, env))

    def take() -> None:
        gateway.load_key = source.load_key
        if place.peers is not None:
            gateway.meet(Peers(place.peers, place.name, source.peers, source.peers_key))
        gateway.serve(source.catalog, source.keys, settings.cors_origins)

    _say_who_may_come(open_to_all=not settings.keys_secret)
    await gateway.run(lambda: asyncio.ensure_future(source.follow(take)), _stop_on_signal())


def _say_who_may_come(*, open_to_all: bool) -> None:
    if open_to_all:
        log.warning(
            "no API keys are configured: anyone who can connect to this address can use all models"
        )


def _stop_on_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
