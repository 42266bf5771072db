"""A model hub on loopback: real HTTP, two hosts, and every fault that a download can meet.

    hub host        API, `resolve` addresses; redirects to the download host
    download host   the bytes, by signed addresses that expire

The official huggingface_hub client downloads from it too. The hub host also serves `/plain/<path>`,
as any web server does. Faults are fields of `Hub.faults`, to be set at any time.

    with Hub({"owner/repo": {"model.gguf": data}}) as hub:
        fetch("hf://owner/repo/model.gguf", HF_ENDPOINT=hub.endpoint)
"""

import hashlib
import itertools
import json
import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

_PIECE = 2**16
_RANGE = re.compile(r"^bytes=(\d+)-(\d*)$")
_DATE = "Sat, 01 Nov 2025 00:00:00 GMT"


@dataclass
class Faults:
    """What goes wrong? Nothing, by default. Offsets are bytes of the file.

    drop_at: the connection is reset when the file reaches this offset, `drops` times in all.
    truncate_at: nothing behind this offset is ever sent. stall_at: silence from there, `stalls`
    times. corrupt_at: this byte is wrong. uses: how often a signed address works. busy: so many
    answers are `busy_status` first. most_connections: more downloads at once get 503.
    trickle_at: from there one byte comes every tenth of a second. range_answers: after so many
    answers with a range every answer has the whole file. etag: as given, or "by content", "weak by
    content", "by answer" (each has another). swapped: after so many answers every file of
    `Hub.later` has its new content.
    """

    ranges: bool = True
    bytes_per_second: float = 0
    drop_at: int | None = None
    drops: int = 1
    truncate_at: int | None = None
    stall_at: int | None = None
    stalls: int = 1
    trickle_at: int | None = None
    slow_heads: bool = False
    range_answers: int | None = None
    swapped: int | None = None
    corrupt_at: int | None = None
    uses: int | None = None
    busy: int = 0
    busy_status: int = 503
    most_connections: int | None = None
    refuse_download: int | None = None
    api_status: int | None = None
    etag: str | None = "by content"
    last_modified: bool = True
    linked_sha256: str | None = "by content"
    announce_size: bool = True
    redirect_plain: bool = False


