"""Does a key that was made let its tenant in?"""

from __future__ import annotations

import pytest

from llmstack.gateway.keys import parse_keys
from llmstack.keys_command import run


def test_a_new_key_comes_in_by_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["team-a"], {}) == 0
    printed = capsys.readouterr()
    key, line = printed.out.splitlines()
    assert parse_keys(line, "keys").tenant(f"Bearer {key}") == "team-a"
    assert "not shown again" in printed.err
    assert key not in printed.err

    run(["team-a"], {})
    assert capsys.readouterr().out.splitlines()[0] != key


@pytest.mark.parametrize("arguments", [[], ["Team"], ["a b"], ["a", "b"]])
def test_a_tenant_is_named_properly(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(arguments, {})
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""
