"""What lies in examples/? Tests go through all of it, so that no sample is left out.

What Argo CD is shown by (examples/argocd/) has tests of its own.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import yaml

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
MANIFESTS: Final = sorted(EXAMPLES.glob("*.yaml"))
SCRIPTS: Final = sorted(EXAMPLES.glob("*.py"))

Object = dict[str, Any]


def documents(path: Path) -> list[Object]:
    """The LLMDeployments of one file."""
    return list(yaml.safe_load_all(path.read_text()))


def deployment(name: str) -> Object:
    """The one LLMDeployment of this name, as its sample has it; the caller may change it."""
    (found,) = (each for each in ALL if each["metadata"]["name"] == name)
    return deepcopy(found)


ALL: Final = [each for path in MANIFESTS for each in documents(path)]
