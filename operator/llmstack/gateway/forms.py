"""How does a form go on to a replica? Written anew, with its judged fields and its file.

    fields as JSON, judged ─> opening ─ the file, as it came ─ closing

So a replica reads what the gateway has read, whatever a client's form looked like. The boundary is
drawn when the process begins and told to replicas alone: nobody can write it into a field or file.
"""

import os

import orjson

from llmstack.engines.llamacpp import forms
from llmstack.gateway.refusals import Refused, bad_request

_BOUNDARY = os.urandom(16).hex().encode("ascii")
CONTENT_TYPE = b"content-type: multipart/form-data; boundary=%b\r\n" % _BOUNDARY


def with_file(fields: bytes | bytearray, file: bytearray | None) -> tuple[bytes, bytes | bytearray]:
    """What comes before the file's content, and the content with what follows it.

    The content is not copied: what follows is added to it. Raises Refused: there is no file.
    """
    if not file:
        raise Refused(bad_request("The form needs a file in its field 'file'.", "file"))
    file += forms.closing(_BOUNDARY)
    return forms.opening(orjson.loads(bytes(fields)), _BOUNDARY), file
