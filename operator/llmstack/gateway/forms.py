"""How does a form go to a replica? Written anew, with its judged fields and its file.

    fields as JSON, judged ─> opening ─ the file, as it came ─ closing

So a replica reads exactly what the gateway has read, whatever the client's form looked like. The
boundary is random per process and known to replicas only: no client can put it into a field or
file.
"""

import os

import orjson

from llmstack.engines.llamacpp import forms
from llmstack.gateway.refusals import Refused, bad_request

_BOUNDARY = os.urandom(16).hex().encode("ascii")
CONTENT_TYPE = b"content-type: multipart/form-data; boundary=%b\r\n" % _BOUNDARY


def with_file(fields: bytes | bytearray, file: bytearray | None) -> tuple[bytes, bytes | bytearray]:
    """Returns what precedes the file's content, and the content with what follows it.

    The content is not copied but extended. Raises Refused if there is no file.
    """
    if not file:
        raise Refused(bad_request("The form needs a file in its field 'file'.", "file"))
    file += forms.closing(_BOUNDARY)
    return forms.opening(orjson.loads(bytes(fields)), _BOUNDARY), file
