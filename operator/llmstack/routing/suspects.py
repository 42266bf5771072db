"""Which request killed a server? Suspects are the requests at it that have no first byte yet.

    sent ──first byte──> cleared
      └─connection broke, and the server
            lives, or its end was announced ───────────────> elsewhere
            died ─┬─ one suspect ──────────────────────────> refused, its tenant is blamed
                  └─ several suspects ── one at a time ──> trial ──first byte──> cleared
                                                             └─ died again ───> refused

If a server dies without suspects while exactly one response was being sent, that request is blamed.
So no request kills more than two servers. A request remains a suspect for a moment after its client
has left, and the deaths count against its body if that is sent again. All this is kept per model;
each event brings the time.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

MOST_DEATHS = 2
"""Servers that may die under a request before it is refused."""
MOST_BREAKS = 3
"""Connections of a request that may break before a response, announced ends included."""
LEFT_SECONDS = 1.0
"""Seconds for which a request whose client has left is a suspect after its connection ended."""
REMEMBERED_SECONDS = 3600.0
"""Seconds for which a body that killed servers is remembered."""
_REMEMBERED = 1024
"""Bodies remembered at most."""
_LATELY = 256
"""Requests remembered at most whose clients have left."""
_UNSOLVED = 64
"""Deaths with several suspects that are remembered at most."""


class Fate(StrEnum):
    """What became of a server whose connection broke before it had responded."""

    ALIVE = "alive"
    ANNOUNCED = "announced"
    """The catalog announced its end: it is terminating or has been removed."""
    UNREADY = "unready"
    """It was already getting no new requests, for whatever reason."""
    DIED = "died"


class Then(StrEnum):
    """What happens to a request whose server broke its connection."""

    ELSEWHERE = "elsewhere"
    """Another replica may serve it at once."""
    TRIAL = "trial"
    """It is tried once more, while no other suspect is being tried."""
    REFUSED = "refused"


@dataclass(eq=False)
class Suspect:
    """One request.

    `label` is its request id; `digest` identifies its body, b"" if unknown. `deaths` counts servers
    that died while it was a suspect. `odd` counts servers that broke its connection for no known
    reason. `breaks` counts all its connections that ended before a response. `stale` is True if the
    latest break may be that of a kept idle connection. `gone` is True once its client has left.
    """

    id: int
    tenant: str
    label: str = ""
    digest: bytes = b""
    deaths: int = field(default=0, init=False)  # a class default, so that creating one is cheap
    odd: int = field(default=0, init=False)
    breaks: int = field(default=0, init=False)
    stale: bool = field(default=False, init=False)
    gone: bool = field(default=False, init=False)


@dataclass(slots=True, eq=False)
class Case:
    """A server that broke connections, before a response (`broken`) or during one (`cut`).

    `expected` holds the ids of requests at it whose connections will break too.
    """

    replica: str
    opened: float
    expected: set[int]
    broken: list[Suspect] = field(default_factory=list)
    cut: list[Suspect] = field(default_factory=list)

    @property
    def answering(self) -> Suspect | None:
        """The request whose response it was sending, or None unless it did nothing else."""
        return self.cut[0] if len(self.cut) == 1 and not self.broken else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to each remaining suspect, and who is blamed for a death.

    `died` is True if there is a death to report. `suspects` is their number, those whose clients
    had left included; without any, it is the number of responses that were cut off.
    """

    then: tuple[tuple[Suspect, Then], ...]
    died: bool = False
    suspects: int = 0
    blamed: tuple[Suspect, ...] = ()


@dataclass(slots=True)
class _Known:
    """A body under which servers died."""

    deaths: int
    until: float


