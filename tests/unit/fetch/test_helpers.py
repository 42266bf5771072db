"""How do the server's helpers get into a pod whose image lacks them?"""

from pathlib import Path

import pytest

from llmstack.errors import FetchError
from llmstack.fetch.helpers import bring_helpers


def test_they_are_copied_with_their_modes_and_a_second_time_too(tmp_path: Path) -> None:
    source, target = tmp_path / "image", tmp_path / "pod"
    source.mkdir()
    target.mkdir()
    (source / "llmstack-drain").write_text("#!/bin/sh")
    (source / "llmstack-drain").chmod(0o755)
    (tmp_path / "busybox").write_text("a program")
    (source / "busybox").symlink_to(tmp_path / "busybox")
    bring_helpers(target, source)
    bring_helpers(target, source)
    assert (target / "llmstack-drain").stat().st_mode & 0o111
    assert not (target / "busybox").is_symlink()
    assert (target / "busybox").read_text() == "a program"


def test_an_image_without_them_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="the helpers of llama-server cannot be copied"):
        bring_helpers(tmp_path, tmp_path / "nowhere")
