"""Is the tree of errors that errors.py draws the one that there is?"""

from __future__ import annotations

import importlib
import pkgutil
import re

import llmstack
from llmstack import errors
from llmstack.errors import LLMStackError

_ROW = re.compile(r"^((?:[│├└─ ]{4})*)(\w+)", re.MULTILINE)


def drawn() -> set[tuple[str, str]]:
    """Each error with its parent, as the docstring of errors.py draws them."""
    pairs: set[tuple[str, str]] = set()
    above: list[str] = []
    _, _, tree = (errors.__doc__ or "").partition("\n\n")
    for indent, name in _ROW.findall(tree.partition("\n\n")[0]):
        above = [*above[: len(indent) // 4], name]
        if len(above) > 1:
            pairs.add((above[-2], name))
    return pairs


def ours() -> list[type[BaseException]]:
    """All exceptions that the package defines."""
    found: list[type[BaseException]] = []
    for module in pkgutil.walk_packages(llmstack.__path__, "llmstack."):
        if module.name != "llmstack.__main__":
            members = vars(importlib.import_module(module.name)).values()
            found += [
                each
                for each in members
                if isinstance(each, type)
                and issubclass(each, BaseException)
                and each.__module__ == module.name
            ]
    return found


def test_the_tree_is_the_one_that_is_drawn() -> None:
    real = {
        (each.__bases__[0].__name__, each.__name__)
        for each in ours()
        if issubclass(each, LLMStackError) and each is not LLMStackError
    }
    assert drawn() == real


def test_every_error_of_the_package_is_in_it() -> None:
    outside = {each.__name__ for each in ours() if not issubclass(each, LLMStackError)}
    assert outside == {"Stopped"}
