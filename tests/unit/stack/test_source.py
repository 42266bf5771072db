"""Where does the sample's model come from?"""

from __future__ import annotations

import pytest

from tests.e2e.stack import source

PLACES = [
    ("a bare node has no way out", "bare", True, False),
    ("kind's nodes reach what this host reaches", "kind", True, True),
    ("nor do they reach what it does not", "kind", False, False),
    ("nodes of an existing cluster are taken to be near", "existing", True, True),
]


@pytest.mark.parametrize(
    ("sentence", "provider", "answers", "reached"), PLACES, ids=[place[0] for place in PLACES]
)
def test_the_hub_is_used_where_the_nodes_reach_it(
    sentence: str, provider: str, answers: bool, reached: bool
) -> None:
    class Cluster:
        pass

    cluster = Cluster()
    cluster.provider = provider  # type: ignore[attr-defined]

    assert source.nodes_reach_hub(cluster, lambda: answers) is reached, sentence  # type: ignore[arg-type]


def test_a_hub_that_is_not_there_does_not_answer() -> None:
    assert not source.hub_answers({"HF_ENDPOINT": "http://127.0.0.1:1"})


def test_only_the_source_differs_in_the_cluster() -> None:
    sample = source.sample()
    moved = source.with_source(sample, source.URL)

    assert moved["spec"]["model"] == {**sample["spec"]["model"], "source": source.URL}
    assert {**moved["spec"], "model": 0} == {**sample["spec"], "model": 0}
    assert sample == source.sample(), "the sample itself is not changed"
