"""Which request ended a server? Those that were at it without a first byte are its suspects.

    sent ──first byte──> cleared
      └─broke, the server:  lives, or its end was announced ──> elsewhere
                            died ─┬─ one suspect ──────────────> refused, its tenant is to blame
                                  └─ several ── one at a time ─> trial ──first byte──> cleared
                                                                   └─ died again ────> refused

Where a server dies that had answered all, one whose answer was cut off alone is to blame as well.
So a request ends two servers at most. A client that has left answers for its request all the same,
and one that sends the same body again goes on where that stood. One model's; the time comes with
each event.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

MOST_DEATHS = 2
"""Servers that a request may end."""
MOST_BREAKS = 3
"""Connections of a request that break before an answer, announced ends among them."""
LEFT_SECONDS = 1.0
"""A request whose client has left is a suspect for that long after its connection has ended."""
REMEMBERED_SECONDS = 3600.0
"""A body that ended servers is known for that long."""
_REMEMBERED = 1024
_LATELY = 256
_UNSOLVED = 64


class Fate(StrEnum):
    """What became of a server whose connection broke before it had answered."""

    ALIVE = "alive"
    ANNOUNCED = "announced"
    """The catalog said that it ends: it terminates, or is not there any more."""
    UNREADY = "unready"
    """It took no new requests already, for whatever reason."""
    DIED = "died"


class Then(StrEnum):
    """What happens to a request whose server broke its connection."""

    ELSEWHERE = "elsewhere"
    """Another replica may serve it at once."""
    TRIAL = "trial"
    """It is tried once more, while no other suspect is."""
    REFUSED = "refused"


@dataclass(eq=False)
class Suspect:
    """One request. `label` is its request id, `digest` names its body (b"": not known).

    `deaths`: servers that died under it, by it or another one. `odd`: servers that broke its
    connection without a reason that is known. `breaks`: all ends of its connections before an
    answer. `stale`: the newest may have been that of an idle connection. `gone`: its client left.
    """

    id: int
    tenant: str
    label: str = ""
    digest: bytes = b""
    deaths: int = field(default=0, init=False)  # Those of the class, until something happens.
    odd: int = field(default=0, init=False)
    breaks: int = field(default=0, init=False)
    stale: bool = field(default=False, init=False)
    gone: bool = field(default=False, init=False)


@dataclass(slots=True, eq=False)
class Case:
    """A server that broke connections: before an answer, or cutting it off.

    `expected`: requests at it whose connections will follow.
    """

    replica: str
    opened: float
    expected: set[int]
    broken: list[Suspect] = field(default_factory=list)
    cut: list[Suspect] = field(default_factory=list)

    @property
    def answering(self) -> Suspect | None:
        """The one whose answer it was giving, where it did nothing else."""
        return self.cut[0] if len(self.cut) == 1 and not self.broken else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows for each living suspect, and whom to blame for a death.

    `died`: there is a death to tell of. `suspects`: how many there were, those that had left too;
    if none, the answers that were cut off.
    """

    then: tuple[tuple[Suspect, Then], ...]
    died: bool = False
    suspects: int = 0
    blamed: tuple[Suspect, ...] = ()


@dataclass(slots=True)
class _Known:
    """A body that servers died under."""

    deaths: int
    until: float


