"""What all hold is bounded, and nobody can hold so much that others find no room."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from llmstack.gateway.http.holdings import Holdings
from llmstack.settings.limits import most_alone

MOST = 1000
TENANTS = st.sampled_from(["a", "b", "c"])
SIZES = st.integers(1, 400)


def filled(holdings: Holdings, tenant: str | None) -> int:
    """It takes all it can, byte by byte."""
    count = 0
    while holdings.take(tenant, 1):
        count += 1
    return count


def test_one_alone_holds_most_but_never_all() -> None:
    holdings = Holdings(MOST, 10)
    assert filled(holdings, "a") == most_alone(MOST) == 750
    assert filled(holdings, "b") > 0


@given(st.integers(1, 6))
def test_whoever_comes_finds_room(before: int) -> None:
    holdings = Holdings(MOST, 10)
    for number in range(before):
        filled(holdings, f"tenant-{number}")
    assert holdings.has_room("new", (MOST - holdings.held) // 2)


def test_who_has_shown_no_key_leaves_room_for_who_has() -> None:
    holdings = Holdings(MOST, 10)
    assert filled(holdings, None) == MOST // 2
    assert holdings.has_room("a", MOST // 4)


def test_a_tenant_is_not_served_on_all_connections() -> None:
    holdings = Holdings(MOST, 100)
    admitted = sum(holdings.admit("a", 0) for _ in range(100))
    assert admitted == 75
    assert holdings.admit("b", 0)
    holdings.end("b", 0)
    holdings.end("a", 0)
    assert holdings.admit("a", 0)


def test_where_no_keys_are_asked_for_all_connections_are_served() -> None:
    holdings = Holdings(MOST, 100)
    assert sum(holdings.admit("", 0) for _ in range(100)) == 100


def test_what_a_stranger_sent_becomes_the_tenants_or_stays() -> None:
    holdings = Holdings(MOST, 10)
    filled(holdings, "a")
    assert holdings.take(None, 100)
    assert not holdings.admit("a", 100)
    assert holdings.held == 850
    assert holdings.admit("b", 100)
    assert holdings.held == 850
    holdings.end("b", 100)
    assert holdings.held == 750


class Anything(RuleBasedStateMachine):
    """Whatever comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.holdings = Holdings(MOST, 10)
        self.served: list[tuple[str, int]] = []
        self.strange: list[int] = []

    @rule(size=SIZES)
    def comes(self, size: int) -> None:
        if self.holdings.take(None, size):
            self.strange.append(size)

    @rule(tenant=TENANTS)
    def shows_a_key(self, tenant: str) -> None:
        if self.strange and self.holdings.admit(tenant, self.strange[-1]):
            self.served.append((tenant, self.strange.pop()))

    @rule(size=SIZES)
    def sends_more(self, size: int) -> None:
        if self.served and self.holdings.take(self.served[0][0], size):
            self.served[0] = (self.served[0][0], self.served[0][1] + size)

    @rule()
    def ends(self) -> None:
        if self.served:
            self.holdings.end(*self.served.pop(0))

    @invariant()
    def adds_up(self) -> None:
        held = sum(size for _, size in self.served) + sum(self.strange)
        assert self.holdings.held == held <= MOST

    @invariant()
    def leaves_room(self) -> None:
        if not self.strange:
            assert self.holdings.has_room("new", (MOST - self.holdings.held) // 2)
            assert self.holdings.held < MOST


TestAnything = Anything.TestCase
