"""Which key is taken when?"""

from hypothesis import given
from hypothesis import strategies as st

from llmstack.controller.schedule import Backoff, Key, Schedule

A, B = Key("team", "a"), Key("team", "b")


def test_a_key_is_taken_when_it_is_due_and_not_before() -> None:
    schedule = Schedule()
    schedule.add(A, 10)
    assert schedule.take(9) is None
    assert schedule.take(10) == A
    assert schedule.take(11) is None


def test_asked_for_twice_it_is_taken_once_at_the_earlier_moment() -> None:
    schedule = Schedule()
    schedule.add(A, 10)
    schedule.add(A, 5)
    schedule.add(A, 7)
    assert schedule.take(5) == A
    schedule.done(A)
    assert schedule.take(100) is None


def test_asked_for_during_its_pass_it_runs_again_after_the_pass_and_not_beside_it() -> None:
    schedule = Schedule()
    schedule.add(A, 0)
    assert schedule.take(0) == A
    schedule.add(A, 0)
    assert schedule.take(1) is None
    assert schedule.next_due() is None
    schedule.done(A)
    assert schedule.take(1) == A


def test_a_key_in_work_does_not_hold_up_others() -> None:
    schedule = Schedule()
    schedule.add(A, 0)
    schedule.take(0)
    schedule.add(A, 1)
    schedule.add(B, 2)
    assert schedule.take(2) == B


def test_next_due_is_the_earliest_moment_of_a_key_that_is_not_in_work() -> None:
    schedule = Schedule()
    assert schedule.next_due() is None
    schedule.add(A, 3)
    schedule.add(B, 8)
    schedule.take(3)
    assert schedule.next_due() == 8


KEYS = [Key("n", letter) for letter in "abc"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(KEYS), st.integers(0, 9)),
        st.tuples(st.just("take"), st.just(A), st.just(0)),
        st.tuples(st.just("done"), st.sampled_from(KEYS), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_no_key_is_lost_doubled_or_worked_on_twice_at_once(
    steps: list[tuple[str, Key, int]],
) -> None:
    schedule, wanted, working = Schedule(), set[Key](), set[Key]()
    for now, (step, key, delay) in enumerate(steps):
        if step == "add":
            schedule.add(key, now + delay)
            wanted.add(key)
        elif step == "done":
            schedule.done(key)
            working.discard(key)
        elif taken := schedule.take(now):
            assert taken in wanted and taken not in working
            wanted.remove(taken)
            working.add(taken)
        assert len(schedule) == len(wanted)
    for key in working:
        schedule.done(key)
    assert {schedule.take(1000) for _ in range(len(wanted))} == wanted
    assert schedule.take(1000) is None


def test_waits_double_up_to_the_limit_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(first=1, limit=5)
    almost_one = 1 - 1e-12
    assert [round(backoff.failed(A, almost_one), 6) for _ in range(4)] == [1, 2, 4, 5]
    assert round(backoff.failed(B, almost_one), 6) == 1
    backoff.succeeded(A)
    assert round(backoff.failed(A, almost_one), 6) == 1


def test_jitter_takes_at_most_half_of_a_wait() -> None:
    assert Backoff(first=4).failed(A, 0.0) == 2