class Suspects:
    """The requests of one model that have no first byte yet, and the deaths among its replicas."""

    def __init__(self) -> None:
        self._at: dict[str, dict[int, Suspect]] = {}
        self._open: dict[str, Case] = {}
        self._lately: deque[tuple[float, str, Suspect]] = deque(maxlen=_LATELY)
        self._known: dict[bytes, _Known] = {}
        self._unsolved: deque[set[Suspect]] = deque(maxlen=_UNSOLVED)

    @property
    def knows_bodies(self) -> bool:
        """Whether any body is remembered, so that it is worth knowing a request's."""
        return bool(self._known)

    def recall(self, suspect: Suspect, now: float) -> Then:
        """What a request that comes with a known body may do: ELSEWHERE is anything."""
        known = self._known.get(suspect.digest)
        if known is None:
            return Then.ELSEWHERE
        if known.until <= now:
            del self._known[suspect.digest]
            return Then.ELSEWHERE
        suspect.deaths = known.deaths
        return Then.REFUSED if known.deaths >= MOST_DEATHS else Then.TRIAL

    def sent(self, replica: str, suspect: Suspect) -> None:
        """It is on its way to this replica."""
        at = self._at.get(replica)
        if at is None:
            at = self._at[replica] = {}
        at[suspect.id] = suspect

    def begun(self, replica: str, suspect: Suspect) -> tuple[Suspect, ...]:
        """Its first byte came. Returns whom to blame for a death that this has solved."""
        self._at[replica].pop(suspect.id, None)
        return self._solve(suspect) if suspect.deaths else ()

    def answered(self, suspect: Suspect) -> None:
        """All of its answer came: its body is forgotten."""
        if suspect.deaths:
            self._known.pop(suspect.digest, None)
            suspect.deaths = 0

    def ended(self, replica: str, suspect: Suspect, now: float) -> None:
        """Its connection is over, or another request's, without a break that it waits for."""
        at = self._at.get(replica)
        if at is None:
            return
        if at.pop(suspect.id, None) is not None and suspect.gone:
            self._lately.append((now, replica, suspect))
        if not at:
            del self._at[replica]

    def broke(self, replica: str, suspect: Suspect, stale: bool, now: float) -> Case:
        """Its connection broke before an answer: it waits for judge()."""
        self._at.get(replica, {}).pop(suspect.id, None)
        suspect.breaks += 1
        suspect.stale = stale
        case = self._open.get(replica) or self._new_case(replica, now)
        case.broken.append(suspect)
        return case

    def was_cut(self, replica: str, suspect: Suspect, now: float) -> Case:
        """Its answer broke off. Nothing can follow for it."""
        case = self._open.get(replica) or self._new_case(replica, now)
        case.cut.append(suspect)
        return case

    def lost(self, replica: str, now: float) -> Case | None:
        """It seems to have died, and no request says so. None: nobody is there to suspect."""
        if replica in self._open or not self._left_lately(replica, now):
            return None
        return self._new_case(replica, now)

    def settled(self, case: Case) -> bool:
        """Whether all connections have ended that end with this server."""
        return not case.expected.intersection(self._at.get(case.replica, ()))

    def judge(self, case: Case, fate: Fate, now: float) -> Verdict:
        """What follows for the requests at a server whose end is known."""
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
        """Requests whose clients had left, and whose connections have ended since about then."""
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
        """Where only those are left whose clients have gone, and all of one tenant: it was they."""
        for unsolved in list(self._unsolved):
            if cleared in unsolved:
                unsolved.discard(cleared)
                if all(each.gone for each in unsolved):
                    self._unsolved.remove(unsolved)
                    if len({each.tenant for each in unsolved}) == 1:
                        return tuple(unsolved)
        return ()


def _after_end(suspect: Suspect, fate: Fate) -> Then:
    """Its server did not die, as far as is known."""
    if suspect.stale and fate is Fate.ALIVE:
        suspect.breaks -= 1  # The connection was closed for being idle: it says nothing.
        return Then.ELSEWHERE
    suspect.odd += fate is not Fate.ANNOUNCED
    return Then.REFUSED if _is_worn_out(suspect) else Then.ELSEWHERE


def _after_death(suspect: Suspect, blamed: bool) -> Then:
    return Then.REFUSED if blamed or _is_worn_out(suspect) else Then.TRIAL


def _is_worn_out(suspect: Suspect) -> bool:
    return suspect.deaths + suspect.odd >= MOST_DEATHS or suspect.breaks >= MOST_BREAKS


class OneAtATime:
    """Who may go, of those that must go one by one? In the order in which they came."""

    def __init__(self) -> None:
        self._line: dict[Hashable, None] = {}

    def __len__(self) -> int:
        return len(self._line)

    def join(self, who: Hashable) -> bool:
        """It wants to go. True: now; False: when leave() names it."""
        self._line[who] = None
        return next(iter(self._line)) == who

    def leave(self, who: Hashable) -> Hashable | None:
        """It has been, or wants no more. Returns who goes next, if this was its turn."""
        if who not in self._line:
            return None
        was_first = next(iter(self._line)) == who
        del self._line[who]
        return next(iter(self._line), None) if was_first else None
