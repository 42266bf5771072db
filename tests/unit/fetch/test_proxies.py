"""Is a proxy's refusal told as one?"""

from llmstack.fetch.proxies import proxy_refusal


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
