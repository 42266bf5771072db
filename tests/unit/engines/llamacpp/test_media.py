"""Where may a replica fetch an image, a sound or a video from?"""

import json
from typing import Any

import pytest

from llmstack.engines.llamacpp import media
from llmstack.engines.llamacpp.media import WATCHED, check_media
from llmstack.engines.llamacpp.unfit import Unfit
from tests.support.outlines import outline_of

PNG = "data:image/png;base64,iVBORw0KGgo="


def check(content: Any, *hosts: str) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": content}]}).encode()
    check_media(body, outline_of(body, WATCHED), frozenset(hosts))


def image(url: Any) -> list[Any]:
    return [{"type": "image_url", "image_url": {"url": url}}]


LINK = "http://169.254.169.254/latest"


@pytest.mark.parametrize(
    "content",
    [
        image(LINK),
        image("https://example.com/a.png"),
        image("httpx"),
        image("http"),
        image("HTTP://example.com"),
        image("file:///etc/passwd"),
        image("ftp://example.com/a"),
        image("//example.com/a"),
        [{"type": "input_image", "image_url": LINK}],
        [{"type": "input_audio", "input_audio": {"data": LINK}}],
        [{"type": "input_audio", "input_audio": {"url": LINK}}],
        [{"type": "input_video", "input_video": {"data": LINK}}],
        [{"type": "video_url", "video_url": {"url": LINK}}],
        [{"type": "image", "source": {"type": "url", "url": LINK}}],
        [{"type": "tool_result", "content": [{"type": "image", "source": {"url": LINK}}]}],
        [{"type": "image_url", "image_url": {"detail": "low", "url": LINK}}],
        image(PNG) + image(LINK),
        [{"input": {}}, *image(LINK)],
    ],
)
def test_a_link_is_refused_unless_its_host_is_listed(content):
    with pytest.raises(Unfit, match="send the content as a data: URL") as caught:
        check(content)

    assert caught.value.param in WATCHED


@pytest.mark.parametrize(
    "content",
    [
        "see http://example.com",
        [{"type": "text", "text": "http://example.com"}],
        image(PNG),
        image("iVBORw0KGgo="),
        image(""),
        [{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}],
        [{"type": "image", "source": {"type": "base64", "data": "aGk="}}],
        # What tools were called with, and what they gave back, is text to a server.
        [{"type": "tool_use", "input": {"image_url": {"url": LINK}, "url": LINK}}],
        [{"type": "web_search_result", "url": LINK}],
        [{"type": "search_result", "source": LINK}],
        [{"type": "output_text", "annotations": [{"type": "url_citation", "url": LINK}]}],
    ],
)
def test_what_is_not_fetched_is_let_through(content):
    check(content)


@pytest.mark.parametrize("name", [r"\u0075rl", r"ur\u006c"])
def test_a_name_that_is_spelt_with_escapes_hides_nothing(name):
    body = b'{"messages": [{"image_url": {"%b": "http://a"}}]}' % name.encode()

    with pytest.raises(Unfit, match="without"):
        check_media(body, outline_of(body, WATCHED), frozenset())


@pytest.mark.parametrize(
    "link",
    [
        r"\u0068\u0074\u0074\u0070://169.254.169.254/latest",
        r"h\u0074tp://169.254.169.254/latest",
        r"\u0068\u0074\u0074\u0070s:\/\/example.com",
    ],
)
@pytest.mark.parametrize("place", [b'{"image_url": "%b"}', b'{"image_url": {"url": "%b"}}'])
def test_a_link_that_is_spelt_with_escapes_is_refused(place, link):
    body = b'{"input": [{"content": [%b]}]}' % (place % link.encode())

    with pytest.raises(Unfit) as caught:
        check_media(body, outline_of(body, WATCHED), frozenset())

    assert caught.value.param == "image_url"


@pytest.mark.parametrize(
    "data", [r"\/9j\/4AAQSkZJRgABAQ==", r"\/9j\/4A\/QSkZJRgA\/AQ==", r"\/9j\/4AAAAAAAA\/==", r"\/"]
)
def test_base64_with_escaped_slashes_is_let_through(data):
    body = b'{"messages": [{"image_url": "%b"}]}' % data.encode()

    check_media(body, outline_of(body, WATCHED), frozenset())


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://images.example/a.png?x=1&y=2", True),
        ("http://images.example", True),
        ("https://images.example:8443/a.png", False),
        ("https://other.example:8443/a.png", True),
        ("https://other.example/a.png", False),
        ("https://evil.example/images.example", False),
        ("https://images.example@evil.example/", False),
        ("https://evil.example#@images.example/", False),
        ("https://images.example\\@evil.example/", False),
        ("https://images.example/a@evil.example", False),
        ("https://images.example.evil.example/", False),
        ("https://images.example /", False),
        ("https://images.example/a\nb", False),
        ("https://IMAGES.example/", False),
        ("https://images.example/" + "a" * 5000, False),
    ],
)
def test_a_listed_host_is_the_whole_host(url, fits):
    if fits:
        check(image(url), "images.example", "other.example:8443")
    else:
        with pytest.raises(Unfit):
            check(image(url), "images.example", "other.example:8443")


def test_what_tools_were_called_with_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    real = media.outline_of
    monkeypatch.setattr(
        media, "outline_of", lambda body, names: looks.append(1) or real(body, names)
    )
    call = {"type": "tool_use", "input": [{"source": {"url": LINK}} for _ in range(200)]}
    check([call, {"type": "text", "text": "so"}])
    assert looks == [1]
    with pytest.raises(Unfit):
        check([call, {"type": "image", "source": {"url": LINK}}])
