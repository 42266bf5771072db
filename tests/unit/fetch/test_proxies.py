"""Does NO_PROXY mean here what it means to kubectl, and is a proxy's refusal told as one?"""

import pytest

from llmstack.fetch.proxies import proxy_for, proxy_refusal
from llmstack.settings import ProxySettings

DIRECT = [
    ("10.0.0.0/8,*.corp.example", "http://10.1.2.3/m.gguf"),
    ("10.0.0.0/8,*.corp.example", "https://models.corp.example/m.gguf"),
    ("10.0.0.0/8, *.corp.example", "https://a.b.CORP.example:8443/m.gguf"),
    (".corp.example", "https://models.corp.example/m.gguf"),
    ("corp.example", "https://corp.example/m.gguf"),
    ("corp.example", "https://models.corp.example/m.gguf"),
    ("CORP.example", "https://models.corp.example./m.gguf"),
    ("corp.example:8443", "https://corp.example:8443/m.gguf"),
    ("corp.example:443", "https://corp.example/m.gguf"),
    ("corp.example:80", "http://corp.example/m.gguf"),
    ("10.1.2.3", "http://10.1.2.3:9000/m.gguf"),
    ("10.1.2.3:9000", "http://10.1.2.3:9000/m.gguf"),
    ("10.1.2.3/8", "http://10.9.9.9/m.gguf"),
    ("fd00::/8", "http://[fd12::1]:9000/m.gguf"),
    ("fd12::1", "http://[fd12:0::1]/m.gguf"),
    ("[fd12::1]", "http://[fd12::1]/m.gguf"),
    ("[fd12::1]:9000", "http://[fd12::1]:9000/m.gguf"),
    ("*", "https://anything/m.gguf"),
    ("a b,c", "https://b/m.gguf"),
]
PROXIED = [
    ("", "http://10.1.2.3/m.gguf"),
    ("10.0.0.0/8", "http://11.1.2.3/m.gguf"),
    ("10.0.0.0/8", "https://ten.example/m.gguf"),
    ("*.corp.example", "https://corp.example/m.gguf"),
    ("*.corp.example", "https://notcorp.example/m.gguf"),
    (".corp.example", "https://corp.example/m.gguf"),
    ("corp.example", "https://notcorp.example/m.gguf"),
    ("corp.example:8443", "https://corp.example/m.gguf"),
    ("10.1.2.3:9000", "http://10.1.2.3/m.gguf"),
    ("10.1.2.3", "http://10.1.2.30/m.gguf"),
    ("[fd12::1]:9000", "http://[fd12::1]/m.gguf"),
    ("10.0.0.0/99,not/cidr,.,*.,:,[", "http://10.1.2.3/m.gguf"),
    ("*corp.example", "https://xcorp.example/m.gguf"),
]


def proxy(bypass, url):
    return proxy_for(url, ProxySettings("plain:3128", "http://secure:3128", bypass))


@pytest.mark.parametrize(("bypass", "url"), DIRECT)
def test_direct(bypass, url):
    assert proxy(bypass, url) == ""


@pytest.mark.parametrize(("bypass", "url"), PROXIED)
def test_through_the_proxy(bypass, url):
    assert proxy(bypass, url) == f"http://{'secure' if url.startswith('https') else 'plain'}:3128"


def test_a_refusal_says_who_and_how_but_no_password():
    error = proxy_refusal("http://me:pa%20ss@proxy:3128", "https://hub.example/x?sig=1", 407)
    words = str(error)
    assert words.startswith("the proxy proxy:3128 answers 407 for hub.example: it wants other cred")
    assert "HTTPS_PROXY=http://USER:PASSWORD@proxy:3128" in words
    assert "pa%20ss" not in words
    assert "sig" not in words
    assert "secretRef" not in words


def test_a_refusal_that_may_be_the_hosts():
    words = str(proxy_refusal("http://proxy:3128", "http://hub.example/x", 403, may_be_host=True))
    assert "it refuses that host, or wants credentials" in words
    assert "HTTP_PROXY=http://USER" in words
    assert "hub.example's own, put a token into a Secret" in words
