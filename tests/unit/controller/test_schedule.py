"""Which key is taken when?"""

from hypothesis import given
from hypothesis import strategies as st

from llmstack.controller.schedule import SHARE, Backoff, Key, Rest, Schedule

A, B, C = Key("team", "a"), Key("team", "b"), Key("team", "c")


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


def test_urgent_keys_come_first_whatever_is_due_for_longer() -> None:
    schedule = Schedule()
    schedule.add(A, 1, urgent=False)
    schedule.add(B, 2)
    assert [schedule.take(3), schedule.take(3)] == [B, A]


def test_a_key_of_the_resync_becomes_urgent_when_an_event_asks_for_it() -> None:
    schedule = Schedule()
    for number in range(9):
        schedule.add(Key("n", str(number)), number, urgent=False)
    schedule.add(A, 100, urgent=False)
    schedule.add(A, 10)
    assert schedule.take(10) == A
    assert schedule.take(200) == Key("n", "0")


def test_one_of_the_others_goes_after_so_many_urgent_ones() -> None:
    schedule = Schedule()
    schedule.add(A, 0, urgent=False)
    for number in range(2 * SHARE):
        schedule.add(Key("n", str(number)), number)
    assert [schedule.take(100) for _ in range(SHARE + 1)][-1] == A


KEYS = [Key("n", letter) for letter in "abcdef"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(KEYS), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("take"), st.just(A), st.just(0), st.just(True)),
        st.tuples(st.just("done"), st.sampled_from(KEYS), st.just(0), st.just(True)),
    ),
    max_size=80,
)


@given(STEPS)
def test_no_key_is_lost_doubled_or_worked_on_twice_at_once(
    steps: list[tuple[str, Key, int, bool]],
) -> None:
    schedule, wanted, working = Schedule(), dict[Key, tuple[float, bool]](), set[Key]()
    for now, (step, key, delay, urgent) in enumerate(steps):
        if step == "add":
            due, was = wanted.get(key, (1000, False))
            schedule.add(key, now + delay, urgent=urgent)
            wanted[key] = (min(due, now + delay), urgent or was)
        elif step == "done":
            schedule.done(key)
            working.discard(key)
        else:
            ready = {k for k, (due, _) in wanted.items() if due <= now and k not in working}
            taken = schedule.take(now)
            assert taken in ready if ready else taken is None
            if taken:
                del wanted[taken]
                working.add(taken)
        assert len(schedule) == len(wanted)
        free = [due for k, (due, _) in wanted.items() if k not in working]
        assert schedule.next_due() == min(free, default=None)
    for key in working:
        schedule.done(key)
    assert {schedule.take(1000) for _ in range(len(wanted))} == set(wanted)
    assert schedule.take(1000) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=200))
def test_neither_rank_waits_for_ever(arrivals: list[tuple[bool, int]]) -> None:
    """Each waits at most for those of its rank before it, and their share of the other rank."""
    schedule, queues = Schedule(), {True: list[Key](), False: list[Key]()}
    ahead: dict[Key, int] = {}
    waited: dict[Key, int] = {}

    def serve(now: int) -> None:
        taken = schedule.take(now)
        if taken is None:
            return
        schedule.done(taken)
        urgent = taken in queues[True]
        queues[urgent].remove(taken)
        before, turns = ahead.pop(taken), waited.pop(taken)
        assert turns <= (
            before + (before + SHARE) // SHARE if urgent else (before + 1) * SHARE + before
        )
        for key in waited:
            waited[key] += 1

    for now, (urgent, served) in enumerate(arrivals):
        key = Key("n", str(now))
        schedule.add(key, now, urgent=urgent)
        ahead[key], waited[key] = len(queues[urgent]), 0
        queues[urgent].append(key)
        for _ in range(served):
            serve(now)
    while queues[True] or queues[False]:
        serve(1000)


def test_waits_double_up_to_the_limit_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(first=1, limit=5)
    almost_one = 1 - 1e-12
    assert [round(backoff.failed(A, 0, almost_one), 6) for _ in range(4)] == [1, 2, 4, 5]
    assert round(backoff.failed(B, 0, almost_one), 6) == 1
    backoff.succeeded(A)
    assert round(backoff.failed(A, 0, almost_one), 6) == 1


def test_a_wait_that_the_api_server_asks_for_comes_on_top() -> None:
    assert Backoff(first=4).failed(A, 0, 0.0, asked=30) == 32


def test_jitter_takes_at_most_half_of_a_wait() -> None:
    assert Backoff(first=4).failed(A, 0, 0.0) == 2


def test_the_wait_after_a_failure_is_known_until_a_pass_succeeds() -> None:
    backoff = Backoff(first=4)
    assert backoff.until(A) == float("-inf")
    backoff.failed(A, 10.0, 0.0)
    assert (backoff.until(A), backoff.until(B)) == (12.0, float("-inf"))
    backoff.succeeded(A)
    assert backoff.until(A) == float("-inf")


def test_the_more_rest_the_longer_each_does_up_to_a_limit() -> None:
    rest = Rest(1.0, share=0.5, longest=3.0)
    ends = []
    for number in range(9):
        rest.begin(Key("n", str(number)), 10.0)
        ends.append(rest.until(Key("n", str(number))))
    assert ends == [11.0, 11.0, 11.0, 11.5, 12.0, 12.5, 13.0, 13.0, 13.0]
    rest.begin(A, 20.0)
    assert rest.until(A) == 21.0


def test_a_rest_is_over_after_its_time_and_takes_no_memory_then() -> None:
    rest = Rest(0.5)
    rest.begin(A, 10.0)
    rest.begin(B, 10.2)
    rest.begin(A, 10.4)
    assert (rest.until(A), rest.until(B)) == (10.9, 10.7)
    rest.begin(C, 10.8)
    assert (rest.until(A), rest.until(B)) == (10.9, float("-inf"))
