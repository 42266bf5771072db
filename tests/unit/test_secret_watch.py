"""Does a test fail whose program has told a secret?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.said import SAID, Said

pytest_plugins = ["pytester"]

TOLD = """
import logging
import sys

import pytest

from tests.support.said import SAID

TOKEN = "hf_" + "PlantedSecret"

def test_says_nothing():
    SAID.give(TOKEN)
    SAID.note("a fetch's log", "all is well")

def test_a_program_tells():
    SAID.note("a fetch's log", "Invalid header value b'Bearer hf_" + "PlantedSecret'")

def test_this_process_prints():
    print("hf_" + "PlantedSecret")

def test_this_process_logs():
    logging.getLogger("x").warning("hf_%s", "PlantedSecret")

@pytest.fixture
def program():
    yield
    SAID.note("a gateway's log", "at its end: hf_" + "PlantedSecret")

def test_it_is_told_late(program):
    pass

def test_the_next_one_is_well():
    pass
"""


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is planted here is no leak of this test's own."""
    kept = set(SAID.secrets)
    yield
    SAID.leaks()
    SAID.secrets.clear()
    SAID.secrets.update(kept)


def test_each_way_of_telling_fails_its_test(pytester: pytest.Pytester, apart: None) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(TOLD)

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "tests.secret_watch")

    failed = [line.split()[1] for line in result.outlines if line.startswith("ERROR test_")]
    assert [each.partition("::")[2] for each in failed] == [
        "test_a_program_tells",
        "test_this_process_prints",
        "test_this_process_logs",
        "test_it_is_told_late",
    ]
    assert "tells a secret that begins with 'hf_'" in result.stdout.str()


SECRETS = [
    ("as it is", "hf_PlantedSecret", "x hf_PlantedSecret y", True),
    ("one of its lines", "hf_Planted\nSecretHalf", "SecretHalf", True),
    ("as JSON", 'hf_"Planted"', '{"m": "hf_\\"Planted\\""}', True),
    ("something else", "hf_PlantedSecret", "hf_Other", False),
    ("too short to be told from a word", "key", "monkey", False),
]


@pytest.mark.parametrize(
    ("sentence", "secret", "text", "told"), SECRETS, ids=[r[0] for r in SECRETS]
)
def test_what_is_a_leak(sentence: str, secret: str, text: str, told: bool) -> None:
    said = Said()
    said.give(secret)
    said.note("a log", text)
    assert bool(said.leaks()) is told
    assert said.leaks() == []