@dataclass(frozen=True)
class Seen:
    """One request: to which host, and what it carried."""

    host: str
    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Hub:
    """Repositories by name, each path -> bytes. `token`: what a private hub wants to see.

    `tls`: both hosts speak HTTPS with this context.
    """

    repos: dict[str, dict[str, bytes]]
    token: str | None = None
    commit: str = "c0ffee" + "0" * 34
    faults: Faults = field(default_factory=Faults)
    tls: ssl.SSLContext | None = None
    seen: list[Seen] = field(default_factory=list)
    served: int = 0
    answers: int = 0
    later: dict[str, bytes] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.lock = threading.Lock()
        self._signatures = itertools.count(1)
        self._uses: dict[str, int] = {}
        self.downloads = 0
        self.closing = threading.Event()
        scheme = "https" if self.tls else "http"
        self._servers = [
            _serve("127.0.0.1", _HubHandler, self),
            _serve("127.0.0.2", _CdnHandler, self),
        ]
        self.endpoint, self.download_host = (
            f"{scheme}://{server.server_address[0]}:{server.server_address[1]}"
            for server in self._servers
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def plain(self, path: str) -> str:
        """Where any web server would have this file: `owner/repo/file`."""
        return f"{self.endpoint}/plain/{path}"

    def requests_to(self, host: str) -> list[Seen]:
        """What did "hub" or "cdn" see?"""
        with self.lock:
            return [seen for seen in self.seen if seen.host == host]

    def find(self, repo: str, path: str) -> bytes | None:
        data = self.repos.get(repo, {}).get(path)
        swapped = self.faults.swapped
        if data is None or swapped is None or self.answers < swapped:
            return data
        return self.later.get(path, data)

    def sign(self, repo: str, path: str) -> str:
        """A fresh address on the download host."""
        with self.lock:
            signature = f"s{next(self._signatures)}"
            self._uses[signature] = 0
        return f"{self.download_host}/{repo}/{quote(path)}?Signature={signature}"

    def use(self, signature: str) -> bool:
        """Is the signature still good?"""
        with self.lock:
            if signature not in self._uses:
                return False
            self._uses[signature] += 1
            return self.faults.uses is None or self._uses[signature] <= self.faults.uses

    def spend(self, name: str) -> bool:
        """Is one of a counted fault left? Takes it."""
        with self.lock:
            left = getattr(self.faults, name)
            if left > 0:
                setattr(self.faults, name, left - 1)
            return left > 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type, hub: Hub) -> None:
        self.hub = hub
        super().__init__(address, handler)

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no news here."""


def _serve(host: str, handler: type, hub: Hub) -> _Server:
    server = _Server((host, 0), handler, hub)
    if hub.tls:
        # The handshake belongs to the connection's own thread, not to the one that accepts.
        server.socket = hub.tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host_name = ""
    server: _Server

    def log_message(self, *_: object) -> None:
        """Quiet: requests are kept in Hub.seen."""

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        seen = Seen(self.host_name, self.command, self.path, dict(self.headers.items()))
        with self.hub.lock:
            self.hub.seen.append(seen)
        if self.hub.faults.slow_heads:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self.hub.closing.wait(0.1):
                self.wfile.write(b"a")
            return
        self.answer(unquote(urlsplit(self.path).path))

    def answer(self, path: str) -> None:
        raise NotImplementedError

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_file(self, data: bytes, **headers: str) -> None:
        faults = self.hub.faults
        with self.hub.lock:
            self.hub.answers += 1
            most = faults.range_answers
            ranges = faults.ranges and (most is None or self.hub.answers <= most)
        wanted = _RANGE.match(self.headers.get("Range", "")) if ranges else None
        start = int(wanted[1]) if wanted else 0
        end = min(int(wanted[2]) + 1 if wanted and wanted[2] else len(data), len(data))
        if wanted and start >= len(data):
            return self.send(416, Content_Range=f"bytes */{len(data)}")
        self.send_response(206 if wanted else 200)
        for name, value in (headers | self._validators(data)).items():
            self.send_header(name.replace("_", "-"), value)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        if faults.announce_size or wanted:
            self.send_header("Content-Length", str(end - start))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return None
        return self._send_body(data, start, end)

    def _validators(self, data: bytes) -> dict[str, str]:
        faults, headers = self.hub.faults, {}
        tags = {
            "by content": f'"{_sum(data)[:16]}"',
            "weak by content": f'W/"{_sum(data)[:16]}"',
            "by answer": f'"{self.hub.answers}"',
        }
        if faults.etag:
            headers["ETag"] = tags.get(faults.etag, faults.etag)
        if faults.last_modified:
            headers["Last-Modified"] = _DATE
        return headers

    def _send_body(self, data: bytes, start: int, end: int) -> None:
        began = time.monotonic()
        for position in range(start, end, _PIECE):
            if not self._send_piece(data, position, min(position + _PIECE, end)):
                self.close_connection = True
                self.connection.close()
                return
            self._throttle(began, position + _PIECE - start)

    def _send_piece(self, data: bytes, position: int, end: int) -> bool:
        faults = self.hub.faults
        if faults.truncate_at is not None and end > faults.truncate_at:
            self._write(data, position, max(position, faults.truncate_at))
            return False
        if (
            faults.drop_at is not None
            and position <= faults.drop_at < end
            and self.hub.spend("drops")
        ):
            self._write(data, position, faults.drop_at)
            return False
        if (
            faults.stall_at is not None
            and position <= faults.stall_at < end
            and self.hub.spend("stalls")
        ):
            self._write(data, position, faults.stall_at)
            self.hub.closing.wait()
            return False
        if faults.trickle_at is not None and faults.trickle_at < end:
            return self._trickle(data, max(position, faults.trickle_at), position, end)
        self._write(data, position, end)
        return True

    def _trickle(self, data: bytes, start: int, position: int, end: int) -> bool:
        self._write(data, position, start)
        for at in range(start, end):
            if self.hub.closing.wait(0.1):
                return False
            self._write(data, at, at + 1)
        return True

    def _write(self, data: bytes, start: int, end: int) -> None:
        piece = bytearray(memoryview(data)[start:end])
        wrong = self.hub.faults.corrupt_at
        if wrong is not None and start <= wrong < end:
            piece[wrong - start] ^= 0xFF
        self.wfile.write(piece)
        with self.hub.lock:
            self.hub.served += len(piece)

    def _throttle(self, began: float, sent: int) -> None:
        """The pace of a slow server, per connection."""
        rate = self.hub.faults.bytes_per_second
        if rate:
            self.hub.closing.wait(max(0.0, began + sent / rate - time.monotonic()))


class _HubHandler(_Handler):
    host_name = "hub"

    def answer(self, path: str) -> None:
        hub = self.hub
        if hub.spend("busy"):
            return self.send(hub.faults.busy_status, Retry_After="0")
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self.send(
                401, X_Error_Code="RepoNotFound", X_Error_Message="Invalid credentials"
            )
        match path.removeprefix("/").split("/"):
            case ["api", "models", owner, repo, "revision", *revision]:
                return self._api(f"{owner}/{repo}", "/".join(revision))
            case ["plain", owner, repo, *file]:
                return self._plain(f"{owner}/{repo}", "/".join(file))
            case [owner, repo, "resolve", revision, *file]:
                return self._resolve(f"{owner}/{repo}", revision, "/".join(file))
        return self.send(404, b"no such page")

    def _api(self, repo: str, revision: str) -> None:
        if self.hub.faults.api_status:
            return self.send(self.hub.faults.api_status)
        if repo not in self.hub.repos:
            return self.send(404, X_Error_Code="RepoNotFound")
        if revision not in ("main", self.hub.commit):
            return self.send(404, X_Error_Code="RevisionNotFound")
        siblings = [{"rfilename": name} for name in self.hub.repos[repo]]
        body = {"id": repo, "sha": self.hub.commit, "siblings": siblings}
        return self.send(200, json.dumps(body).encode(), Content_Type="application/json")

    def _resolve(self, repo: str, revision: str, file: str) -> None:
        data = self.hub.find(repo, file)
        if data is None or revision not in ("main", self.hub.commit):
            return self.send(404, X_Error_Code="EntryNotFound")
        linked = self.hub.faults.linked_sha256
        headers = (
            {}
            if linked is None
            else {"X_Linked_Etag": f'"{_sum(data) if linked == "by content" else linked}"'}
        )
        return self.send(
            302,
            Location=self.hub.sign(repo, file),
            X_Repo_Commit=self.hub.commit,
            X_Linked_Size=str(len(data)),
            **headers,
        )

    def _plain(self, repo: str, file: str) -> None:
        data = self.hub.find(repo, file)
        if data is None:
            return self.send(404)
        if self.hub.faults.redirect_plain:
            return self.send(302, Location=self.hub.sign(repo, file))
        return self.send_file(data)


class _CdnHandler(_Handler):
    host_name = "cdn"

    def answer(self, path: str) -> None:
        hub = self.hub
        if hub.faults.refuse_download:
            return self.send(hub.faults.refuse_download)
        signature = parse_qs(urlsplit(self.path).query).get("Signature", [""])[0]
        if not hub.use(signature):
            return self.send(403, b"<Error>AccessDenied</Error>")
        owner, repo, *file = path.removeprefix("/").split("/")
        data = hub.find(f"{owner}/{repo}", "/".join(file))
        if data is None:
            return self.send(404)
        with hub.lock:
            hub.downloads += 1
            most = hub.faults.most_connections
            too_many = most is not None and hub.downloads > most
        try:
            return self.send(503) if too_many else self.send_file(data)
        finally:
            with hub.lock:
                hub.downloads -= 1


_sums: dict[int, tuple[bytes, str]] = {}


def _sum(data: bytes) -> str:
    """Remembered by identity: the same file is asked for by many requests."""
    known = _sums.get(id(data))
    if known is None or known[0] is not data:
        known = _sums[id(data)] = (data, hashlib.sha256(data).hexdigest())
    return known[1]
