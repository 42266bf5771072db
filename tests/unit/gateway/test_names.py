"""Which model is meant?"""

import orjson
import pytest

from llmstack.api.engine import Mode
from llmstack.gateway import endpoints
from llmstack.gateway.catalog import Catalog, Model, catalog_of
from llmstack.gateway.names import check_mode, resolve
from llmstack.gateway.refusals import Refused

QWEN_A = Model("qwen", "team-a", aliases=("gpt-4o-mini",))
QWEN_B = Model("qwen", "team-b")
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
        (CLUSTER, "gateway", "", 400, "names no 'model'"),
        (CLUSTER, "gateway", "qwen", 404, "team-a/qwen and team-b/qwen"),
        (CLUSTER, "qwen", "qwen", 404, "team-a/qwen and team-b/qwen"),
        (Catalog(), "gateway", "", 400, "names no 'model'"),
        (Catalog(), "gateway", "x", 404, "does not exist"),
    ],
)
def test_names_none(catalog, host, name, status, says):
    with pytest.raises(Refused) as refused:
        resolve(catalog, host, name)
    assert refused.value.answer.status == status
    assert says in orjson.loads(refused.value.answer.body)["error"]["message"]


def test_an_alias_that_is_anothers_name_is_claimed_by_both():
    thief = Model("thief", "team-a", aliases=("phi",))
    catalog = catalog_of([PHI, thief])
    assert catalog.conflicts() == {"phi": (thief, PHI)}
    with pytest.raises(Refused, match="model_ambiguous"):
        resolve(catalog, "", "phi")
    assert resolve(catalog, "", "team-b/phi") is PHI


def test_without_a_cluster_the_host_says_nothing():
    catalog = catalog_of([SMOL])
    assert resolve(catalog, "smol", "gpt-4o-mini") is SMOL
    assert resolve(catalog, "localhost:8080", "") is SMOL


def test_a_model_is_asked_for_what_it_computes():
    chat = endpoints.find("POST", "/v1/chat/completions")
    check_mode(chat, PHI)
    with pytest.raises(Refused, match="wrong_mode") as refused:
        check_mode(chat, Model("bge", "team-a", mode=Mode.EMBED))
    message = orjson.loads(refused.value.answer.body)["error"]["message"]
    assert "mode embed" in message
    assert "/v1/embeddings" in message
    assert "/v1/chat" not in message
