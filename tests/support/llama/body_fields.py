"""Which fields does llama-server's source read from the body of a request?

    json_value(body, "stop", …)   body.at("stop")   body.contains("stop")   body["stop"]
    new field_num("n_predict", …)->add_alias("max_tokens")   for (… : {"top_p", "top_k"})

A text search, no compiler: it finds rather too many names than too few.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

FILES: Final = (
    "tools/server/server-schema.cpp",
    "tools/server/server-context.cpp",
    "tools/server/server-common.cpp",
    "tools/server/server-common.h",
    "tools/server/server-chat.cpp",
    "tools/server/server-task.cpp",
    "tools/server/server-task.h",
    "common/chat.cpp",
)
BODIES: Final = frozenset({"body", "data", "request", "response_body", "inp_body", "body_parsed"})
"""The names that the source gives to a whole body."""

_COMMENT: Final = re.compile(r"//[^\n]*|#if 0\n.*?#endif", re.DOTALL)
_READS: Final = (
    re.compile(r'json_value\(\s*(\w+),\s*"([A-Za-z_@][\w.@]*)"'),
    re.compile(r'has_value\(\s*(\w+),\s*"([A-Za-z_@][\w.@]*)"'),
    re.compile(r'exists_and_is_\w+\(\s*(\w+),\s*"([A-Za-z_@][\w.@]*)"'),
    re.compile(r'(\w+)\.(?:at|contains|value|count|find)\(\s*"([A-Za-z_@][\w.@]*)"'),
    re.compile(r'(\w+)\["([A-Za-z_@][\w.@]*)"\](?!\s*=[^=])'),
)
_SCHEMA: Final = re.compile(r'new field_\w+(?:<[^>]*>)?\("([^"]+)"|add_alias\("([^"]+)"\)')
_SUBFIELD: Final = re.compile(r'add_subfield\(\(new field_\w+\("([^"]+)"')
_LIST: Final = re.compile(r"(?:for \(const auto & \w+ : |unsupported_params )\{([^{}]+)\}")
_CONSTANT: Final = re.compile(r'constexpr char \w+\[\] = "(\w+)"')
_WORD: Final = re.compile(r'"([A-Za-z_@][\w.@]*)"')


class Read(NamedTuple):
    """A name that is read. `whole`: from a body itself, not from something in it."""

    name: str
    whole: bool


def fields_read(source: Path) -> set[Read]:
    """All fields that the files of this source read."""
    return {read for file in FILES for read in reads((source / file).read_text())}


def reads(text: str) -> Iterator[Read]:
    """The same for the text of one file."""
    code = _COMMENT.sub("", text)
    for pattern in _READS:
        for variable, name in pattern.findall(code):
            yield Read(name, variable in BODIES)
    nested = set(_SUBFIELD.findall(code))
    yield from (Read(name, whole=False) for name in nested)
    for name, alias in _SCHEMA.findall(code):
        if name not in nested:
            yield Read(name or alias, whole=True)
    for names in _LIST.findall(code):
        yield from (Read(name, whole=True) for name in _WORD.findall(names))
    yield from (Read(name, whole=False) for name in _CONSTANT.findall(code))
