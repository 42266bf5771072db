"""Do workers run each pass once, again after a failure, and stop in order?"""

import asyncio

import pytest

from llmstack.api.key import Key
from llmstack.controller.fence import now
from llmstack.controller.queue import REST_SECONDS, WorkQueue
from llmstack.controller.resync import delays
from llmstack.errors import LeaseLost
from llmstack.kube.errors import ApiError

A, B, EVENT = Key("team", "a"), Key("team", "b"), Key("team", "event")


async def test_what_is_asked_for_during_a_pass_runs_after_it() -> None:
    began, go_on, passes = asyncio.Event(), asyncio.Event(), list[Key]()

    async def work(key: Key) -> None:
        passes.append(key)
        began.set()
        await go_on.wait()
        if len(passes) == 2:
            queue.stop()

    queue = WorkQueue(work, workers=4)
    queue.add(A)
    running = asyncio.create_task(queue.run())
    await began.wait()
    queue.add(A)
    queue.add(A)
    go_on.set()
    await running
    assert passes == [A, A]


async def test_different_keys_run_side_by_side() -> None:
    both = asyncio.Barrier(2)

    async def work(_key: Key) -> None:
        await both.wait()
        queue.stop()

    queue = WorkQueue(work, workers=2)
    queue.add(A)
    queue.add(B)
    await queue.run()


async def test_a_failed_pass_runs_again_and_a_wish_to_run_again_is_heard() -> None:
    outcomes = iter(["fails", "wants more", "is done"])

    async def work(_key: Key) -> float | None:
        match next(outcomes):
            case "fails":
                raise ValueError("broken")
            case "wants more":
                return 0.01
            case _:
                queue.stop()
                return None

    queue = WorkQueue(work, workers=1)
    queue.add(A)
    await queue.run()
    assert queue.retries == 1


async def test_many_events_of_one_change_are_one_pass_after_a_rest() -> None:
    passes = list[float]()

    async def work(_key: Key) -> None:
        passes.append(now())
        if len(passes) == 1:
            for _ in range(3):
                queue.add(A, urgent=False)
        else:
            queue.stop()

    queue = WorkQueue(work, workers=2)
    queue.add(A, urgent=False)
    await queue.run()
    assert len(passes) == 2
    assert passes[1] - passes[0] >= REST_SECONDS


async def test_events_do_not_shorten_the_wait_after_a_failure_but_a_user_does() -> None:
    """A deployment that cannot be brought about, and whose pods come and go."""
    passes, moment = list[float](), 100.0

    async def work(key: Key) -> None:
        passes.append(moment)
        if len(passes) == 2:
            queue.stop()
            return
        queue.add(B, urgent=False)
        raise ApiError(403, "Forbidden", "no", retry_after=50)

    async def other(key: Key) -> None:
        nonlocal moment
        if key == A:
            return await work(key)
        moment += 2.0  # The rest is over, the wait after the failure is not.
        queue.add(A, urgent=moment >= 140)
        queue.add(B, urgent=False)

    queue = WorkQueue(other, workers=1, clock=lambda: moment)
    queue.add(A)
    await queue.run()
    assert passes == [100.0, 140.0]


async def test_a_lost_lease_ends_all_workers() -> None:
    async def work(_key: Key) -> None:
        raise LeaseLost("gone")

    queue = WorkQueue(work, workers=2)
    queue.add(A)
    with pytest.raises(ExceptionGroup) as caught:
        await queue.run()
    assert caught.value.subgroup(LeaseLost)


async def test_stopping_lets_a_running_pass_finish_and_begins_no_other() -> None:
    began, go_on, ended = asyncio.Event(), asyncio.Event(), list[Key]()

    async def work(key: Key) -> None:
        began.set()
        await go_on.wait()
        ended.append(key)

    queue = WorkQueue(work, workers=1)
    queue.add(A)
    running = asyncio.create_task(queue.run())
    await began.wait()
    queue.stop()
    queue.add(B)
    go_on.set()
    await running
    assert ended == [A]


async def test_what_somebody_waits_for_comes_before_second_looks_and_the_resync() -> None:
    passes = list[Key]()

    async def work(key: Key) -> float | None:
        passes.append(key)
        if len(passes) == 1:
            queue.add(EVENT)
            return 0.0
        if len(passes) == 4:
            queue.stop()
        return None

    queue = WorkQueue(work, workers=1)
    queue.add(A)
    queue.add(B, urgent=False)
    await queue.run()
    assert passes == [A, EVENT, B, A]


async def test_a_pass_that_was_told_to_wait_waits(caplog: pytest.LogCaptureFixture) -> None:
    async def work(_key: Key) -> None:
        queue.stop()
        raise ApiError(429, "TooManyRequests", "later", retry_after=100)

    queue = WorkQueue(work, workers=1)
    queue.add(A)
    await queue.run()
    assert "again in 100" in caplog.text


def test_the_resync_is_spread_evenly() -> None:
    assert sorted(delays(4, 100.0)) == [0, 25, 50, 75]
    assert delays(0, 100.0) == []
