"""Whom does fetch trust, and through whom does it go? Certificates and proxies, for real."""

import base64
import datetime
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from llmstack.api import reasons
from tests.support.gguf_writer import gguf_bytes
from tests.support.hub import Hub
from tests.support.proxy import RefusingProxy

MODEL = gguf_bytes(weights=100_000)
SOURCE = "hf://owner/repo/q4.gguf"
REPOS = {"owner/repo": {"q4.gguf": MODEL}}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate of both hosts: the file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    now = datetime.datetime.now(datetime.UTC)
    addresses = [x509.IPAddress(ipaddress.ip_address(host)) for host in ("127.0.0.1", "127.0.0.2")]
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "hub.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure_hub(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Hub(REPOS, tls=context) as hub:
        yield hub


def test_a_ca_bundle_is_honoured(fetcher, secure_hub, certificate):
    outcome = fetcher(SOURCE, HF_ENDPOINT=secure_hub.endpoint, SSL_CERT_FILE=str(certificate))
    assert outcome.status == 0, outcome.log
    assert fetcher.model(SOURCE).read_bytes() == MODEL


def test_an_unknown_certificate_is_refused_at_once(fetcher, secure_hub):
    outcome = fetcher(SOURCE, HF_ENDPOINT=secure_hub.endpoint)
    assert outcome.failure.reason == reasons.SOURCE_UNREACHABLE
    assert "is not trusted" in outcome.failure.message
    assert "SSL_CERT_FILE" in outcome.failure.message
    assert outcome.notes == []


def test_a_bundle_that_is_missing(fetcher, secure_hub):
    outcome = fetcher(SOURCE, HF_ENDPOINT=secure_hub.endpoint, SSL_CERT_FILE="none.pem")
    assert outcome.status == 1
    assert "SSL_CERT_FILE none.pem" in outcome.failure.message


def test_a_proxy_reaches_what_the_pod_cannot(fetcher):
    """The hub stands in for a proxy: it is asked for addresses of other hosts."""
    with Hub(REPOS) as hub:
        source = "http://models.invalid/plain/owner/repo/q4.gguf"
        proxy = hub.endpoint.replace("http://", "http://user:w%40rd@")
        assert fetcher(source, HTTP_PROXY=proxy).status == 0
        assert fetcher.model(source).read_bytes() == MODEL
        assert all(seen.path.startswith("http://models.invalid/") for seen in hub.seen)
        sent = [{name.lower(): value for name, value in seen.headers.items()} for seen in hub.seen]
        expected = "Basic " + base64.b64encode(b"user:w@rd").decode()
        assert all(headers["proxy-authorization"] == expected for headers in sent)


def test_no_proxy_is_honoured(fetcher):
    with Hub(REPOS) as hub:
        environ = {"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1,127.0.0.2"}
        assert fetcher(SOURCE, HF_ENDPOINT=hub.endpoint, **environ).status == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses_is_named(fetcher, scheme, status):
    with RefusingProxy(status) as proxy:
        address = f"http://me:hunter2@{proxy.place}"
        source = f"{scheme}://models.invalid/q4.gguf"
        outcome = fetcher(source, HTTP_PROXY=address, HTTPS_PROXY=address)
    assert outcome.failure.reason == reasons.SOURCE_UNREACHABLE
    message = outcome.failure.message
    assert f"the proxy {proxy.place} answers {status} for models.invalid" in message
    assert f"{scheme.upper()}_PROXY=http://USER:PASSWORD@{proxy.place}" in message
    assert "hunter2" not in outcome.log + outcome.termination
    assert len(proxy.seen) == 1, "no further try helps"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_busy_is_asked_again(fetcher, scheme):
    with RefusingProxy(503) as proxy:
        address = f"http://{proxy.place}"
        source = f"{scheme}://models.invalid/q4.gguf"
        outcome = fetcher(source, HTTP_PROXY=address, HTTPS_PROXY=address)
    assert outcome.failure.reason == reasons.SOURCE_UNREACHABLE
    assert "503" in outcome.failure.message
    assert len(proxy.seen) == 4


@pytest.mark.parametrize("bypass", ["127.0.0.0/8", "10.0.0.0/8, 127.0.0.0/30", "*"])
def test_no_proxy_takes_networks(fetcher, bypass):
    with Hub(REPOS) as hub:
        environ = {"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": bypass}
        assert fetcher(SOURCE, HF_ENDPOINT=hub.endpoint, **environ).status == 0


def test_a_private_file_behind_a_proxy_still_asks_for_a_token(fetcher):
    """The hub stands in for a proxy again; what it answers is the hub's own."""
    with Hub(REPOS, token="secret") as hub:
        outcome = fetcher("http://models.invalid/plain/owner/repo/q4.gguf", HTTP_PROXY=hub.endpoint)
    assert outcome.failure.reason == reasons.SOURCE_UNAUTHORIZED
    assert "key `token`" in outcome.failure.message
