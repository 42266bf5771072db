"""What holds a token, so that no log, status or traceback shows it?

Secret     prints as a placeholder; only `reveal()` gives the text
Hidden     the last line: takes known secrets out of whatever is about to be written
"""

import base64
import hmac
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

from llmstack.errors import InvalidInput

PLACEHOLDER = "***"
_TOKEN = re.compile(r"[\x21-\x7e]+")
_USER_INFO = re.compile(r"(?<=//)(?:[^/?#]*@|[^/?#@]*:(?!\d{0,5}(?:[/?#]|$)).*@)")
"""Up to the last @ of the host; behind what cannot be a port, a slash may be one of a password."""
_SHORTEST = 4
"""Characters of what is taken out of a text: of a shorter one a part of any word would go."""


class Secret:
    """A text that is not printed: str, repr, format give a placeholder. An empty one is false."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text, for the one who needs it. Not for a message."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({PLACEHOLDER})" if self._text else "Secret()"

    def __str__(self) -> str:
        return PLACEHOLDER if self._text else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not serialised")


def read_token(raw: bytes, what: str) -> Secret:
    """The token in a file. White space around it, as editors leave it, is no part of it.

    Raises InvalidInput, which says `what` is wrong and quotes nothing of it: such a token would end
    in the words of whichever library refuses to send it.
    """
    text = raw.decode("utf-8", "replace").strip(" \t\r\n")
    if not text:
        return Secret()
    if not _TOKEN.fullmatch(text):
        raise InvalidInput(
            f"{what} is not a valid token: it contains line breaks, spaces, control characters or "
            "characters outside ASCII. Store only the token in it"
        )
    return Secret(text)


def without_credentials(url: str) -> str:
    """The address without `user:password@`; any text may be given."""
    return _USER_INFO.sub(f"{PLACEHOLDER}@", url)


def credentials(url: str) -> tuple[Secret, ...]:
    """What an address like http://user:password@host holds, in each form that it may take."""
    found = _USER_INFO.search(url if "//" in url else f"//{url}")
    if found is None:
        return ()
    user, _, password = found[0][:-1].partition(":")
    plain = f"{unquote(user)}:{unquote(password)}"
    basic = base64.b64encode(plain.encode()).decode()
    return tuple(
        Secret(text) for text in (found[0][:-1], plain, basic, password, unquote(password))
    )


def host_of(url: str) -> str:
    """Host and port of an address, without credentials."""
    return urlsplit(url).netloc.rpartition("@")[2]


class Hidden:
    """Secrets that nothing shows which passes through `hide`."""

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def add(self, secrets: Iterable[Secret]) -> None:
        """From now on these are taken out, too."""
        for secret in secrets:
            text = secret.reveal()
            for piece in (text, *text.split()):
                forms = (piece, json.dumps(piece)[1:-1], repr(piece)[1:-1], quote(piece, safe=""))
                self._forms.update(form for form in forms if len(form) >= _SHORTEST)

    def hide(self, text: str) -> str:
        """The text without them."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, PLACEHOLDER)
        return text
