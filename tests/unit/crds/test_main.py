"""Where does `llmstack crds` put the definitions?"""

from pathlib import Path

import pytest
import yaml

from llmstack.api import crd
from llmstack.crds.main import run


def test_it_prints_what_kubectl_applies(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], {}) == 0
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == [crd.definition()]


def test_it_writes_a_file_for_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--directory", str(tmp_path / "new" / "crds")], {}) == 0
    written = {path.name: path.read_text() for path in (tmp_path / "new" / "crds").iterdir()}
    assert written == crd.files()
    assert capsys.readouterr().out == ""
