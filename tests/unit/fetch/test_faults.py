"""What does a failure mean to a user, and how often is it tried again?"""

import errno
import threading

import pytest

from llmstack.api import reasons
from llmstack.engines.facts import GGUFFacts
from llmstack.errors import FetchError
from llmstack.fetch.client import shown
from llmstack.fetch.faults import Fault, Patience, available, cache_error, free_space, may_pass
from llmstack.fetch.remote import check_redirect
from llmstack.fetch.wanted import require_context
from llmstack.settings.fetch import FetchSettings

SETTINGS = FetchSettings.from_env({"LLMSTACK_FETCH_BACKOFF_SECONDS": "0.001"})
FACTS = GGUFFacts("llama", 1, "F16", 1, context_length=2048)


def patience(notes):
    return Patience(SETTINGS, threading.Event(), notes.append)


def failing(times, fault):
    left = [fault] * times

    def call():
        if left:
            raise left.pop()
        return "done"

    return call


def test_a_fault_that_passes():
    notes = []
    fault = Fault(reasons.SOURCE_UNREACHABLE, "h is busy")
    assert patience(notes).persist(failing(5, fault)) == "done"
    assert notes[0] == "h is busy (try 1 of 6)"
    assert len(notes) == 5


def test_a_fault_that_stays():
    with pytest.raises(FetchError, match=r"h is busy \(tried 6 times\)") as raised:
        patience([]).persist(failing(6, Fault(reasons.SOURCE_UNREACHABLE, "h is busy")))
    assert raised.value.reason == reasons.SOURCE_UNREACHABLE


def test_a_server_cannot_make_us_wait_for_ever():
    assert Fault("r", "m", retry_after=10**6).retry_after == 60


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, reasons.CACHE_FULL),
        (errno.EDQUOT, reasons.CACHE_FULL),
        (errno.EACCES, reasons.CACHE_NOT_WRITABLE),
        (errno.EROFS, reasons.CACHE_NOT_WRITABLE),
        (errno.EPERM, reasons.CACHE_NOT_WRITABLE),
        (errno.EIO, reasons.FETCH_FAILED),
        (errno.ESTALE, reasons.FETCH_FAILED),
    ],
)
def test_errors_of_the_cache(tmp_path, number, reason):
    assert cache_error(OSError(number, "words"), tmp_path).reason == reason


@pytest.mark.parametrize(
    ("url", "onward", "followed"),
    [
        ("https://a/x", "https://b/x", True),
        ("http://a/x", "https://b/x", True),
        ("http://a/x", "http://b/x", True),
        ("https://a/x", "http://b/x", False),
        ("http://a/x", "file:///etc/passwd", False),
        ("https://a/x", "ftp://b/x", False),
    ],
)
def test_redirects_never_lead_to_less_security(url, onward, followed):
    if followed:
        check_redirect(url, onward)
    else:
        with pytest.raises(FetchError, match="not followed"):
            check_redirect(url, onward)


def test_signatures_are_not_shown():
    assert shown("https://h/p/q.gguf?Signature=abc#x") == "https://h/p/q.gguf"


@pytest.mark.parametrize(("wanted", "fits"), [(None, True), (2048, True), (2049, False)])
def test_context_length(wanted, fits):
    if fits:
        require_context(FACTS, wanted)
    else:
        with pytest.raises(FetchError, match="write 2048 or less"):
            require_context(FACTS, wanted)


@pytest.mark.parametrize("status", [408, 421, 425, 429, 500, 502, 503, 504, 507, 508, 509, 599])
def test_answers_that_another_try_may_better(status):
    assert may_pass(status)


@pytest.mark.parametrize("status", [*range(520, 531), 561])
def test_answers_of_a_cdn_that_does_not_reach_its_origin(status):
    assert may_pass(status)


@pytest.mark.parametrize(
    "status", [200, 206, 400, 401, 403, 404, 407, 410, 416, 451, 501, 505, 511]
)
def test_answers_that_stay(status):
    assert not may_pass(status)


class Stat:
    """What statvfs says, as far as it is looked at."""

    def __init__(self, blocks, available, size=4096):
        self.f_blocks, self.f_bavail, self.f_frsize = blocks, available, size


@pytest.mark.parametrize(
    ("stat", "free"), [(Stat(100, 10), 40960), (Stat(100, 0), 0), (Stat(0, 0), None)]
)
def test_what_is_free(stat, free):
    assert available(stat) == free


def test_a_file_system_that_cannot_be_asked(tmp_path):
    assert free_space(tmp_path / "none") is None
