"""What do clients gain, in a simulated world (simulation.py)?"""

import pytest

from tests.unit.routing.simulation import Pooled, RoundRobin, Sticky, run, talks


@pytest.mark.parametrize("think", [0.002, 1.0])
def test_conversations_are_served_much_sooner_than_by_round_robin(think: float) -> None:
    """16 conversations of 5 turns, 4 replicas of 2 slots: all slots busy, others waiting."""
    pooled = run(Pooled(4, 2), talks(16, 5), think)
    robin = run(RoundRobin(4, 2), talks(16, 5), think)
    assert robin.makespan > 1.3 * pooled.makespan
    assert robin.mean() > 1.6 * pooled.mean()
    assert robin.p90() > 1.5 * pooled.p90()


def test_nearly_as_soon_as_if_each_had_a_replica_of_its_own_for_ever() -> None:
    pooled, sticky = run(Pooled(4, 2), talks(16, 5)), run(Sticky(4, 2), talks(16, 5))
    assert pooled.makespan < 1.2 * sticky.makespan
    assert pooled.mean() < 1.2 * sticky.mean()


def test_without_reuse_nothing_is_lost() -> None:
    pooled = run(Pooled(4, 2), talks(100, 1, system=0))
    blind = run(Pooled(4, 2, blind=True), talks(100, 1, system=0))
    assert pooled.makespan <= 1.03 * blind.makespan
    assert pooled.mean() <= 1.03 * blind.mean()


@pytest.mark.parametrize("system", [1000, 8000])
def test_a_common_system_prompt_does_not_gather_all_at_one_replica(system: int) -> None:
    result = run(Pooled(4, 2), talks(40, 1, system=system, first=1000))
    assert max(result.served) <= 2 * min(result.served[:4])


def test_few_conversations_share_no_replica() -> None:
    result = run(Pooled(4, 2), talks(4, 8), think=0.5)
    assert sorted(result.served[:4]) == [8, 8, 8, 8]
