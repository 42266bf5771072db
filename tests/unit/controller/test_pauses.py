"""When is it looked again for what is not there yet?"""

from __future__ import annotations

from llmstack.controller.pauses import Pause


def test_a_pause_doubles_up_to_its_limit() -> None:
    pause, waits = Pause(20, 90), []
    for _ in range(4):
        pause.begin(100)
        waits.append(pause.left(100))
    assert waits == [20, 40, 80, 90]


def test_once_all_is_well_it_begins_anew() -> None:
    pause = Pause(20, 90)
    pause.begin(0)
    pause.begin(0)
    pause.end()
    assert not pause.waits
    pause.begin(0)
    assert (pause.waits, pause.left(5), pause.left(60)) == (True, 15, 0)


def test_a_first_look_may_come_sooner() -> None:
    pause = Pause(20, 300)
    pause.begin(0, first=5)
    assert pause.left(0) == 5
    pause.begin(5)
    assert pause.left(5) == 20
