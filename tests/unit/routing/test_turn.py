"""Who lets whom go first for the sake of cached prompts, and for how long?"""

from llmstack.routing.turn import LEAST_PATIENCE
from tests.unit.routing.samples import Bench

ONE, TWO = (11, 12, 13), (21, 22, 23)


def grown(chain: tuple[int, ...]) -> tuple[int, ...]:
    """The next turn of the conversation."""
    return (*chain, chain[-1] + 1)


def two_at_home() -> tuple[Bench, int, int]:
    """Replicas of one slot: conversation ONE runs on the first, TWO on the other one."""
    bench = Bench(1, 1)
    one, two = bench.ask(blocks=ONE), bench.ask(blocks=TWO)
    assert bench.where(one) != bench.where(two)
    return bench, one, two


def test_the_freed_slot_goes_to_the_one_that_is_at_home_there() -> None:
    bench, one, two = two_at_home()
    older, newer = bench.ask(blocks=grown(TWO)), bench.ask(blocks=grown(ONE))
    bench.end(one)
    assert (bench.where(newer), bench.where(older)) == (bench.where(one), "waits")
    assert bench.grant(newer).hit == 3 / 4
    bench.end(two)
    assert bench.where(older) == bench.where(two)


def test_where_nobody_else_waits_it_is_served_elsewhere() -> None:
    bench, one, _ = two_at_home()
    only = bench.ask(blocks=grown(TWO))
    bench.end(one)
    assert bench.where(only) == bench.where(one)


def test_of_several_that_are_at_home_elsewhere_the_first_is_served() -> None:
    bench, one, _ = two_at_home()
    first, second = bench.ask(blocks=grown(TWO)), bench.ask(blocks=grown(TWO))
    bench.end(one)
    assert (bench.where(first), bench.where(second)) == (bench.where(one), "waits")


def test_who_is_at_home_nowhere_lets_nobody_go_first() -> None:
    bench, one, _ = two_at_home()
    stranger, newer = bench.ask(blocks=(31, 32)), bench.ask(blocks=grown(ONE))
    bench.end(one)
    assert (bench.where(stranger), bench.where(newer)) == (bench.where(one), "waits")


def test_it_is_overtaken_a_bounded_number_of_times() -> None:
    bench, running, _ = two_at_home()
    patient = bench.ask(blocks=grown(TWO))
    others = [bench.ask(blocks=grown(ONE)) for _ in range(3 * LEAST_PATIENCE)]
    overtakers = 0
    while bench.where(patient) == "waits":
        bench.end(running)
        running = bench.order[-1]
        overtakers += running in others
    assert overtakers == LEAST_PATIENCE


def test_a_home_that_gets_nothing_new_is_not_waited_for() -> None:
    bench, one, two = two_at_home()
    older, newer = bench.ask(blocks=grown(TWO)), bench.ask(blocks=grown(ONE))
    bench.take(bench.pool.quarantine(bench.where(two), True, 0.0))
    bench.end(one)
    assert (bench.where(older), bench.where(newer)) == (bench.where(one), "waits")


def test_a_tenant_whose_turn_it_is_lets_no_other_with_more_slots_go_first() -> None:
    """`a` is freed; `other` is at home on `b`, and uses no slot. The flood is at home on `a`."""
    bench = Bench(2, 1)
    chains = {bench.ask("flood", blocks=chain): chain for chain in (ONE, TWO, (31, 32, 33))}
    on_a, on_b = (next(ask for ask in chains if bench.where(ask) == name) for name in "ab")
    other = bench.ask("other", blocks=grown(chains[on_b]))
    flood = bench.ask("flood", blocks=grown(chains[on_a]))
    bench.end(on_a)
    assert (bench.where(other), bench.where(flood)) == ("a", "waits")
