"""Does a cache work on volumes that lack what a local disk has? Refused by the kernel itself."""

import sys
from pathlib import Path

import pytest

from llmstack.api import reasons
from tests.support.gguf_writer import gguf_bytes, split_bytes
from tests.support.hub import Hub

MODEL = gguf_bytes(weights=3_000_000)
SOURCE = "hf://owner/repo/q4.gguf"
SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture
def hub():
    with Hub({"owner/repo": {"q4.gguf": MODEL}}) as hub:
        yield hub


def lacking(fetch, calls, error="EOPNOTSUPP"):
    """Every fetch from now on is on a volume that refuses these calls."""
    fetch.prefix = (sys.executable, str(SUPPORT / "refuse_syscalls.py"), error, calls)


@pytest.mark.parametrize("error", ["EOPNOTSUPP", "EPERM", "ENOSYS", "EACCES", "EINVAL"])
@pytest.mark.parametrize("calls", ["symlink", "symlink,link"])
def test_no_links(fetch, hub, calls, error):
    lacking(fetch, calls, error)
    outcome = fetch(SOURCE)
    assert outcome.status == 0, outcome.log
    model = fetch.model(SOURCE)
    assert model.read_bytes() == MODEL
    assert not model.is_symlink()
    assert fetch.leftovers() == []
    hub.seen.clear()
    assert fetch(SOURCE).result == outcome.result
    assert hub.seen == [], "the second pod finds it"


@pytest.mark.parametrize("calls", ["symlink", "symlink,link"])
def test_a_split_model_without_links(fetch, hub, calls):
    lacking(fetch, calls)
    parts = split_bytes(3, weights=100_000)
    names = [f"m-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
    hub.repos["owner/repo"] = dict(zip(names, parts, strict=True))
    source = f"hf://owner/repo/{names[0]}"
    assert fetch(source).status == 0
    assert [(fetch.model(source).parent / name).read_bytes() for name in names] == parts


def test_hard_links_spare_the_second_download(fetch, hub):
    lacking(fetch, "symlink")
    assert fetch(SOURCE).status == 0
    served = hub.served
    pinned = f"{SOURCE}@{hub.commit}"
    assert fetch(pinned).status == 0
    assert hub.served - served < 1000
    assert fetch.model(pinned).samefile(fetch.model(SOURCE))


def test_a_volume_that_does_not_take_the_name_is_known_before_the_download(fetch, hub):
    name = "n" * 300 + ".gguf"
    hub.repos["owner/repo"][name] = MODEL
    outcome = fetch(hub.plain(f"owner/repo/{name}"))
    assert outcome.failure.reason == reasons.FETCH_FAILED
    assert "File name too long" in outcome.failure.message
    assert hub.seen == []
