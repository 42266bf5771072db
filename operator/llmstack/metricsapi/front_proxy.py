"""Who asks, and how do we know? The API server says it in headers, and proves itself by TLS. Pure.

The API server presents a client certificate of an authority that it publishes, with the names of
the headers, in the ConfigMap `extension-apiserver-authentication`. Without that certificate the
headers are worth nothing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"
_AUTHENTICATED, _UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
_ANONYMOUS = "system:anonymous"
_ALLOWED = "requestheader-allowed-names"
_Sent = list[tuple[str, str]]


@dataclass(frozen=True)
class FrontProxy:
    """How the API server is authenticated. `allowed_names` empty: any name of that authority."""

    authority: str
    allowed_names: tuple[str, ...]
    user_headers: tuple[str, ...]
    uid_headers: tuple[str, ...]
    group_headers: tuple[str, ...]
    extra_prefixes: tuple[str, ...]


@dataclass(frozen=True)
class User:
    """User on whose behalf the API server sends a request."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


def read_front_proxy(config_map: Mapping[str, Any] | None) -> FrontProxy | None:
    """Parse the ConfigMap. Returns None if it names no authority, that is without aggregation."""
    data = (config_map or {}).get("data") or {}
    authority = data.get("requestheader-client-ca-file", "")
    if not authority.strip():
        return None
    return FrontProxy(
        authority=authority,
        allowed_names=_names(data, _ALLOWED),
        user_headers=_names(data, "requestheader-username-headers"),
        uid_headers=_names(data, "requestheader-uid-headers"),
        group_headers=_names(data, "requestheader-group-headers"),
        extra_prefixes=_names(data, "requestheader-extra-headers-prefix"),
    )


def identify(
    proxy: FrontProxy,
    certificate: Mapping[str, Any] | None,
    headers: Iterable[tuple[str, str]],
) -> User | str:
    """Return the user of a request, or a message if the API server is not authenticated. A sentence
    if nobody can be told.

    `certificate` is that of a peer that proved it, as ssl tells it.
    """
    if not certificate:
        return "metrics must be requested through the API server, which presents its certificate"
    name = _common_name(certificate)
    if proxy.allowed_names and name not in proxy.allowed_names:
        return f"the certificate of {name or 'nobody'} is not one of the API server's front proxy"
    sent = [(name.lower(), value) for name, value in headers]
    user = _first(sent, proxy.user_headers)
    if not user:
        return "the API server named no user"
    return User(
        name=user,
        uid=_first(sent, proxy.uid_headers),
        groups=_groups(user, _values(sent, proxy.group_headers)),
        extra=_extra(sent, proxy.extra_prefixes),
    )


def _names(data: Mapping[str, str], key: str) -> tuple[str, ...]:
    """Of headers in lower case; those of certificates as they are."""
    found = json.loads(data.get(key) or "[]")
    return tuple(name if key == _ALLOWED else name.lower() for name in found)


def _common_name(certificate: Mapping[str, Any]) -> str:
    subject = (pair for part in certificate.get("subject", ()) for pair in part)
    return next((value for name, value in subject if name == "commonName"), "")


def _groups(user: str, sent: list[str]) -> tuple[str, ...]:
    """The groups that were sent, and the one of all whom the API server knows.

    It leaves that one out where it asks on its own behalf, as it does to discover the metrics.
    """
    known = user == _ANONYMOUS or _AUTHENTICATED in sent or _UNAUTHENTICATED in sent
    return tuple(sent) if known else (*sent, _AUTHENTICATED)


def _values(sent: _Sent, names: tuple[str, ...]) -> list[str]:
    return [value for wanted in names for name, value in sent if name == wanted and value]


def _first(sent: _Sent, names: tuple[str, ...]) -> str:
    return next(iter(_values(sent, names)), "")


def _extra(sent: _Sent, prefixes: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in sent:
        for prefix in prefixes:
            if name.startswith(prefix):
                key = unquote(name.removeprefix(prefix))
                found[key] = (*found.get(key, ()), value)
    return tuple(sorted(found.items()))
