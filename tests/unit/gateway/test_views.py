"""What do /load, /v1/models and /metrics say of the owner's view?"""

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from llmstack.api.key import Key
from llmstack.gateway.catalog import Absence, Model, catalog_of
from llmstack.gateway.keys import Keys, line_for, parse_keys
from llmstack.gateway.live_metrics import LiveMetrics
from llmstack.gateway.models_list import models_list
from llmstack.gateway.request_metrics import Metrics
from llmstack.routing.deaths import Death
from llmstack.routing.load import Load, ReplicaLoad, ReplicaState
from llmstack.scaling.load_page import load_page, parse_load

READY = ReplicaLoad("qwen-0", ReplicaState.READY, 4, busy=3, draining=1, foreign=0, overlap=0)
WEDGED = ReplicaLoad("qwen-1", ReplicaState.WEDGED, 4, busy=1, draining=0, foreign=2, overlap=0)
QWEN = Load((READY, WEDGED), waiting=2, waiting_slots=5, corrections={"foreign": 7})
LOADS = {"team-a/qwen": QWEN}
CATALOG = catalog_of(
    [
        Model("qwen", "team-a", aliases=("gpt-4o-mini", "both")),
        Model("phi", "team-b", aliases=("both",)),
        Model("same", "team-a", created="2026-11-30T22:00:00Z"),
        Model("same", "team-b", created="2026-11-30T23:00:00Z"),
    ]
)


def test_the_load_tells_slots_and_waiting_by_model_and_replica():
    page = orjson.loads(load_page("e1", LOADS, {"team-a/qwen": 4}))
    assert (page["version"], page["epoch"]) == (1, "e1")
    model = page["models"]["team-a/qwen"]
    assert (model["total"], model["ready"]) == (4, 1)
    assert (model["busy"], model["draining"], model["foreign"]) == (4, 1, 2)
    assert (model["waiting"], model["waitingSlots"]) == (2, 5)
    assert model["slotsPerReplica"] == 4
    assert [(r["id"], r["state"]) for r in model["replicas"]] == [
        ("qwen-0", "ready"),
        ("qwen-1", "wedged"),
    ]


def test_the_load_tells_which_replicas_died_of_requests_and_the_operator_reads_it():
    deaths = (Death("e-1", "qwen-0", 5.5, 1, "team-b", "req-1"), Death("e-2", "qwen-1", 6.0, 3))
    page = load_page("e1", LOADS, {}, deaths={"team-a/qwen": deaths})
    assert parse_load(page).models[Key("team-a", "qwen")].deaths == deaths


def test_the_load_tells_which_ready_replicas_cannot_be_reached_and_the_operator_reads_it():
    cut = {"qwen-2": "it accepts no connections"}
    page = load_page("e1", LOADS, {}, unreachable={"team-a/qwen": cut})
    assert parse_load(page).models[Key("team-a", "qwen")].unreachable == cut
    assert parse_load(load_page("e1", LOADS, {})).models[Key("team-a", "qwen")].unreachable == {}


def test_models_stand_under_the_shortest_name_that_is_their_own():
    data = orjson.loads(models_list(CATALOG, LOADS, 7).body)["data"]
    assert [entry["id"] for entry in data] == ["qwen", "same", "phi", "team-b/same"]
    qwen, same, phi, _ = data
    assert (qwen["aliases"], phi["aliases"]) == (["gpt-4o-mini", "both"], [])
    assert (qwen["state"], phi["state"]) == ("ready", "no_replica")
    assert qwen["slots"] == {"total": 4, "busy": 4, "waiting": 5}
    assert (same["created"], phi["created"]) == (1_796_076_000, 7)


STATES = [
    ("ready, whatever is said of it", Absence.SLEEPING, Load((READY,)), "ready"),
    ("asleep", Absence.SLEEPING, Load(), "sleeping"),
    ("on its way", Absence.STARTING, Load(), "starting"),
    ("nobody says why", Absence.UNKNOWN, Load(), "no_replica"),
    ("there, and wedged", Absence.STARTING, Load((WEDGED,)), "no_replica"),
]


@pytest.mark.parametrize(
    ("sentence", "absence", "load", "state"), STATES, ids=[row[0] for row in STATES]
)
def test_how_a_model_stands(sentence: str, absence: Absence, load: Load, state: str):
    catalog = catalog_of([Model("qwen", absence=absence)])
    assert orjson.loads(models_list(catalog, {"qwen": load}, 7, "qwen").body)["state"] == state


def test_one_model_is_found_by_each_of_its_names():
    for name in ("qwen", "team-a/qwen", "gpt-4o-mini", "both"):
        assert orjson.loads(models_list(CATALOG, LOADS, 7, name).body)["id"] == "qwen"
    assert models_list(CATALOG, LOADS, 7, "none").status == 404


def test_keys_are_counted_where_they_are_asked_for():
    keys = parse_keys(f"{line_for('sk-a', 'a')}\nno key\n", "keys")
    known: list[Keys | None] = [None]
    numbers = Metrics(LiveMetrics(dict, dict, lambda: 0, lambda: known[0]))
    assert b"llmstack_gateway_key" not in numbers.text()
    known[0] = keys
    assert b"\nllmstack_gateway_keys 1.0\n" in numbers.text()
    assert b"\nllmstack_gateway_key_lines_refused 1.0\n" in numbers.text()
    assert b"\nllmstack_gateway_keys_missing 0.0\n" in numbers.text()
    known[0] = Keys(missing=True)
    assert b"\nllmstack_gateway_keys_missing 1.0\n" in numbers.text()


def test_the_numbers_are_those_of_the_moment_they_are_asked_for():
    loads: dict[str, Load] = {}
    numbers = Metrics(LiveMetrics(lambda: loads, lambda: {"team-a/qwen": 3}, lambda: 11))
    loads.update(LOADS)
    found = {
        (sample.name.removeprefix("llmstack_gateway_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(numbers.text().decode())
        for sample in family.samples
    }
    of = "team-a/qwen"
    assert found["slots", of, "total"] == 4
    assert found["slots", of, "busy"] == 4
    assert found["slots", of, "foreign"] == 2
    assert found["replicas", of, "wedged"] == 1
    assert found["replicas", of, "draining"] == 0
    assert found["waiting_requests", of] == 2
    assert found["waiting_slots", of] == 5
    assert found["deferred_requests", of] == 3
    assert found["lease_corrections_total", "foreign", of] == 7
    assert found["access_log_dropped_total",] == 11
