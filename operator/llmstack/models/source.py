"""Where does a model come from, and where will llama-server find it?

    hf://owner/repo/path/to/file.gguf[@revision]   a hub; `@revision` pins a branch, tag or commit
    https://host/path/file.gguf, http://…          any web server
    pvc://claim/path/file.gguf                     a volume claim of the deployment's namespace

Names of a hub or a claim are percent-encoded where they must be: hf://o/r/My%20Model.gguf names the
file "My Model.gguf", a%40b.gguf names a@b.gguf. A web address is passed on as it is.

Everything here is known before a byte is downloaded, so that a pod's arguments never depend on one.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import overload
from urllib.parse import quote, unquote, urlsplit

from llmstack.api.escapes import ESCAPE
from llmstack.errors import InvalidSource
from llmstack.secret import without_credentials

CACHE_ROOT = PurePosixPath("/models")
SOURCE_ROOT = PurePosixPath("/source")

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(f"([A-Za-z0-9]|{ESCAPE})([A-Za-z0-9._/-]|{ESCAPE}){{0,199}}")
_DECODABLE = re.compile(f"([^%]|{ESCAPE})*")
_MUST_ENCODE = re.compile(r"[\x00-\x20\x7f\\@%]")
_LONGEST_NAME = 255
_CLAIM = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_PART = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<end>\.gguf)$")


@dataclass(frozen=True)
class HubSource:
    """A file in a repository of a model hub. `revision` is None for the default branch."""

    owner: str
    repo: str
    file: str
    revision: str | None = None

    def __str__(self) -> str:
        pin = f"@{_encoded(self.revision)}" if self.revision else ""
        return f"hf://{self.owner}/{self.repo}/{_encoded(self.file)}{pin}"


@dataclass(frozen=True)
class HttpSource:
    """A file on a web server."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class ClaimSource:
    """A file on a PersistentVolumeClaim, read where it lies."""

    claim: str
    path: str

    def __str__(self) -> str:
        return f"pvc://{self.claim}/{_encoded(self.path)}"


Download = HubSource | HttpSource
Source = Download | ClaimSource


@lru_cache(maxsize=256)
def parse_source(text: str) -> Source:
    """Parse `model.source` of the spec. Raises InvalidSource if it is not valid."""
    if _UNSAFE.search(text):
        raise InvalidSource(
            f"source {_shown(text)!r}: "
            "remove spaces, backslashes and control characters; in a name write "
            "%20 for a space and %5C for a backslash"
        )
    scheme, found, rest = text.partition("://")
    if not found or scheme not in ("hf", "https", "http", "pvc"):
        raise InvalidSource(
            f"source {_shown(text)!r}: begin with hf://, https://, http:// or pvc://, "
            "for example hf://owner/repo/file.gguf"
        )
    source = _PARSERS[scheme](text, rest)
    _refuse_later_parts(text, base_name(source))
    return source


def _parse_hub(text: str, rest: str) -> Source:
    path, pinned, revision = rest.partition("@")
    owner, _, path = path.partition("/")
    repo, _, file = path.partition("/")
    if not (_OWNER.fullmatch(owner) and _OWNER.fullmatch(repo) and file):
        raise InvalidSource(
            f"source {_shown(text)!r}: write hf://owner/repo/path/to/file.gguf[@revision]"
        )
    file = _decoded_path(text, file)
    if not pinned:
        return HubSource(owner, repo, file)
    is_name = revision.endswith(".gguf")
    if is_name or not (_REVISION.fullmatch(revision) and _is_plain(revision)):
        raise InvalidSource(
            f"source {_shown(text)!r}: "
            "after @ write a branch, a tag or a commit, for example @main; an @ "
            "in a file's name is %40"
        )
    return HubSource(owner, repo, file, unquote(revision))


def _parse_http(text: str, _rest: str) -> Source:
    try:
        url = urlsplit(text)
        host, credentials, _ = url.hostname, url.username or url.password, url.port
    except ValueError as error:
        # Its words quote what may be a part of a password.
        why = "the host or the port cannot be read" if "@" in text else error
        raise InvalidSource(f"source {_shown(text)!r}: {why}") from None
    if credentials is not None:
        raise InvalidSource(
            f"source with credentials for {host}: remove user:password@ from the address and put "
            "a token into a Secret with the key `token`, named by spec.model.secretRef"
        )
    if not host:
        raise InvalidSource(
            f"source {_shown(text)!r}: the host is missing, write https://host/file.gguf"
        )
    if url.fragment:
        raise InvalidSource(f"source {_shown(text)!r}: remove the part after #")
    if not PurePosixPath(url.path).name:
        raise InvalidSource(
            f"source {_shown(text)!r}: the file is missing, write https://host/file.gguf"
        )
    return HttpSource(text)


