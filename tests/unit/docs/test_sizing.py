"""Are the tables of docs/sizing.md of numbers that fit together?"""

from __future__ import annotations

import re
import subprocess

import pytest

from llmstack.engines.llamacpp.gguf.memory import ServerShape, estimate
from llmstack.engines.llamacpp.usage import Usage
from llmstack.gateway.outcome import Outcome
from llmstack.gateway.request_metrics import Metrics
from tests.unit.docs import sizing
from tests.unit.docs.blocks import DOCS, names


def test_every_table_has_its_place_in_the_page() -> None:
    page = (DOCS / "sizing.md").read_text(encoding="utf-8")
    assert names(page) == set(sizing.TABLES)


@pytest.mark.parametrize("name", sizing.FILES)
def test_the_most_slots_fit_and_one_more_does_not(name: str) -> None:
    facts, memory = sizing.FILES[name], 80 * sizing.GIB
    most = sizing.most_slots(facts, memory, "f16")
    fits = estimate(facts, ServerShape(most, sizing.CONTEXT))
    more = estimate(facts, ServerShape(most + 1, sizing.CONTEXT))
    assert fits and more and fits.total <= memory < more.total


def test_what_does_not_fit_has_no_slot() -> None:
    assert (
        sizing.most_slots(sizing.FILES["Llama 3.1 70B Q4_K_M, 43.1 GB"], 24 * sizing.GIB, "f16")
        == 0
    )


def test_the_price_of_a_million_tokens() -> None:
    # 1000 tokens a second are 3.6 million an hour; half of the time busy costs twice as much.
    assert sizing.per_million(3.6, 1000) == pytest.approx(1.0)
    assert sizing.per_million(3.6, 1000, share=0.5) == pytest.approx(2.0)


def test_more_slots_decode_more_and_less_than_as_many_times_more() -> None:
    facts, device = sizing.FILES["Llama 3.1 8B Q8_0, 7.95 GiB"], sizing.DEVICES["NVIDIA L4"]
    one, eight = (sizing.ceiling(facts, device, slots) for slots in (1, 8))
    assert one < eight < 8 * one


def test_the_page_counts_the_completion_tokens_of_one_model() -> None:
    (program,) = re.findall(
        r"awk '(.*?)'$", (DOCS / "sizing.md").read_text(encoding="utf-8"), re.S | re.M
    )[:1]
    numbers = Metrics()
    for tenant, model in (("a", "team-a/qwen"), ("b", "team-a/qwen"), ("a", "team-b/qwen")):
        outcome = Outcome(b"r", "POST", "/v1/", 200, tenant=tenant, model=model, tries=1)
        numbers.record(outcome, Usage(prompt=15, completion=7))
    program = program.replace("NAMESPACE", "team-a").replace("NAME", "qwen")
    done = subprocess.run(["awk", program], input=numbers.text(), capture_output=True, check=True)
    assert done.stdout == b"14\n"
