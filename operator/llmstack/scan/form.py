"""What is in a form (multipart/form-data, RFC 7578)? Its fields as text, and where its one file is.

    --BOUNDARY CRLF headers CRLF CRLF content CRLF --BOUNDARY … --BOUNDARY--

Read more strictly than most servers do: what two programs could read differently is refused, so
nobody has to trust that the next reader agrees. The content of a part is searched, not copied.
"""

import re
from typing import NamedTuple

from llmstack.errors import LLMStackError


class NotForm(LLMStackError):
    """The body is no form, or more of one than is read."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Form(NamedTuple):
    """A whole form. `fields` are (name, text) in their order.

    The content of the file is `data[start:end]` by `file`, which is None if the form has none.
    """

    fields: tuple[tuple[str, str], ...]
    file: tuple[int, int] | None


FILE = "file"
"""The field that holds the file; no other part may be one."""
MOST_PARTS = 64
MOST_HEAD = 2048
"""Bytes of the headers of one part."""
MOST_TEXT = 64 * 1024
"""Bytes of one field."""
PIECE = 1024 * 1024
"""Bytes that are searched at once: well below a millisecond."""

_BOUNDARY = re.compile(r'multipart/form-data *; *boundary=(?:"([^"\\]{1,70})"|([^\s;,"]{1,70})) *')
_BCHARS = re.compile(
    r"[0-9A-Za-z'()+_,./:=?-](?:[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-])?"
)
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*)")
_QUOTED = rb'"([^"\\\r\n]*)"'
_DISPOSITION = re.compile(
    rb"form-data; *name=%b(?:; *(filename)=%b)?(?:; *filename\*=[^;\"\\]*)?[ \t]*"
    % (_QUOTED, _QUOTED)
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}(?:\[\])?")
_ENCODINGS = (b"7bit", b"8bit", b"binary")
_END = b"\r\n\r\n"


def boundary_of(content_type: str) -> bytes | None:
    """The boundary that a form's content type names; None: it is none, or names no boundary."""
    kind, separator, rest = content_type.partition(";")
    found = _BOUNDARY.fullmatch(f"{kind.strip().lower()}{separator}{_lower_name(rest)}")
    text = (found[1] or found[2]) if found is not None else ""
    return text.encode("ascii") if _BCHARS.fullmatch(text) else None


def _lower_name(parameter: str) -> str:
    name, separator, value = parameter.partition("=")
    return f"{name.strip().lower()}{separator}{value.strip()}"


class FormScanner:
    """Reads a form that grows in one buffer. `done`: its last boundary was seen."""

    def __init__(self, boundary: bytes) -> None:
        self.done = False
        self._delimiter = b"\r\n--" + boundary
        self._place = 0  # where the current part's headers or content begin
        self._searched = 0  # no delimiter begins before
        self._part: str | None = None  # whose content is read
        self._begun = False
        self._fields: list[tuple[str, str]] = []
        self._names: set[str] = set()
        self._file: tuple[int, int] | None = None

    def look(self, data: bytes | bytearray) -> bool:
        """Reads on in all that has come. True if it got further. Raises NotForm."""
        if self.done:
            return self._only_ends(data)
        if not self._begun:
            return self._begin(data)
        return self._headers(data) if self._part is None else self._content(data)

    def form(self) -> Form:
        """The whole form, once all of the body has been looked at. Raises NotForm."""
        if not self.done:
            raise NotForm("The form ends before its last boundary.")
        return Form(tuple(self._fields), self._file)

    def _begin(self, data: bytes | bytearray) -> bool:
        first = self._delimiter[2:]
        if len(data) < len(first) + 2:
            return False
        if not data.startswith(first):
            raise NotForm("The form does not begin with the boundary that its Content-Type names.")
        self._begun = True
        return self._after_delimiter(data, len(first))

    def _after_delimiter(self, data: bytes | bytearray, place: int) -> bool:
        """What follows a boundary: the end, or another part."""
        follows = bytes(data[place : place + 2])
        if follows == b"--":
            self.done, self._place = True, place + 2
        elif follows == b"\r\n":
            self._place = self._searched = place + 2
            self._part = None
        else:
            raise NotForm("A boundary of the form is followed by neither a part nor '--'.")
        return True

    def _only_ends(self, data: bytes | bytearray) -> bool:
        if bytes(data[self._place : self._place + 3]) not in (b"", b"\r", b"\r\n"):
            raise NotForm("Something follows the last boundary of the form.")
        return False

    def _headers(self, data: bytes | bytearray) -> bool:
        end = data.find(_END, self._place, self._place + MOST_HEAD)
        if end < 0:
            if len(data) - self._place >= MOST_HEAD:
                raise NotForm(f"The headers of a part exceed {MOST_HEAD} bytes.")
            return False
        name, has_filename = _read_headers(bytes(data[self._place : end]))
        if has_filename and name != FILE:
            raise NotForm(f"The form has a file in its field '{name[:64]}': it may be in '{FILE}'.")
        if name in self._names and not name.endswith("[]"):
            raise NotForm(f"The form has the field '{name}' twice.")
        if len(self._fields) >= MOST_PARTS:
            raise NotForm(f"A form may have at most {MOST_PARTS} fields.")
        self._names.add(name)
        self._part = name
        self._place = self._searched = end + len(_END)
        return True

    def _content(self, data: bytes | bytearray) -> bool:
        name = self._part
        assert name is not None
        size = len(self._delimiter) + 2
        upto = min(len(data), self._searched + PIECE + size)
        end = data.find(self._delimiter, self._searched, upto)
        if end < 0 or end + size > len(data):
            if end < 0:
                self._searched = max(self._searched, upto - size)
            if name != FILE and len(data) - self._place > MOST_TEXT + size:
                raise NotForm(f"The field '{name}' exceeds {MOST_TEXT} bytes.")
            return upto < len(data)
        if name == FILE:
            self._file = (self._place, end)
        else:
            self._fields.append((name, _text(name, bytes(data[self._place : end]))))
        return self._after_delimiter(data, end + len(self._delimiter))


def _read_headers(head: bytes) -> tuple[str, bool]:
    """The name of a part, and whether it has a file's name. Raises NotForm."""
    by_name: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n"):
        found = _LINE.fullmatch(line)
        if found is None or found[1].lower() in by_name:
            raise NotForm("A part of the form has a header that is malformed or is there twice.")
        by_name[found[1].lower()] = found[2].rstrip(b" \t")
    if by_name.get(b"content-transfer-encoding", b"binary").lower() not in _ENCODINGS:
        raise NotForm("Parts of a form are read as they are: send no Content-Transfer-Encoding.")
    found = _DISPOSITION.fullmatch(by_name.get(b"content-disposition", b""))
    name = found[1].decode("latin-1") if found is not None else ""
    if found is None or not _NAME.fullmatch(name):
        raise NotForm(
            "A part of the form needs 'Content-Disposition: form-data; name=\"NAME\"', and NAME "
            "may have letters, digits, '_', '.' and '-'."
        )
    return name, found[2] is not None


def _text(name: str, content: bytes) -> str:
    if len(content) > MOST_TEXT:
        raise NotForm(f"The field '{name}' exceeds {MOST_TEXT} bytes.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotForm(f"The field '{name}' is not UTF-8 at its byte {error.start}.") from error
