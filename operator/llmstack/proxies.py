"""Through which proxy does a request go?

NO_PROXY is read as Go programs do, kubectl among them: entries with commas between,

    10.0.0.0/8, fd00::/8      addresses in that network, where the address itself is asked for
    10.1.2.3, 10.1.2.3:8080   that address, that port of it
    corp.example              that host and all below it
    .corp.example             all below it; *.corp.example is the same
    *                         everything

Go spares this machine's own addresses on top; here they are like all others.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class ProxySettings:
    """Proxies for outgoing requests. Empty means a direct connection. `bypass` is NO_PROXY."""

    http: str = field(default="", repr=False)
    https: str = field(default="", repr=False)
    bypass: str = ""


def read_proxies(env: Mapping[str, str]) -> ProxySettings:
    """What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say; in lower case they win."""

    def value(name: str) -> str:
        return env.get(name.lower(), "").strip() or env.get(name, "").strip()

    return ProxySettings(value("HTTP_PROXY"), value("HTTPS_PROXY"), value("NO_PROXY"))


def proxy_for(url: str, settings: ProxySettings) -> str:
    """The URL of the proxy to ask for `url`; "" for a direct connection."""
    parts = urlsplit(url)
    proxy = settings.https if parts.scheme == "https" else settings.http
    if not proxy or is_bypassed(parts, settings.bypass):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def is_bypassed(url: SplitResult, bypass: str) -> bool:
    """True if NO_PROXY names the host of this address."""
    host, port = (url.hostname or "").rstrip("."), url.port or _PORTS.get(url.scheme, 0)
    entries = bypass.lower().replace(",", " ").split()
    return any(_names(entry, host, port) for entry in entries)


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _in_network(host, entry)
    name, wanted = _split_port(entry)
    if wanted not in ("", str(port)):
        return False
    address = _address(name)
    if address is not None:
        return address == _address(host)
    suffix = name.removeprefix("*").rstrip(".")
    if suffix.startswith("."):
        return len(suffix) > 1 and host.endswith(suffix)
    return bool(suffix) and (host == suffix or host.endswith(f".{suffix}"))


def _split_port(entry: str) -> tuple[str, str]:
    """`host:80`, `[::1]:80`, `[::1]` and `::1` -> host and port, "" for any port."""
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, port.removeprefix(":")
    name, _, port = entry.rpartition(":")
    return (name, port) if name and ":" not in name else (entry, "")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _in_network(host: str, network: str) -> bool:
    address = _address(host)
    try:
        return address is not None and address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
