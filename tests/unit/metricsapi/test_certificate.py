"""When is a new certificate due, and does it prove what it should?"""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest

from llmstack.metricsapi.certificate import Material, due, life, split, usable
from llmstack.metricsapi.issue import issue

NOW = 1_700_000_000.0
LIFE = 90 * 24 * 3600.0
HOSTS = ("llm-stack-metrics.llm-stack.svc", "llm-stack-metrics.llm-stack")


@pytest.fixture(scope="module")
def first() -> Material:
    return issue(HOSTS, LIFE, NOW, None)


@pytest.fixture(scope="module")
def second(first: Material) -> Material:
    return issue(HOSTS, LIFE, NOW + LIFE * 0.7, first)


def test_it_lasts_as_long_as_was_asked_for(first: Material) -> None:
    lasts = life(first.authorities)

    assert lasts is not None
    assert lasts.end == NOW + LIFE
    assert NOW - 600 < lasts.begin < NOW


TABLE = [
    ("new", 0.0, False),
    ("at half of its life", 0.5, False),
    ("at two thirds", 0.67, True),
    ("at its end", 1.0, True),
    ("before its time: the clock was wrong", -0.01, True),
]


@pytest.mark.parametrize(("sentence", "age", "new_one"), TABLE, ids=[row[0] for row in TABLE])
def test_when_a_new_one_is_due(first: Material, sentence: str, age: float, new_one: bool) -> None:
    assert due(first, NOW + age * LIFE) is new_one


def test_what_cannot_be_served_with_is_made_anew(first: Material, second: Material) -> None:
    assert due(None, NOW)
    assert not usable(replace(first, key=second.key), NOW)
    assert not usable(replace(first, certificate="no certificate"), NOW)
    assert not usable(replace(first, authorities=""), NOW)
    assert not usable(replace(first, authorities="-----BEGIN CERTIFICATE-----\nx"), NOW)
    assert usable(first, NOW)


def test_the_last_authority_is_believed_until_it_ends(first: Material, second: Material) -> None:
    own, last = split(second.authorities)
    assert last == split(first.authorities)[0]
    assert own not in first.authorities

    third = issue(HOSTS, LIFE, NOW + 1.5 * LIFE, second)
    assert split(third.authorities)[1:] == [own]
    late = issue(HOSTS, LIFE, NOW + 3 * LIFE, second)
    assert len(split(late.authorities)) == 1


def test_each_is_proven_by_its_own_authority_alone(first: Material, second: Material) -> None:
    own, last = split(second.authorities)

    for material, authority in ((first, last), (second, own)):
        context = ssl.create_default_context(cadata=authority)
        assert len(context.get_ca_certs()) == 1
        assert usable(replace(material, authorities=authority), NOW + LIFE * 0.7)
