"""Does NO_PROXY mean here what it means to kubectl?"""

import pytest

from llmstack.proxies import ProxySettings, proxy_for, read_proxies

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


def test_variables_in_lower_case_win():
    read = read_proxies({"HTTPS_PROXY": "a", "https_proxy": " b ", "NO_PROXY": "c"})
    assert (read.http, read.https, read.bypass) == ("", "b", "c")
