"""Which model is meant?"""

from dataclasses import replace

import orjson
import pytest

from llmstack.api.engine import Mode
from llmstack.gateway.catalog import Catalog, Model, catalog_of
from llmstack.gateway.names import check_mode, resolve
from llmstack.gateway.paths import find
from llmstack.gateway.refusals import Refused

QWEN_A = Model("qwen", "team-a", aliases=("gpt-4o-mini",), created="2026-01-02T00:00:00Z")
QWEN_B = Model("qwen", "team-b", created="2026-01-01T00:00:00Z")
PHI = Model("phi", "team-b", aliases=("small", "tiny"))
CLUSTER = catalog_of([QWEN_A, QWEN_B, PHI])
SMOL = Model("smol", aliases=("gpt-4o-mini",))


@pytest.mark.parametrize(
    ("host", "name", "model"),
    [
        ("gateway", "phi", PHI),
        ("gateway", "small", PHI),
        ("gateway", "team-b/phi", PHI),
        ("gateway", "team-a/qwen", QWEN_A),
        ("gateway", "gpt-4o-mini", QWEN_A),
        ("qwen.team-a", "whatever", QWEN_A),
        ("qwen.team-a:80", "", QWEN_A),
        ("qwen.team-b.svc", "team-a/qwen", QWEN_B),
        ("qwen.team-b.svc.cluster.local", "", QWEN_B),
        ("QWEN.team-b.svc.cluster.local.", "", QWEN_B),
        ("phi", "", PHI),
        ("phi", "gpt-4o", PHI),
        # Two are called so: the older one has the name.
        ("gateway", "qwen", QWEN_B),
        ("qwen", "gpt-4o", QWEN_B),
        ("qwen", "phi", QWEN_B),
        ("qwen", "team-a/qwen", QWEN_A),
        # No deployment of this name and namespace: the body decides.
        ("gateway.llm-stack", "phi", PHI),
        ("phi.team-b.example.org", "gpt-4o-mini", QWEN_A),
        ("127.0.0.1:8080", "phi", PHI),
        ("[::1]:8080", "phi", PHI),
        ("", "phi", PHI),
        # An alias is no Service.
        ("small", "gpt-4o-mini", QWEN_A),
    ],
)
def test_names_a_model(host, name, model):
    assert resolve(CLUSTER, host, name) is model


@pytest.mark.parametrize(
    ("catalog", "host", "name", "status", "says"),
    [
        (CLUSTER, "gateway", "gpt-5", 404, "'gpt-5' does not exist"),
        (CLUSTER, "gateway", "team-c/qwen", 404, "does not exist"),
        (CLUSTER, "gateway", "", 400, "has no 'model'"),
        (Catalog(), "gateway", "", 400, "has no 'model'"),
        (Catalog(), "gateway", "x", 404, "does not exist"),
    ],
)
def test_names_none(catalog, host, name, status, says):
    with pytest.raises(Refused) as refused:
        resolve(catalog, host, name)
    assert refused.value.answer.status == status
    assert says in orjson.loads(refused.value.answer.body)["error"]["message"]


def test_an_alias_takes_no_name_away():
    thief = Model("thief", "team-a", aliases=("phi", "team-b/phi", "small"), created="1999")
    phi = replace(PHI, created="2026", held=frozenset({"small"}))
    catalog = catalog_of([phi, thief])
    assert catalog.conflicts() == dict.fromkeys(("phi", "team-b/phi", "small"), (phi, thief))
    for name in ("phi", "team-b/phi", "small"):
        assert resolve(catalog, "", name) is phi
    assert resolve(catalog, "phi", "") is phi
    assert resolve(catalog, "", "team-a/thief") is thief


def test_without_a_cluster_the_host_says_nothing():
    catalog = catalog_of([SMOL])
    assert resolve(catalog, "smol", "gpt-4o-mini") is SMOL
    assert resolve(catalog, "localhost:8080", "") is SMOL


def test_a_model_is_asked_for_what_it_computes():
    chat = find("POST", "/v1/chat/completions")
    check_mode(chat, PHI)
    with pytest.raises(Refused, match="wrong_mode") as refused:
        check_mode(chat, Model("bge", "team-a", mode=Mode.EMBED))
    message = orjson.loads(refused.value.answer.body)["error"]["message"]
    assert "mode embed" in message
    assert "/v1/embeddings" in message
    assert "/v1/chat" not in message
