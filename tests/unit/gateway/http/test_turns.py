"""Bodies are looked at in turn, and between two goes the loop does other things."""

import asyncio

from llmstack.gateway.http.turns import Turns


class Clock:
    """Each look takes a millisecond."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Pieces:
    """So many pieces, each of which is noted by name."""

    def __init__(self, name: str, count: int, clock: Clock, seen: list[str]) -> None:
        self.name = name
        self.left = count
        self.clock = clock
        self.seen = seen

    def look(self) -> bool:
        self.clock.now += 0.001
        self.seen.append(self.name)
        self.left -= 1
        return self.left > 0


async def test_each_has_its_turn_and_the_loop_goes_on_after_a_few_milliseconds() -> None:
    clock, seen = Clock(), list[str]()
    turns = Turns(clock)
    turns.add(Pieces("a", 20, clock, seen))
    turns.add(Pieces("b", 3, clock, seen))
    between = []
    while len(seen) < 23:
        await asyncio.sleep(0)
        between.append(len(seen))
    assert seen == ["a", "b"] * 3 + ["a"] * 17
    assert max(after - before for before, after in zip([0, *between], between, strict=False)) <= 6


async def test_one_that_comes_later_is_looked_at_too() -> None:
    clock, seen = Clock(), list[str]()
    turns = Turns(clock)
    for name in "ab":
        turns.add(Pieces(name, 1, clock, seen))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert seen == ["a", "b"]


class Broken:
    """Fails as soon as it is looked at."""

    def look(self) -> bool:
        raise ValueError("this was not foreseen")


async def test_one_that_fails_holds_up_no_other() -> None:
    clock, seen = Clock(), list[str]()
    faults = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, what: faults.append(what))
    turns = Turns(clock)
    turns.add(Broken())
    turns.add(Pieces("a", 2, clock, seen))
    await asyncio.sleep(0.01)
    turns.add(Pieces("b", 1, clock, seen))
    await asyncio.sleep(0.01)
    assert seen == ["a", "a", "b"]
    assert len(faults) == 1
