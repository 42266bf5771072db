"""Where do a file's bytes lie now, and which version of it is that?

A source's own host gets the token. It may answer with the bytes, or redirect to another host (a
hub redirects to its download host, with a signed address that expires). No other host ever gets
the token, and an address that stopped working is asked for again at the source's own host.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, urljoin, urlsplit

from llmstack.api import reasons
from llmstack.errors import FetchError
from llmstack.fetch.client import Client, Response, host, shown
from llmstack.fetch.faults import Fault, may_pass
from llmstack.fetch.proxies import proxy_refusal
from llmstack.models.source import HttpSource, HubSource, base_name

PROBE_BYTES = 512
_MAX_HOPS = 10
_MAX_API_ANSWER = 32 * 2**20
_REDIRECTS = (301, 302, 303, 307, 308)
_SHA256 = re.compile(r'^(?:W/)?"?([0-9a-f]{64})"?$')
_CONTENT_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+)$")
_ADVICE = (
    "put a token that may read it into a Secret with the key `token` and name that Secret in "
    "spec.model.secretRef"
)


@dataclass(frozen=True)
class Address:
    """Where to ask for bytes. `token`: it is the source's own host. `signed`: it may expire."""

    url: str
    token: bool
    signed: bool


@dataclass(frozen=True)
class Located:
    """One version of a file: its address for now, and what identifies it for good.

    `size` is None if the server does not tell. `sha256` is what a hub announces. `validator` is a
    strong ETag, "" if there is none. `start` holds the first bytes.
    """

    address: Address
    size: int | None
    ranges: bool
    validator: str
    sha256: str | None
    start: bytes


@dataclass(frozen=True)
class File:
    """A file to fetch: its name in the cache, its address at its own host, the hub's commit."""

    name: str
    url: str
    revision: str | None = None


def hub_commit(client: Client, endpoint: str, source: HubSource) -> str:
    """Return the commit that the source's revision refers to now. Raises Fault or FetchError."""
    revision = quote(source.revision or "main", safe="")
    url = f"{endpoint}/api/models/{source.owner}/{source.repo}/revision/{revision}"
    answer, at = _follow(client, url, {}, lambda hop: None)
    with answer:
        check_answer(
            client, answer, at, f"{source.owner}/{source.repo}@{source.revision or 'main'}"
        )
        try:
            commit = json.loads(client.read(answer, url, _MAX_API_ANSWER))["sha"]
        except (ValueError, KeyError, TypeError) as error:
            raise Fault(reasons.SOURCE_UNREACHABLE, f"{shown(url)} answers no commit") from error
    if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise Fault(reasons.SOURCE_UNREACHABLE, f"{shown(url)} answers no commit")
    return commit


def file_of(source: HubSource | HttpSource, endpoint: str, commit: str | None) -> File:
    """Return the file that a source (a part of a model) refers to. `commit` for a hub's."""
    match source:
        case HttpSource(url=url):
            return File(base_name(source), url)
        case HubSource(owner=owner, repo=repo, file=path):
            url = f"{endpoint}/{owner}/{repo}/resolve/{commit}/{quote(path)}"
            return File(base_name(source), url, commit)


def locate(client: Client, file: File) -> Located:
    """Return the current location of a file's bytes. Raises Fault or FetchError."""
    announced: dict[str, str] = {}
    note = partial(_note_announced, announced)
    answer, address = _follow(client, file.url, {"Range": f"bytes=0-{PROBE_BYTES - 1}"}, note)
    with answer:
        note(answer)
        if answer.status == 416:
            return Located(address, 0, False, "", None, b"")
        check_answer(client, answer, address, file.name)
        size = _agreed_size(announced, content_size(answer), address)
        start = client.read(answer, address.url, PROBE_BYTES)
    linked = _SHA256.match(announced.get("X-Linked-Etag", ""))
    return Located(
        address=address,
        size=size,
        ranges=answer.status == 206,
        validator=validator(answer.headers),
        sha256=linked[1] if linked else None,
        start=start,
    )


def _note_announced(announced: dict[str, str], hop: Response) -> None:
    """What the hub says of a file's sum and size; the first to say it counts."""
    for name in ("X-Linked-Etag", "X-Linked-Size"):
        if name in hop.headers:
            announced.setdefault(name, hop.headers[name])


def validator(headers: Mapping[str, str]) -> str:
    """What stands for these very bytes: a strong ETag, or "" if the server has none.

    A weak one, and a date, say only that the file is about the same. Two files that were written
    within a second, or copied with their dates, have them in common.
    """
    etag = headers.get("ETag", "")
    return "" if etag.startswith("W/") else etag


