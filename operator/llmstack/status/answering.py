"""What follows from a replica's answers to the gateway, where the kubelet has not told of it yet?

The kubelet looks once a second whether containers have started or ended, and then probes: a replica
may answer for up to two seconds while its pod still shows the init container at work.
"""

from collections.abc import Collection
from dataclasses import replace

from llmstack.observed import Container, ContainerState, Pod


def is_ahead(pod: Pod, answering: Collection[str]) -> bool:
    """True if a pod answers the gateway, and the kubelet has yet to find it ready.

    Of a server that has ended once the kubelet knows more.
    """
    if pod.ready or pod.terminating or pod.name not in answering:
        return False
    return pod.server is None or not _has_ended(pod.server)


def _has_ended(server: Container) -> bool:
    return server.state is ContainerState.TERMINATED or server.last_exit_code is not None


def as_answering(pod: Pod) -> Pod:
    """The pod as the kubelet will show it: its model was fetched, its server has started."""
    fetch, server = pod.fetch, pod.server
    if fetch and fetch.state is not ContainerState.TERMINATED:
        fetch = replace(fetch, state=ContainerState.TERMINATED, reason="", exit_code=0)
    if server:
        running = ContainerState.RUNNING
        server = replace(server, state=running, reason="", message="", ready=True, started=True)
    return replace(pod, ready=True, fetch=fetch, server=server, fetch_log="")
