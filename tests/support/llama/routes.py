"""Which routes does llama-server's source register?

    ctx_http.post("/v1/completions",   ex_wrapper(routes.post_completions_oai));

A text search of server.cpp. A route that exists in one mode only is among them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_COMMENT: Final = re.compile(r"^\s*//.*$", re.MULTILINE)
_ROUTE: Final = re.compile(r'ctx_http\s*\.\s*(get|post|del|put|patch)\s*\(\s*"([^"]+)"')
_METHODS: Final = {"get": "GET", "post": "POST", "del": "DELETE", "put": "PUT", "patch": "PATCH"}


def routes(source: Path) -> set[tuple[str, str]]:
    """All routes of this source, as method and path."""
    return routes_in((source / "tools/server/server.cpp").read_text())


def routes_in(text: str) -> set[tuple[str, str]]:
    """The same for the text of server.cpp."""
    return {(_METHODS[how], path) for how, path in _ROUTE.findall(_COMMENT.sub("", text))}