def content_size(answer: Response) -> int | None:
    """The size of the whole file, as far as the answer tells."""
    if answer.status == 206:
        parsed = content_range(answer)
        return parsed[2] if parsed else None
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def content_range(answer: Response) -> tuple[int, int, int] | None:
    """(first, last, size) of a 206; None if it does not say."""
    found = _CONTENT_RANGE.match(answer.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def check_answer(client: Client, answer: Response, address: Address, name: str) -> None:
    """Check that a response contains the file. Raises Fault or FetchError.

    A signed address that is refused has expired, most likely: worth a new one.
    """
    status, at = answer.status, host(address.url)
    if status in (200, 206):
        return
    if may_pass(status):
        raise Fault(
            reasons.SOURCE_UNREACHABLE,
            f"{at} answers {status} for {name}",
            retry_after=_retry_after(answer),
        )
    error = _refusal(client, answer, address, name)
    if address.signed and status != 407:
        raise Fault(error.reason, str(error), relocate=True)
    raise error


def _refusal(client: Client, answer: Response, address: Address, name: str) -> FetchError:
    status, at = answer.status, host(address.url)
    code = answer.headers.get("X-Error-Code", "")
    proxy = client.proxy(address.url)
    if proxy and _is_the_proxys(answer):
        return proxy_refusal(proxy, address.url, status, may_be_host=status != 407)
    if status in (401, 403):
        advice = _advice(address, code, refused_token=client.has_token and address.token)
        return FetchError(
            reasons.SOURCE_UNAUTHORIZED, f"{at} answers {status} for {name}: {advice}"
        )
    if status in (404, 410):
        missing = {"RevisionNotFound": "that revision", "RepoNotFound": "that repository"}
        what = missing.get(code, "it")
        return FetchError(
            reasons.SOURCE_NOT_FOUND,
            f"{at} has no {name} (answer {status}): {what} does not exist; check spec.model.source",
        )
    return FetchError(reasons.FETCH_FAILED, f"{at} answers {status} for {shown(address.url)}")


def _is_the_proxys(answer: Response) -> bool:
    """True for what a proxy answers itself; a host that wants a token says so in a header."""
    hosts_own = any(name in answer.headers for name in ("X-Error-Code", "WWW-Authenticate"))
    return answer.status == 407 or (answer.status == 403 and not hosts_own)


def _advice(address: Address, code: str, *, refused_token: bool) -> str:
    """Return the advice for a user who lacks access to the file."""
    if address.signed:
        return (
            "fresh addresses from the source's own host are refused too: check what lies "
            "between (a proxy, a clock that is off), or try later"
        )
    if code == "GatedRepo":
        return f"access is granted by its owner: ask for it on {host(address.url)}, then {_ADVICE}"
    if refused_token:
        return (
            "the token of spec.model.secretRef may not read it: check the token's scope and "
            "expiry, and the name"
        )
    return f"it is private, gated or misspelt: {_ADVICE}"


def _retry_after(answer: Response) -> float:
    """Seconds; a date counts as no wish (the backoff does)."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0


def _agreed_size(announced: Mapping[str, str], size: int | None, address: Address) -> int | None:
    """What the hub announces, and what the download host has, if they tell."""
    text = announced.get("X-Linked-Size", "")
    if not text.isdigit():
        return size
    if size not in (None, int(text)):
        raise Fault(
            reasons.SOURCE_TRUNCATED,
            f"{host(address.url)} has {size} bytes of a file of {text}",
        )
    return int(text)


def _follow(
    client: Client, url: str, headers: Mapping[str, str], note: Callable[[Response], None]
) -> tuple[Response, Address]:
    """The answer behind all redirects, and where it came from. `note` sees every hop.

    The token goes to the first host only, even if a later redirect leads back to it: what another
    host sends there is not the user's request.
    """
    first = _origin(url)
    token = True
    for _ in range(_MAX_HOPS):
        answer = client.get(url, token=token, headers=headers)
        target = answer.headers.get("Location")
        if answer.status not in _REDIRECTS or not target:
            return answer, Address(url, token, signed=not token)
        note(answer)
        answer.drain_conn()
        onward = urljoin(url, target)
        check_redirect(url, onward)
        token = token and _origin(onward) == first
        url = onward
    raise FetchError(reasons.SOURCE_UNREACHABLE, f"{host(url)} redirects in a circle")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def check_redirect(url: str, onward: str) -> None:
    """Check that a redirect may be followed. Raises FetchError: never to less security than the
    source has.
    """
    secure, scheme = urlsplit(url).scheme == "https", urlsplit(onward).scheme
    if scheme not in ("http", "https") or (secure and scheme != "https"):
        raise FetchError(
            reasons.SOURCE_UNREACHABLE,
            f"{host(url)} redirects from {urlsplit(url).scheme} to {shown(onward)}, which is not "
            "followed: name that address as the source if you trust it",
        )
