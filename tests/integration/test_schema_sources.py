"""Do the API server and the code that downloads agree on what a source is?"""

from __future__ import annotations

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmstack.errors import InvalidSource
from llmstack.models.source import parse_source
from tests.integration.gate import Gate, manifest

ACCEPTED = [
    "hf://Qwen/Qwen2.5-7B-Instruct-GGUF/qwen2.5-7b-instruct-q4_k_m.gguf",
    "hf://owner/repo/folder/deep/m.gguf",
    "hf://owner/repo/m.gguf@main",
    "hf://owner/repo/m.gguf@refs/pr/7",
    "hf://owner/repo/m.gguf@9217f5db79a29953eb74d5343926648285ec7e67",
    "hf://owner/repo/m-00001-of-00003.gguf",
    "hf://owner/repo/m-00001-of-00003.gguf@v1",
    "hf://owner/repo/.hidden/..m.gguf",
    "https://host/m.gguf",
    "https://host:8443/a/b/m.gguf",
    "http://10.0.0.1:8080/m.gguf",
    "https://[2001:db8::1]/m.gguf",
    "https://[2001:db8::1]:443/m.gguf",
    "https://host/a@b/m@v1.gguf",
    "https://host/m.gguf?X-Amz-Date=2026&user=a@b&path=a/b",
    "https://host/download?file=m.gguf",
    "https://host/my%20model.gguf",
    "https://host/~user/m+x(1),v=2;p.gguf",
    "https://user.example/m.gguf",
    "pvc://models/m.gguf",
    "pvc://my.claim-1/folder/m.gguf",
    "pvc://models/a@b/m#1?.gguf",
    "pvc://models/größe/m.gguf",
    "hf://owner/repo/My%20Model.gguf",
    "hf://owner/repo/a%40b/100%25.gguf@v1%2B",
    "hf://owner/repo/gr%C3%B6%C3%9Fe%E2%82%AC%F0%9F%98%80.gguf",
    "hf://owner/repo/..%20.gguf",
    "pvc://models/My%20Model/a%5Cb.gguf",
]

REFUSED = [
    "",
    "m.gguf",
    "/models/m.gguf",
    "HF://owner/repo/m.gguf",
    "s3://bucket/m.gguf",
    "file:///m.gguf",
    "hf:/owner/repo/m.gguf",
    "hf://owner/repo",
    "hf://owner/repo/",
    "hf://owner/repo/folder/",
    "hf://owner//m.gguf",
    "hf://owner/repo/../m.gguf",
    "hf://owner/repo/./m.gguf",
    "hf://-owner/repo/m.gguf",
    "hf://owner/repo/m.gguf@",
    "hf://owner/repo/m.gguf@-x",
    "hf://owner/repo/m.gguf@a/../b",
    "hf://owner/repo/m.gguf@a@b",
    "hf://owner/repo/my model.gguf",
    "hf://owner/repo/m.gguf\n",
    "hf://owner/repo\\m.gguf",
    "hf://owner/repo/m-00002-of-00003.gguf",
    "hf://owner/repo/m-00002-of-00003.gguf@v1",
    "hf://owner/repo/a@b.gguf",
    "hf://owner/repo/100%.gguf",
    "hf://owner/repo/%2e%2e/m.gguf",
    "hf://owner/repo/.%2E/m.gguf",
    "hf://owner/repo/a%2Fm.gguf",
    "hf://owner/repo/m%00.gguf",
    "hf://owner/repo/m%0a.gguf",
    "hf://owner/repo/m%7F.gguf",
    "hf://owner/repo/%6D.gguf",
    "hf://owner/repo/m%C3.gguf",
    "hf://owner/repo/m%C0%AF.gguf",
    "hf://owner/repo/m%ED%A0%80.gguf",
    "hf://owner/repo/m%F5%80%80%80.gguf",
    "hf://owner/repo/m.gguf@v1%",
    "hf://owner/repo/m-00002-of-0000%33.gguf",
    "pvc://models/100%.gguf",
    "pvc://models/a%2Fm.gguf",
    "https://",
    "https:///m.gguf",
    "https://host",
    "https://host/",
    "https://host?file=m.gguf",
    "https://host:port/m.gguf",
    "https://host:99999/m.gguf",
    "https://host/m.gguf#part",
    "https://user@host/m.gguf",
    "https://user:password@host/m.gguf",
    "https://token:@host:443/m.gguf",
    "https://host/m-00003-of-00003.gguf?x=1",
    "pvc://claim",
    "pvc://claim/",
    "pvc://Claim/m.gguf",
    "pvc://claim/../m.gguf",
    "pvc://claim//m.gguf",
    "pvc:///m.gguf",
]


def parses(source: str) -> bool:
    try:
        parse_source(source)
    except InvalidSource:
        return False
    return True


@pytest.mark.parametrize("source", ACCEPTED)
def test_both_accept(gate: Gate, source: str) -> None:
    parse_source(source)
    gate.accepted(manifest({"model": {"source": source}}))


@pytest.mark.parametrize("source", REFUSED, ids=[repr(source) for source in REFUSED])
def test_both_refuse(gate: Gate, source: str) -> None:
    assert not parses(source)
    assert "spec.model.source" in gate.refused(manifest({"model": {"source": source}}))


PARTS = ["hf://", "https://", "http://", "pvc://", "/", ".", "..", "@", ":", "?", "#", "[", "]"]
WORDS = [
    "a",
    "m.gguf",
    "-00001-of-00002.gguf",
    "-00002-of-00002.gguf",
    "80",
    "Z",
    "é",
    " ",
    "%20",
    "%2E",
    "%2F",
    "%C3",
    "%A9",
    "%40",
    "%",
    "~",
]


@given(
    st.sampled_from(PARTS[:4]),
    st.lists(st.sampled_from(PARTS[4:] + WORDS), max_size=9).map("".join),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_the_api_server_accepts_can_be_downloaded(gate: Gate, scheme: str, rest: str) -> None:
    source = scheme + rest
    if gate.judge(manifest({"model": {"source": source}})).status_code == httpx.codes.CREATED:
        parse_source(source)
