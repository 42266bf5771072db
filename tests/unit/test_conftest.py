"""Does a run fail when a test is skipped that must not be?"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
markers =
    needs_gpu: may be skipped
    needs_registry: may be skipped
"""

WITH_LEAVE = """
import pytest

@pytest.mark.needs_gpu
def test_without_a_gpu(): pytest.skip("none here")

@pytest.mark.needs_registry
@pytest.mark.skip(reason="none here")
def test_without_a_registry(): pass

def test_passes(): pass
"""

WITHOUT_LEAVE = """
import pytest

def test_that_skips_itself(): pytest.skip("not today")

@pytest.mark.skip(reason="not today")
def test_that_is_marked(): pass

@pytest.mark.xfail
def test_that_is_expected_to_fail(): assert False

def test_passes(): pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project of its own with our conftest.py."""
    pytester.makeini(INI)
    pytester.makeconftest((Path(__file__).parents[1] / "conftest.py").read_text())
    return pytester


def test_a_skip_for_want_of_an_accelerator_or_a_registry_passes(run: pytest.Pytester) -> None:
    run.makepyfile(WITH_LEAVE)

    result = run.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=1, skipped=2)
    assert result.ret == pytest.ExitCode.OK


def test_any_other_skip_fails_the_run_and_is_named(run: pytest.Pytester) -> None:
    run.makepyfile(
        test_some=WITHOUT_LEAVE,
        test_none="import pytest\npytest.skip('all of it', allow_module_level=True)",
    )

    result = run.runpytest_inprocess("-p", "no:cacheprovider")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    _, _, listed = result.stdout.str().partition("skipped without leave")
    named = [line.strip() for line in listed.splitlines() if line.startswith("  ")]
    assert named == [
        "test_none.py",
        "test_some.py::test_that_skips_itself",
        "test_some.py::test_that_is_marked",
        "test_some.py::test_that_is_expected_to_fail",
    ]
    assert result.outlines[-1].endswith("=") and "skipped" in result.outlines[-1]
