"""What is in a body that is a form? Fields, handled as JSON like those of any body, and a file.

    multipart/form-data ─ scan/form.py ─> data: {"model": "…", "stream": true}   file: the bytes

The file is not copied: once the form is read, everything around it is cut off.
"""

import orjson

from llmstack.engines.llamacpp.forms import as_json
from llmstack.engines.llamacpp.media import WATCHED
from llmstack.gateway.http.body import Body
from llmstack.gateway.http.head import Malformed
from llmstack.scan.form import FormScanner, NotForm
from llmstack.scan.sight import outline_of


class FormBody(Body):
    """A form while it arrives.

    `data` is what has come, and after the form is read its fields as JSON. `file` is then its file,
    or None if it has none.
    """

    __slots__ = ("_form", "_seen", "file_data")

    def __init__(self, boundary: bytes) -> None:
        super().__init__()
        self._form = FormScanner(boundary)
        self._seen = -1
        self.file_data: bytearray | None = None

    @property
    def file(self) -> bytearray | None:
        return self.file_data

    @property
    def held(self) -> int:
        return len(self.data) + len(self.file_data or b"")

    @property
    def behind(self) -> bool:
        return self.outline is None and (self.whole or len(self.data) > self._seen)

    def is_read(self) -> bool:
        return self.outline is not None

    def look(self) -> bool:
        """Scans what has come. Returns True if there is more to scan. Raises Malformed."""
        if self.outline is not None:
            return False
        try:
            if self._form.look(self.data):
                return True
            self._seen = len(self.data)
            if self.whole:
                self._finish()
        except NotForm as fault:
            raise Malformed(400, fault.message, "invalid_request") from fault
        return False

    def _finish(self) -> None:
        form, data = self._form.form(), self.data
        if form.file is not None:
            start, end = form.file
            file = data if isinstance(data, bytearray) else bytearray(data)
            del file[end:]
            del file[:start]
            self.file_data = file
        fields = as_json(form.fields)
        self.data = orjson.dumps(fields)
        self.outline = outline_of(self.data, WATCHED)