class Suspects:
    """One model's requests without a first byte, and the deaths of its replicas."""

    def __init__(self) -> None:
        self._at: dict[str, dict[int, Suspect]] = {}
        self._open: dict[str, Case] = {}
        self._lately: deque[tuple[float, str, Suspect]] = deque(maxlen=_LATELY)
        self._known: dict[bytes, _Known] = {}
        self._unsolved: deque[set[Suspect]] = deque(maxlen=_UNSOLVED)

    @property
    def knows_bodies(self) -> bool:
        """True if any body is remembered, so that a request's digest is worth computing."""
        return bool(self._known)

    def recall(self, suspect: Suspect, now: float) -> Then:
        """Returns what a new request may do by what is known of its body: ELSEWHERE allows all."""
        known = self._known.get(suspect.digest)
        if known is None:
            return Then.ELSEWHERE
        if known.until <= now:
            del self._known[suspect.digest]
            return Then.ELSEWHERE
        suspect.deaths = known.deaths
        return Then.REFUSED if known.deaths >= MOST_DEATHS else Then.TRIAL

    def sent(self, replica: str, suspect: Suspect) -> None:
        """Records that a request is sent to this replica."""
        at = self._at.get(replica)
        if at is None:
            at = self._at[replica] = {}
        at[suspect.id] = suspect

    def begun(self, replica: str, suspect: Suspect) -> tuple[Suspect, ...]:
        """Clears a request by its first byte. Returns whom to blame for a death it has solved."""
        self._at[replica].pop(suspect.id, None)
        return self._solve(suspect) if suspect.deaths else ()

    def answered(self, suspect: Suspect) -> None:
        """Forgets the body of a request whose response is complete."""
        if suspect.deaths:
            self._known.pop(suspect.digest, None)
            suspect.deaths = 0

    def ended(self, replica: str, suspect: Suspect, now: float) -> None:
        """Records that a connection ended without a break. Ignores requests no longer there."""
        at = self._at.get(replica)
        if at is None:
            return
        if at.pop(suspect.id, None) is not None and suspect.gone:
            self._lately.append((now, replica, suspect))
        if not at:
            del self._at[replica]

    def broke(self, replica: str, suspect: Suspect, stale: bool, now: float) -> Case:
        """Records that a connection broke before a response. The request then waits for judge()."""
        self._at.get(replica, {}).pop(suspect.id, None)
        suspect.breaks += 1
        suspect.stale = stale
        case = self._open.get(replica) or self._new_case(replica, now)
        case.broken.append(suspect)
        return case

    def was_cut(self, replica: str, suspect: Suspect, now: float) -> Case:
        """Records that a response was cut off. Its request gets no other try."""
        case = self._open.get(replica) or self._new_case(replica, now)
        case.cut.append(suspect)
        return case

    def lost(self, replica: str, now: float) -> Case | None:
        """Opens a case for a replica that seems to have died, though no connection broke.

        Returns None if a case is open, or if no request whose client has left could be a suspect.
        """
        if replica in self._open or not self._left_lately(replica, now):
            return None
        return self._new_case(replica, now)

    def settled(self, case: Case) -> bool:
        """True if all connections that were to end with this server have ended."""
        return not case.expected.intersection(self._at.get(case.replica, ()))

    def judge(self, case: Case, fate: Fate, now: float) -> Verdict:
        """Returns what happens to the requests at a server whose fate is known."""
        self._open.pop(case.replica, None)
        if fate is not Fate.DIED:
            return Verdict(tuple((each, _after_end(each, fate)) for each in case.broken))
        left = self._left_lately(case.replica, case.opened)
        self._lately = deque((e for e in self._lately if e[2] not in left), maxlen=_LATELY)
        suspects = case.broken + left
        if case.answering and not left:
            suspects = [case.answering]
        for suspect in suspects:
            suspect.deaths += 1
        proven = [each for each in suspects if each.deaths >= MOST_DEATHS]
        blamed = proven or (suspects if len(suspects) == 1 else [])
        self._remember(suspects, now)
        if suspects and not blamed:
            self._unsolved.append(set(suspects))
        then = tuple((each, _after_death(each, each in blamed)) for each in case.broken)
        died = bool(suspects or case.cut)
        return Verdict(then, died, len(suspects) or len(case.cut), tuple(blamed))

    def _new_case(self, replica: str, now: float) -> Case:
        case = self._open[replica] = Case(replica, now, set(self._at.get(replica, ())))
        return case

    def _left_lately(self, replica: str, since: float) -> list[Suspect]:
        """Returns requests whose clients had left, and whose connections ended since about then."""
        earliest = since - LEFT_SECONDS
        return [each for ended, at, each in self._lately if at == replica and ended >= earliest]

    def _remember(self, suspects: Iterable[Suspect], now: float) -> None:
        for suspect in suspects:
            if suspect.digest:
                until = now + REMEMBERED_SECONDS
                self._known[suspect.digest] = _Known(suspect.deaths, until)
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def _solve(self, cleared: Suspect) -> tuple[Suspect, ...]:
        """Returns whom to blame if only requests of one tenant, with clients gone, are left."""
        for unsolved in list(self._unsolved):
            if cleared in unsolved:
                unsolved.discard(cleared)
                if all(each.gone for each in unsolved):
                    self._unsolved.remove(unsolved)
                    if len({each.tenant for each in unsolved}) == 1:
                        return tuple(unsolved)
        return ()


def _after_end(suspect: Suspect, fate: Fate) -> Then:
    """Returns what happens to a request whose server did not die, as far as is known."""
    if suspect.stale and fate is Fate.ALIVE:
        suspect.breaks -= 1  # The server closed an idle connection, which says nothing.
        return Then.ELSEWHERE
    suspect.odd += fate is not Fate.ANNOUNCED
    return Then.REFUSED if _is_worn_out(suspect) else Then.ELSEWHERE


def _after_death(suspect: Suspect, blamed: bool) -> Then:
    return Then.REFUSED if blamed or _is_worn_out(suspect) else Then.TRIAL


def _is_worn_out(suspect: Suspect) -> bool:
    return suspect.deaths + suspect.odd >= MOST_DEATHS or suspect.breaks >= MOST_BREAKS


class OneAtATime:
    """Lets requests go one at a time, in the order in which they came."""

    def __init__(self) -> None:
        self._line: dict[Hashable, None] = {}

    def __len__(self) -> int:
        return len(self._line)

    def join(self, who: Hashable) -> bool:
        """Adds a request. Returns True if it may go now; otherwise leave() will name it."""
        self._line[who] = None
        return next(iter(self._line)) == who

    def leave(self, who: Hashable) -> Hashable | None:
        """Removes a request. Returns the next one to go, if it was this one's turn, or None."""
        if who not in self._line:
            return None
        was_first = next(iter(self._line)) == who
        del self._line[who]
        return next(iter(self._line), None) if was_first else None
