"""What of a form is held, and what is read of it?"""

from __future__ import annotations

import orjson
import pytest

from llmstack.gateway.http.form_body import FormBody
from llmstack.gateway.http.head import Malformed

SOUND = bytes(range(256)) * 1000
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n%b\r\n'
    b'--b\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n--b--\r\n' % SOUND
)


def received(sent: bytes, piece: int) -> FormBody:
    body = FormBody(b"b")
    for start in range(0, len(sent), piece):
        body.add(sent[start : start + piece])
        while body.behind and body.look():
            pass
    body.whole = True
    while body.look():
        pass
    return body


@pytest.mark.parametrize("piece", [100, 4096, 1 << 20])
def test_its_fields_are_judged_as_json_and_its_file_stays_as_it_came(piece: int) -> None:
    body = received(FORM, piece)

    assert body.outline is not None
    assert orjson.loads(bytes(body.data)) == {"model": "whisper", "stream": True}
    assert set(body.outline.members) == {"model", "stream"}
    assert body.file == SOUND
    assert body.held == len(SOUND) + len(body.data)


def test_while_it_comes_all_of_it_is_held() -> None:
    body = FormBody(b"b")
    body.add(FORM[:1000])
    while body.behind and body.look():
        pass

    assert (body.held, body.size, body.is_read()) == (1000, 1000, False)
    assert not body.behind


def test_what_is_no_form_is_refused_before_all_of_it_has_come() -> None:
    body = FormBody(b"b")
    body.add(b"{" * 100)

    with pytest.raises(Malformed, match="does not begin") as caught:
        body.look()
    assert caught.value.status == 400
