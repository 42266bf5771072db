"""Who asks, and how do we know?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.metricsapi.front_proxy import User, identify, read_front_proxy

DATA = {
    "requestheader-client-ca-file": "PEM",
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-username-headers": '["X-Remote-User"]',
    "requestheader-uid-headers": '["X-Remote-Uid"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
}
PROXY = read_front_proxy({"data": DATA})
assert PROXY is not None


def certificate(name: str) -> dict[str, Any]:
    return {"subject": ((("organizationName", "k8s"),), (("commonName", name),))}


OURS = certificate("front-proxy-client")
ANN = User("ann", groups=("system:authenticated",))


def test_a_user_is_who_the_api_server_says() -> None:
    headers = [
        ("x-remote-user", "ann"),
        ("X-Remote-Uid", "42"),
        ("X-Remote-Group", "devs"),
        ("X-Remote-Group", "system:authenticated"),
        ("X-Remote-Extra-Acme.com%2Fproject", "one"),
        ("X-Remote-Extra-Acme.com%2fproject", "two"),
        ("Accept", "*/*"),
    ]

    assert identify(PROXY, OURS, headers) == User(
        "ann", "42", ("devs", "system:authenticated"), (("acme.com/project", ("one", "two")),)
    )


GROUPS = [
    ("the API server asks on its own behalf", "system:aggregator", (), ("system:authenticated",)),
    ("groups of their own", "ann", ("devs",), ("devs", "system:authenticated")),
    ("it is said already", "ann", ("system:authenticated",), ("system:authenticated",)),
    ("nobody in particular", "system:anonymous", ("system:unauthenticated",),
     ("system:unauthenticated",)),
    ("nobody in particular, without a group", "system:anonymous", (), ()),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "user", "sent", "groups"), GROUPS, ids=[g[0] for g in GROUPS])
def test_whom_the_api_server_knows_is_in_the_group_of_all_such(
    sentence: str, user: str, sent: tuple[str, ...], groups: tuple[str, ...]
) -> None:
    headers = [("X-Remote-User", user), *(("X-Remote-Group", group) for group in sent)]
    found = identify(PROXY, OURS, headers)

    assert isinstance(found, User)
    assert found.groups == groups


NOBODY = [
    ("no certificate", None, [("X-Remote-User", "admin")], "presents its certificate"),
    ("an empty one", {}, [("X-Remote-User", "admin")], "presents its certificate"),
    ("another name", certificate("mallory"), [("X-Remote-User", "admin")], "of mallory is not"),
    ("no name", {"subject": ()}, [("X-Remote-User", "admin")], "of nobody is not"),
    ("no user", OURS, [("X-Remote-Group", "system:masters")], "named no user"),
    ("an empty user", OURS, [("X-Remote-User", "")], "named no user"),
]


@pytest.mark.parametrize(
    ("sentence", "peer", "headers", "words"), NOBODY, ids=[n[0] for n in NOBODY]
)
def test_who_cannot_be_told_is_nobody(
    sentence: str, peer: dict[str, Any] | None, headers: list[tuple[str, str]], words: str
) -> None:
    found = identify(PROXY, peer, headers)

    assert isinstance(found, str)
    assert words in found


def test_without_allowed_names_any_name_of_the_authority_will_do() -> None:
    proxy = read_front_proxy({"data": DATA | {"requestheader-allowed-names": "[]"}})
    assert proxy is not None

    assert identify(proxy, certificate("any"), [("X-Remote-User", "ann")]) == ANN


def test_header_names_are_those_of_the_config_map() -> None:
    proxy = read_front_proxy({"data": DATA | {"requestheader-username-headers": '["X-User"]'}})
    assert proxy is not None

    assert identify(proxy, OURS, [("X-User", "ann")]) == ANN
    assert isinstance(identify(proxy, OURS, [("X-Remote-User", "ann")]), str)


@pytest.mark.parametrize(
    "config_map", [None, {}, {"data": None}, {"data": {"client-ca-file": "x"}}]
)
def test_without_an_authority_there_is_no_front_proxy(config_map: dict[str, Any] | None) -> None:
    assert read_front_proxy(config_map) is None
