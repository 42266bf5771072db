"""Whom does a gateway count on, and until when may it grant?"""

import pickle

from llmstack.routing.peer_messages import Beat
from llmstack.routing.peering import BEAT, GRACE, SILENCE, VALID, Peering
from llmstack.routing.view import Member, View

A, B, C = (Member(f"{name}:1", f"epoch of {name}") for name in "abc")


class Bench:
    """a, and what it hears of the others."""

    def __init__(self, *expected: Member) -> None:
        self.now = 100.0
        self.peering = Peering(A, self.now)
        self.peering.expect([member.name for member in expected], self.now)
        self.numbers = 0

    def later(self, seconds: float) -> None:
        """Time passes; the clock is looked at as often as it should be."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + BEAT)
            self.peering.tick(self.now)
            self.number = self.peering.next_beat(self.now)

    def meet(self, member: Member) -> None:
        self.peering.connected(member.name, self.now)
        self.peering.came(member, self.now)
        self.beat(member, "none yet")

    def beat(self, member: Member, view: str | None = None, saw: int | None = None) -> None:
        self.numbers += 1
        number = self.peering.next_beat(self.now) if saw is None else saw
        view = self.peering.view.id if view is None else view
        self.peering.beat(member.name, Beat(self.numbers, number, view, 1, True), self.now)

    def agree(self, *members: Member) -> None:
        for member in members:
            self.peering.stated(member.name, self.peering.view.id)
            self.beat(member)

    @property
    def may(self) -> bool:
        return self.peering.grants_until(self.now) > self.now


def test_alone_by_configuration_it_grants_at_once_and_for_ever() -> None:
    assert Bench().peering.grants_until(100.0) == float("inf")


def test_before_it_knows_whom_to_expect_it_grants_nothing() -> None:
    assert not Peering(A, 100.0).grants_until(100.0) > 100.0


def test_whoever_is_expected_is_reached_or_refuses_or_is_waited_for() -> None:
    bench = Bench(B)
    assert not bench.may
    bench.peering.refused(B.name, bench.now)
    assert bench.may
    silent = Bench(B)
    silent.later(GRACE - BEAT)
    assert not silent.may
    silent.later(2 * BEAT)
    assert silent.may


def test_it_grants_once_all_members_are_in_the_same_view() -> None:
    bench = Bench(B, C)
    bench.meet(B)
    bench.meet(C)
    assert bench.peering.view == View([A, B, C])
    bench.agree(B)
    assert not bench.may
    bench.agree(C)
    assert bench.may


def test_a_word_is_worth_the_time_since_the_beat_that_it_answers() -> None:
    bench = Bench(B)
    bench.meet(B)
    sent, number = bench.now, bench.peering.next_beat(bench.now)
    bench.later(2 * BEAT)
    bench.peering.stated(B.name, bench.peering.view.id)
    bench.beat(B, saw=number)
    assert bench.peering.permit(bench.now) == sent + VALID


def test_a_permit_ends_before_anybody_can_drop_it() -> None:
    bench = Bench(B)
    bench.meet(B)
    bench.agree(B)
    assert bench.peering.permit(bench.now) + BEAT < bench.now + SILENCE


def test_who_is_silent_is_dropped_and_both_connections_with_it() -> None:
    bench = Bench(B)
    bench.meet(B)
    bench.later(SILENCE)
    assert bench.peering.view == View([A, B])
    bench.later(2 * BEAT)
    assert bench.peering.view == View([A])
    assert bench.peering.cuts() == {B.name}
    assert bench.may


def test_a_dead_process_is_not_waited_for() -> None:
    bench = Bench(B)
    bench.meet(B)
    bench.peering.disconnected(B.name)
    bench.peering.refused(B.name, bench.now)
    assert bench.peering.view == View([A, B]), "its own connection is up"
    bench.peering.left(B.name)
    assert bench.peering.view == View([A])


def test_a_connection_that_breaks_is_no_death() -> None:
    bench = Bench(B)
    bench.meet(B)
    bench.agree(B)
    bench.peering.left(B.name)
    bench.peering.disconnected(B.name)
    assert bench.peering.view == View([A, B])
    assert not bench.may
    bench.meet(B)
    bench.agree(B)
    assert bench.may


def test_another_process_of_a_name_replaces_the_first_at_once() -> None:
    bench = Bench(B)
    bench.meet(B)
    again = Member(B.name, "another epoch")
    bench.meet(again)
    assert bench.peering.view == View([A, again])


def test_after_a_pause_of_its_own_it_grants_nothing_until_it_has_heard_its_peers() -> None:
    bench = Bench(B)
    bench.meet(B)
    bench.agree(B)
    old = bench.peering.next_beat(bench.now)
    bench.now += 0.6
    bench.peering.tick(bench.now)
    assert not bench.may
    bench.beat(B, saw=old)
    assert not bench.may, "that was said before the pause"
    bench.beat(B)
    assert bench.may


def test_its_own_pause_is_not_the_silence_of_others() -> None:
    bench = Bench(B)
    bench.meet(B)
    bench.now += 10.0
    bench.peering.tick(bench.now)
    assert bench.peering.view == View([A, B])


def test_where_nobody_agrees_it_grants_alone_after_a_while_and_says_so() -> None:
    bench = Bench(B)
    bench.meet(B)
    for _ in range(20):
        bench.later(BEAT)
        bench.beat(B, "another view")
    assert bench.peering.alone
    assert bench.may
    assert bench.peering.owner("any model") == A.name
    bench.agree(B)
    bench.later(BEAT)
    assert not bench.peering.alone


def test_who_is_about_to_stop_stays_a_member_and_owns_nothing() -> None:
    bench = Bench(B)
    bench.meet(B)
    bench.peering.beat(B.name, Beat(9, 0, "", 1, owning=False), bench.now)
    assert bench.peering.view == View([A, B._replace(owning=False)])
    assert {bench.peering.owner(f"m{n}") for n in range(20)} == {A.name}


def test_terms_rise_above_all_that_was_heard() -> None:
    bench = Bench(B)
    bench.meet(B)
    bench.peering.beat(B.name, Beat(9, 0, "", 70, True), bench.now)
    assert bench.peering.claim() > 70


def test_who_is_gone_for_good_is_forgotten() -> None:
    bench = Bench()
    empty = len(pickle.dumps(bench.peering))
    for number in range(100):
        pod = Member(f"pod-{number}:1", f"epoch of {number}")
        bench.meet(pod)
        bench.agree(pod)
        bench.peering.disconnected(pod.name)
        bench.peering.left(pod.name)
        bench.peering.refused(pod.name, bench.now)
        bench.peering.refused(pod.name, bench.now)
        bench.peering.stated(pod.name, "")
        assert pod.name in bench.peering.cuts()
    bench.later(SILENCE)
    assert len(pickle.dumps(bench.peering)) < empty + 4096


def test_who_was_forgotten_can_come_back() -> None:
    bench = Bench()
    for _ in range(2):
        bench.meet(B)
        bench.agree(B)
        assert bench.may and bench.peering.agrees(B.name)
        bench.peering.disconnected(B.name)
        bench.peering.left(B.name)
        bench.peering.refused(B.name, bench.now)
        assert not bench.peering.is_present(B.name) and bench.may
