"""How is one HTTP request made? Proxies, CA bundle, timeouts; what failed, in a user's words.

urllib3 and not httpx: for bulk bytes it needs half the CPU time (docs/bench-fetch.md).
"""

import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from http.client import IncompleteRead
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
    TimeoutError,
)

from llmstack.api import reasons
from llmstack.errors import ConfigurationError, FetchError
from llmstack.fetch.answering import pool_classes
from llmstack.fetch.faults import Fault, may_pass
from llmstack.fetch.pace import Pace
from llmstack.fetch.proxies import proxy_refusal, shown_proxy
from llmstack.proxies import proxy_for
from llmstack.secret import Secret, host_of, without_credentials
from llmstack.settings.fetch import FetchSettings

Response = urllib3.BaseHTTPResponse
_AGENT = "llmstack-fetch"
_REFUSED_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")


class Client:
    """Connections to any host, kept alive, usable from several threads."""

    def __init__(self, settings: FetchSettings, token: Secret) -> None:
        self._settings = settings
        self._token = token
        self._managers: dict[str, urllib3.PoolManager] = {}

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    def get(self, url: str, *, token: bool, headers: Mapping[str, str] | None = None) -> Response:
        """The answer's head; its body is still to be read. Redirects are answers like any other.

        The token goes along only if the caller says so. Raises Fault, or FetchError where another
        try cannot help.
        """
        sent = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **(headers or {})}
        if token and self._token:
            sent["Authorization"] = f"Bearer {self._token.reveal()}"
        try:
            return self._manager(url).request(
                "GET", url, headers=sent, redirect=False, retries=False, preload_content=False
            )
        except (HTTPError, OSError) as error:
            raise fault_of(error, url, self._settings) from error

    def read(self, answer: Response, url: str, most: int) -> bytes:
        """The next bytes of an answer's body, up to `most`. Raises Fault."""
        data = bytearray()
        for piece in self.pieces(answer, url, most):
            data += piece
            if len(data) >= most:
                break
        return bytes(data[:most])

    def pieces(self, answer: Response, url: str, most: int) -> Iterator[bytes]:
        """An answer's body as it arrives, in pieces of up to `most` bytes.

        Raises Fault, also for a server that sends less than the settings demand.
        """
        pace = Pace(self._settings.slow_bytes, self._settings.slow_seconds)
        while True:
            began = time.monotonic()
            try:
                piece = answer.read1(most, decode_content=False)
            except (HTTPError, OSError) as error:
                raise fault_of(error, url, self._settings) from error
            if not piece:
                return
            if pace.too_slow(len(piece), time.monotonic() - began):
                raise self._trickle(url, pace)
            yield piece

    def _trickle(self, url: str, pace: Pace) -> Fault:
        return Fault(
            reasons.SOURCE_UNREACHABLE,
            f"{host(url)} sent {pace.bytes_per_second:.0f} bytes per second for "
            f"{pace.waited:.0f} s, less than {self._settings.slow_bytes} "
            "(LLMSTACK_FETCH_SLOW_BYTES_PER_SECOND)",
        )

    def proxy(self, url: str) -> str:
        """The proxy through which `url` is asked for, "" if none."""
        return proxy_for(url, self._settings.proxies)

    def _manager(self, url: str) -> urllib3.PoolManager:
        proxy = self.proxy(url)
        if proxy not in self._managers:
            self._managers[proxy] = self._new_manager(proxy)
        return self._managers[proxy]

    def _new_manager(self, proxy: str) -> urllib3.PoolManager:
        settings = self._settings
        most = settings.connections + 1
        timeout = urllib3.Timeout(connect=settings.connect, read=settings.idle)
        trust = _ssl_context(settings.ca_file)
        manager = urllib3.PoolManager(maxsize=most, timeout=timeout, ssl_context=trust)
        if proxy:
            try:
                manager = urllib3.ProxyManager(
                    proxy,
                    proxy_headers=_proxy_headers(proxy),
                    maxsize=most,
                    timeout=timeout,
                    ssl_context=trust,
                )
            except (LocationValueError, ValueError) as error:
                place = without_credentials(proxy)
                raise ConfigurationError(
                    f"HTTP_PROXY or HTTPS_PROXY is no URL: {place!r}"
                ) from error
        manager.pool_classes_by_scheme = pool_classes(max(settings.idle, settings.slow_seconds))
        return manager


def _proxy_headers(proxy: str) -> dict[str, str]:
    url = urlsplit(proxy)
    if not url.username:
        return {}
    credentials = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return dict(urllib3.make_headers(proxy_basic_auth=credentials))


def _ssl_context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"SSL_CERT_FILE {ca_file}: {error}") from error


def shown(url: str) -> str:
    """An address as it may be told: without credentials or query, where signatures are."""
    return urlsplit(url)._replace(netloc=host_of(url), query="", fragment="").geturl()


def host(url: str) -> str:
    """The host and port of an address."""
    return host_of(url)


def fault_of(error: Exception, url: str, settings: FetchSettings) -> Exception:
    """Return the error for a failed connection: a Fault, or a FetchError if a retry cannot help."""
    if isinstance(error, IncompleteRead) or isinstance(error.__cause__, IncompleteRead):
        return Fault(reasons.SOURCE_TRUNCATED, f"{host(url)} ended {shown(url)} early")
    if isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return FetchError(
            reasons.SOURCE_UNREACHABLE,
            f"the certificate of {host(url)} is not trusted: {_cause(error)}. Name a CA bundle "
            "that holds its issuer in SSL_CERT_FILE",
        )
    refused = _REFUSED_TUNNEL.search(str(error)) if isinstance(error, ProxyError) else None
    if refused and not may_pass(int(refused[1])):
        return proxy_refusal(proxy_for(url, settings.proxies), url, int(refused[1]))
    return Fault(reasons.SOURCE_UNREACHABLE, _unreachable(error, url, settings))


def _unreachable(error: Exception, url: str, settings: FetchSettings) -> str:
    if isinstance(error, NameResolutionError | socket.gaierror):
        return (
            f"the host name {urlsplit(url).hostname} cannot be resolved: check the source's "
            "spelling, and whether pods can reach a DNS server and that network"
        )
    if isinstance(error, ProxyError):
        proxy = shown_proxy(proxy_for(url, settings.proxies))
        return f"{host(url)} cannot be reached through the proxy {proxy}: {_cause(error)}"
    refused = isinstance(error, NewConnectionError)
    if isinstance(error, TimeoutError | socket.timeout) and not refused:
        return (
            f"{host(url)} was silent for {settings.idle:g} s (or {settings.connect:g} s to connect)"
        )
    if isinstance(error, ProtocolError):
        return f"{host(url)} dropped the connection: {_cause(error)}"
    return f"{host(url)} cannot be reached: {_cause(error)}"


def _cause(error: BaseException) -> str:
    """The operating system's words, without the library's wrapping."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        nested = next((arg for arg in seen.args if isinstance(arg, BaseException)), None)
        seen = nested or seen.__cause__ or seen.__context__
    return str(error)
