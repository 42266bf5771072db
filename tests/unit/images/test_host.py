"""What does a build learn about the host's network?"""

from __future__ import annotations

import pytest

from tests.e2e.images.host import pip_lines

CONFIGURED = """\
:env:.disable-pip-version-check='1'
:env:.find-links='/opt/wheels'
:env:.index-url='https://mirror.example/simple'
global.cert='/etc/ssl/certs/ca-certificates.crt'
global.trusted-host='mirror.example'
install.user='true'
"""


@pytest.mark.parametrize(
    ("sentence", "listed", "expected"),
    [
        ("a host without settings adds none", "", []),
        (
            "index and trust are handed on; paths of the host and its other habits are not",
            CONFIGURED,
            ["index-url = https://mirror.example/simple\n", "trusted-host = mirror.example\n"],
        ),
        (
            "a value may hold the sign that ends the name",
            "global.index-url='https://m.example/simple?a=b'\n",
            ["index-url = https://m.example/simple?a=b\n"],
        ),
    ],
)
def test_pip_settings(sentence: str, listed: str, expected: list[str]) -> None:
    assert pip_lines(listed) == expected, sentence
