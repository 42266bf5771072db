"""Who is tried again when a server dies, and who is to blame?"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.routing.suspects import (
    LEFT_SECONDS,
    MOST_DEATHS,
    REMEMBERED_SECONDS,
    Fate,
    OneAtATime,
    Suspect,
    Suspects,
    Then,
    Verdict,
)


def sent(suspects: Suspects, replica: str, *numbers: int) -> list[Suspect]:
    """Requests at a replica, each of a tenant of its own."""
    made = [Suspect(n, f"tenant-{n}", f"request-{n}", b"%d" % n) for n in numbers]
    for suspect in made:
        suspects.sent(replica, suspect)
    return made


def broken(suspects: Suspects, replica: str, *these: Suspect, fate: Fate = Fate.DIED) -> Verdict:
    """Their connections break, and this turns out to be why."""
    case = [suspects.broke(replica, suspect, stale=False, now=10.0) for suspect in these][-1]
    assert suspects.settled(case)
    return suspects.judge(case, fate, 10.0)


def test_one_alone_is_refused_and_to_blame() -> None:
    suspects = Suspects()
    (killer,) = sent(suspects, "a", 1)
    verdict = broken(suspects, "a", killer)
    assert verdict == Verdict(((killer, Then.REFUSED),), True, 1, (killer,))


def test_of_several_each_is_tried_and_nobody_blamed() -> None:
    suspects = Suspects()
    one, two = sent(suspects, "a", 1, 2)
    verdict = broken(suspects, "a", one, two)
    assert verdict == Verdict(((one, Then.TRIAL), (two, Then.TRIAL)), True, 2)


def test_one_whose_first_byte_had_come_is_no_suspect() -> None:
    suspects = Suspects()
    streaming, killer = sent(suspects, "a", 1, 2)
    suspects.begun("a", streaming)
    assert broken(suspects, "a", killer).blamed == (killer,)


def test_who_kills_a_second_server_is_to_blame_and_the_others_are_tried() -> None:
    suspects = Suspects()
    killer, other = sent(suspects, "a", 1, 2)
    broken(suspects, "a", killer, other)
    suspects.sent("b", killer)
    (beside,) = sent(suspects, "b", 3)
    verdict = broken(suspects, "b", killer, beside)
    assert verdict.blamed == (killer,)
    assert dict(verdict.then) == {killer: Then.REFUSED, beside: Then.TRIAL}


@pytest.mark.parametrize("fate", [Fate.ANNOUNCED, Fate.UNREADY, Fate.ALIVE])
def test_where_the_server_did_not_die_another_one_serves(fate: Fate) -> None:
    suspects = Suspects()
    (request,) = sent(suspects, "a", 1)
    assert broken(suspects, "a", request, fate=fate) == Verdict(((request, Then.ELSEWHERE),))


@pytest.mark.parametrize(
    ("fates", "allowed"),
    [
        ((Fate.ALIVE,) * 2, 1),
        ((Fate.UNREADY,) * 2, 1),
        ((Fate.UNREADY, Fate.DIED), 1),
        ((Fate.ANNOUNCED,) * 3, 2),
        ((Fate.ANNOUNCED, Fate.ALIVE, Fate.ALIVE), 2),
    ],
)
def test_a_request_is_not_sent_for_ever(fates: tuple[Fate, ...], allowed: int) -> None:
    suspects, request, then = Suspects(), Suspect(1, "t"), []
    for number, fate in enumerate(fates):
        suspects.sent(str(number), request)
        then.append(broken(suspects, str(number), request, fate=fate).then[0][1])
    assert then.index(Then.REFUSED) == allowed


def test_an_idle_connection_that_was_closed_says_nothing() -> None:
    suspects, request = Suspects(), Suspect(1, "t")
    for _ in range(5):
        suspects.sent("a", request)
        case = suspects.broke("a", request, stale=True, now=0.0)
        assert suspects.judge(case, Fate.ALIVE, 0.0).then == ((request, Then.ELSEWHERE),)


def test_one_whose_client_has_left_is_a_suspect_too() -> None:
    suspects = Suspects()
    killer, innocent = sent(suspects, "a", 1, 2)
    killer.gone = True
    suspects.ended("a", killer, 9.9)
    verdict = broken(suspects, "a", innocent)
    assert (verdict.then, verdict.blamed) == (((innocent, Then.TRIAL),), ())
    suspects.sent("b", innocent)
    assert suspects.begun("b", innocent) == (killer,), "nobody else is left"


def test_one_whose_client_left_long_before_is_none() -> None:
    suspects = Suspects()
    gone, killer = sent(suspects, "a", 1, 2)
    gone.gone = True
    suspects.ended("a", gone, 9.9 - LEFT_SECONDS)
    assert broken(suspects, "a", killer).blamed == (killer,)


def test_a_death_that_only_one_who_left_can_have_caused() -> None:
    suspects = Suspects()
    assert suspects.lost("a", 10.0) is None
    (killer,) = sent(suspects, "a", 1)
    killer.gone = True
    suspects.ended("a", killer, 10.0)
    case = suspects.lost("a", 10.1)
    assert case is not None
    assert suspects.judge(case, Fate.DIED, 10.2) == Verdict((), True, 1, (killer,))
    assert suspects.lost("a", 10.3) is None, "told once"


def test_a_case_waits_for_those_whose_connections_are_about_to_end() -> None:
    suspects = Suspects()
    one, two = sent(suspects, "a", 1, 2)
    case = suspects.broke("a", one, stale=False, now=0.0)
    sent(suspects, "a", 3)  # To its successor.
    assert not suspects.settled(case)
    assert suspects.broke("a", two, stale=False, now=0.0) is case
    assert suspects.settled(case)


def test_the_same_body_goes_on_where_it_stood() -> None:
    suspects = Suspects()
    (first,) = sent(suspects, "a", 1)
    broken(suspects, "a", first)
    again = Suspect(2, "another tenant", digest=first.digest)
    assert suspects.recall(again, 11.0) is Then.TRIAL
    suspects.sent("b", again)
    assert broken(suspects, "b", again).then == ((again, Then.REFUSED),)
    third = Suspect(3, "t", digest=first.digest)
    assert suspects.recall(third, 12.0) is Then.REFUSED
    assert suspects.recall(third, 10.0 + REMEMBERED_SECONDS) is Then.ELSEWHERE


def test_a_body_that_was_answered_is_forgotten() -> None:
    suspects = Suspects()
    one, two = sent(suspects, "a", 1, 2)
    broken(suspects, "a", one, two)
    suspects.sent("b", one)
    suspects.begun("b", one)
    suspects.answered(one)
    assert suspects.recall(Suspect(3, "t", digest=one.digest), 11.0) is Then.ELSEWHERE


def test_one_that_kills_in_the_middle_of_its_answer_is_to_blame_if_it_was_alone() -> None:
    suspects = Suspects()
    (killer,) = sent(suspects, "a", 1)
    for replica, count in (("a", 1), ("b", 2)):
        suspects.sent(replica, killer)
        suspects.begun(replica, killer)
        case = suspects.was_cut(replica, killer, 10.0)
        verdict = suspects.judge(case, Fate.DIED, 10.0)
        assert verdict == Verdict((), True, 1, (killer,))
        assert killer.deaths == count
    assert suspects.recall(Suspect(3, "t", digest=killer.digest), 11.0) is Then.REFUSED


def test_of_several_answers_that_were_cut_off_none_is_to_blame() -> None:
    suspects = Suspects()
    one, two = sent(suspects, "a", 1, 2)
    for each in (one, two):
        suspects.begun("a", each)
        case = suspects.was_cut("a", each, 10.0)
    assert suspects.judge(case, Fate.DIED, 10.0) == Verdict((), True, 2)
    assert not suspects.knows_bodies


def test_one_whose_answer_was_cut_off_beside_a_suspect_is_not_to_blame() -> None:
    suspects = Suspects()
    stream, killer = sent(suspects, "a", 1, 2)
    suspects.begun("a", stream)
    suspects.was_cut("a", stream, 10.0)
    assert broken(suspects, "a", killer).blamed == (killer,)


def test_one_at_a_time_in_the_order_of_coming() -> None:
    line = OneAtATime()
    assert [line.join(who) for who in "abcd"] == [True, False, False, False]
    assert line.leave("b") is None
    assert line.leave("a") == "c"
    assert line.leave("nobody") is None
    assert line.leave("c") == "d"
    assert line.leave("d") is None
    assert not line


@dataclass
class World:
    """Servers that die of the requests in `killers`, and a gateway that does as it is told."""

    replicas: set[str]
    killers: frozenset[int]
    suspects: Suspects = field(default_factory=Suspects)
    trials: OneAtATime = field(default_factory=OneAtATime)
    killed: dict[int, set[str]] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)

    def together(self, replica: str, requests: list[Suspect]) -> None:
        """All are at this server before it computes any of them."""
        for request in requests:
            self.suspects.sent(replica, request)
        if not any(request.id in self.killers for request in requests):
            for request in requests:
                self._answer(replica, request)
            return
        self.replicas.discard(replica)
        for request in requests:
            self.killed.setdefault(request.id, set()).add(replica)
        case = [self.suspects.broke(replica, each, False, 0.0) for each in requests][-1]
        for request, then in self.suspects.judge(case, Fate.DIED, 0.0).then:
            if then is Then.TRIAL:
                self.trials.join(request)
            else:
                self._refuse(request)

    def try_all(self) -> None:
        """One trial after the other, as long as there are servers."""
        while self.trials:
            request = next(iter(self.trials._line))
            assert isinstance(request, Suspect)
            if self.replicas:
                self.together(min(self.replicas), [request])
            else:
                self._refuse(request)
            self.trials.leave(request)

    def _answer(self, replica: str, request: Suspect) -> None:
        self.suspects.begun(replica, request)
        self.suspects.ended(replica, request, 0.0)
        self.suspects.answered(request)
        self.answered.add(request.id)

    def _refuse(self, request: Suspect) -> None:
        self.refused.add(request.id)


@given(
    requests=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    killers=st.sets(st.integers(0, 11), max_size=3),
)
def test_always(requests: list[int], killers: set[int]) -> None:
    """Requests of any number spread over four servers; some of them kill."""
    world = World({"a", "b", "c", "d"}, frozenset(killers & set(range(len(requests)))))
    for place, replica in enumerate("abcd"):
        here = [Suspect(n, f"t{n}") for n, at in enumerate(requests) if at == place]
        if here:
            world.together(replica, here)
    world.try_all()
    everyone = set(range(len(requests)))
    assert world.answered | world.refused == everyone
    assert not world.answered & world.refused
    assert not world.answered & world.killers
    assert all(len(dead) <= MOST_DEATHS for dead in world.killed.values())
    if world.replicas:
        assert world.refused <= world.killers, "an innocent one is answered where a server lives"