def _parse_claim(text: str, rest: str) -> Source:
    claim, _, path = rest.partition("/")
    if not _CLAIM.fullmatch(claim) or not path:
        raise InvalidSource(f"source {_shown(text)!r}: write pvc://claim/path/to/file.gguf")
    return ClaimSource(claim, _decoded_path(text, path))


_PARSERS = {"hf": _parse_hub, "https": _parse_http, "http": _parse_http, "pvc": _parse_claim}


def _decoded_path(text: str, path: str) -> str:
    """The path that a percent-encoded one stands for. Raises InvalidSource."""
    if not _is_plain(path):
        raise InvalidSource(
            f"source {_shown(text)!r}: the path must name a file, without empty parts, `.` or `..`"
        )
    readable = _DECODABLE.match(path)
    strange = path[readable.end() if readable else 0 :][:3]
    if strange:
        raise InvalidSource(
            f"source {_shown(text)!r}: {strange} is not decoded. Write %25 for a percent sign, and "
            "letters, digits, -, ., _ and ~ as they are; only text in UTF-8 can be named"
        )
    decoded = unquote(path)
    if any(len(part.encode()) > _LONGEST_NAME for part in decoded.split("/")):
        raise InvalidSource(
            f"source {_shown(text)!r}: "
            f"a name has more than {_LONGEST_NAME} bytes, which no file may have"
        )
    return decoded


def _encoded(name: str) -> str:
    """The one form in which a source is written: only what must be is encoded."""
    return _MUST_ENCODE.sub(lambda found: quote(found[0], safe=""), name)


def _is_plain(path: str) -> bool:
    return all(part not in ("", ".", "..") for part in path.split("/"))


def _refuse_later_parts(text: str, name: str) -> None:
    part = _PART.match(name)
    if part and int(part["number"]) != 1:
        first = f"{part['stem']}-00001-of-{part['count']}{part['end']}"
        raise InvalidSource(
            f"source {_shown(text)!r}: of a split model name the first part, {first}"
        )


def require_sha256(text: str) -> str:
    """Return a SHA-256 in lowercase. Raises InvalidSource if it is not one."""
    lowered = text.strip().lower()
    if not _SHA256.fullmatch(lowered):
        raise InvalidSource(f"sha256 {text!r}: write the 64 hexadecimal digits of sha256sum")
    return lowered


def base_name(source: Source) -> str:
    """Return the file name that llama-server sees. Split files are found by their names."""
    match source:
        case HubSource(file=path) | ClaimSource(path=path):
            return PurePosixPath(path).name
        case HttpSource(url=url):
            return PurePosixPath(urlsplit(url).path).name


def part_names(name: str) -> tuple[str, ...]:
    """Return the names of all files of a model, given its first: `(name,)` unless it is split."""
    part = _PART.match(name)
    count = int(part["count"]) if part else 0
    if not part or not count:
        return (name,)
    return tuple(
        f"{part['stem']}-{number:05d}-of-{count:05d}{part['end']}" for number in range(1, count + 1)
    )


@overload
def part_sources(source: ClaimSource) -> tuple[ClaimSource, ...]: ...
@overload
def part_sources(source: Download) -> tuple[Download, ...]: ...


def part_sources(source: Source) -> tuple[Source, ...]:
    """Return the sources of all parts of a model. Parts of a split model are next to the first."""
    first = base_name(source)
    return tuple(_renamed(source, first, name) for name in part_names(first))


def _renamed(source: Source, old: str, new: str) -> Source:
    match source:
        case HubSource(owner, repo, file, revision):
            return HubSource(owner, repo, str(PurePosixPath(file).with_name(new)), revision)
        case ClaimSource(claim, path):
            return ClaimSource(claim, str(PurePosixPath(path).with_name(new)))
        case HttpSource(url):
            split = urlsplit(url)
            path = split.path.removesuffix(old) + new
            return HttpSource(split._replace(path=path).geturl())


def cache_key(source: Source, sha256: str | None) -> str:
    """Return the cache folder of a source: 32 hex digits.

    What the user expects is part of the key: another revision or checksum is another model. An
    unpinned source keeps the file it had first, so that all replicas serve the same one.
    """
    text = f"{source}\n{sha256 or ''}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def model_path(source: Source, sha256: str | None) -> PurePosixPath:
    """Return the path of the model that llama-server is started with."""
    match source:
        case ClaimSource(path=path):
            return SOURCE_ROOT / path
        case _:
            return CACHE_ROOT / "sources" / cache_key(source, sha256) / base_name(source)


def claim_name(source: Source) -> str | None:
    """Return the claim to mount (read-only, at SOURCE_ROOT), or None for downloads."""
    return source.claim if isinstance(source, ClaimSource) else None


def _shown(text: str) -> str:
    """A source as a message may quote it: without credentials, and without a signed query."""
    return without_credentials(text).partition("?")[0]
