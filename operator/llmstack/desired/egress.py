"""Where may a replica connect to? To its model's source, and to nothing else.

A NetworkPolicy knows pods, not containers: what the init container needs to fetch the model, the
server beside it may do, too. So it is as little as the sources leave:

    pvc:// alone            nothing
    hf:// of the hub        DNS, and port 443 outside private networks
    other hosts             DNS, the port of the address, and where redirects lead: 443, and 80 from
                            http://
    a Service's name        DNS, and all pods of its namespace: a policy is judged behind the
                            Service, whose port may be another one
    proxies, HF_ENDPOINT    as the sources' own hosts
    mediaHosts              as the host of an http:// source

Link-local addresses, where clouds hand out credentials, are never among them. Policies add up: one
that somebody else writes for these pods opens more.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from llmstack.api.resource import LLMDeployment
from llmstack.desired.context import Context
from llmstack.desired.fetch_container import fetched_sources
from llmstack.desired.metadata import NAMESPACE_NAME_LABEL, Object
from llmstack.models.source import ClaimSource, HttpSource, HubSource, Source, parse_source

HUB = "https://huggingface.co"
_PORTS = {"http": 80, "https": 443}
_DNS: Object = {
    # 5353: where OpenShift's DNS listens behind its Service.
    "ports": [
        {"port": port, "protocol": protocol} for port in (53, 5353) for protocol in ("UDP", "TCP")
    ]
}
_LINK_LOCAL = {4: ("169.254.0.0/16",), 6: ("fe80::/10", "fd00:ec2::254/128")}
_PRIVATE = {
    4: ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    6: ("::1/128", "fc00::/7"),
}
_ALL = {4: "0.0.0.0/0", 6: "::/0"}


def build_egress(deployment: LLMDeployment, context: Context) -> list[Object]:
    """The rules of what the replicas connect to; an empty list allows nothing."""
    return [*_for_sources(deployment, context), *map(dict, context.egress.allow)]


def _for_sources(deployment: LLMDeployment, context: Context) -> list[Object]:
    urls = [*_urls(deployment, context)]
    if not urls:
        return []
    home = deployment.namespace
    outside = [url for url in urls if not _is_service(url)]
    found = {_cluster_namespace(url, home) for url in urls}
    return [
        _DNS,
        *([_outside(outside)] if outside else []),
        *(_pods_of(name) for name in sorted(filter(None, found))),
    ]


def _urls(deployment: LLMDeployment, context: Context) -> Iterator[str]:
    """All addresses that a fetch begins with, of the model or of media in a request."""
    yield from (f"http://{host}" for host in deployment.spec.engine.media_hosts)
    model = deployment.spec.model
    texts = [model.source, *([model.mmproj.source] if model.mmproj else [])]
    if context.held and context.recorded:
        # Replicas of the template in use may start again, and fetch what that names.
        texts += fetched_sources(context.recorded.template)
    sources: list[Source] = [parse_source(text) for text in texts]
    downloads = [each for each in sources if not isinstance(each, ClaimSource)]
    for source in downloads:
        if isinstance(source, HttpSource):
            yield source.url
    if any(isinstance(source, HubSource) for source in downloads):
        yield context.fetch_env.get("HF_ENDPOINT") or HUB
    if downloads:
        proxies = (context.fetch_env.get(name) for name in ("HTTPS_PROXY", "HTTP_PROXY"))
        yield from (proxy if "://" in proxy else f"http://{proxy}" for proxy in proxies if proxy)


def _outside(urls: Sequence[str]) -> Object:
    """Any address that may be a source's, or one that it redirects to."""
    ports = {_PORTS["https"]}
    for url in urls:
        parts = urlsplit(url)
        ports.add(parts.port or _PORTS.get(parts.scheme, 443))
        if parts.scheme == "http":
            ports.add(_PORTS["http"])
    public = all(_host(url) == _host(HUB) for url in urls)
    return {
        "to": [_block(version, public=public) for version in (4, 6)],
        "ports": [{"port": port, "protocol": "TCP"} for port in sorted(ports)],
    }


def _block(version: int, *, public: bool) -> Object:
    spared = sorted({*_LINK_LOCAL[version], *(_PRIVATE[version] if public else ())})
    if public and version == 6:
        spared.remove("fd00:ec2::254/128")  # In fc00::/7: no two may overlap.
    return {"ipBlock": {"cidr": _ALL[version], "except": spared}}


def _is_service(url: str) -> bool:
    """True for a name that no DNS outside the cluster knows: `name`, `name.namespace.svc…`."""
    host = _host(url)
    labels = host.split(".")
    return not _is_address(host) and (len(labels) == 1 or labels[2:3] == ["svc"])


def _cluster_namespace(url: str, home: str) -> str | None:
    """The namespace that a Service's name leads to; `a.b` may be one, or a host outside."""
    host = _host(url)
    labels = host.split(".")
    if _is_address(host) or host == _host(HUB):
        return None
    if len(labels) == 1:
        return home
    return labels[1] if len(labels) == 2 or _is_service(url) else None


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _pods_of(namespace: str) -> Object:
    return {"to": [{"namespaceSelector": {"matchLabels": {NAMESPACE_NAME_LABEL: namespace}}}]}
