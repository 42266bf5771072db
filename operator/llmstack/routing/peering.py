"""Whom does a gateway count on, and may it grant?

    connected both ways, and its beat came ──> in the view
    silent for SILENCE | its process is gone | another process of its name ──> out of it

An owner grants only while all members of its view say that they are in the same one. That is worth
VALID seconds from the moment when the beat was sent which they answer; a member drops another one
only after SILENCE without a word of it, which is longer, or when its process is proven dead: so two
owners of one model never grant at the same time, whoever is paused or cut off, while clocks run at
about the same speed.

Who agrees with nobody for GRACE seconds goes on alone (`alone`), as in a partition: then slots may
be given out twice, which `/slots` limits and the numbers show.

Pure: the shell tells what happens and when, and asks `view`, `permit` and `cuts`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from llmstack.routing.peer_messages import Beat
from llmstack.routing.view import Member, View

BEAT = 0.25
"""Seconds between beats, and between looks at the clock."""
VALID = 1.0
SILENCE = 1.5
GRACE = 2.0
GAP = 0.5
"""A look that comes so late says that this process was paused: what it heard before is old."""
_FOREVER = float("inf")
_NEVER = float("-inf")
_REMEMBERED_BEATS = 64


@dataclass(slots=True)
class _Peer:
    """What is known of another gateway.

    `out`: the connection to it is up, `inn`: its own is; `gone`: its address refused us since.
    `member` is who came. `told`: the view of its last State. `until`: it grants that view until
    then at least.
    """

    out: bool = False
    inn: bool = False
    gone: bool = False
    member: Member | None = None
    present: bool = False
    heard: float = _NEVER
    saw: int = 0
    told: str = ""
    view: str = ""
    until: float = _NEVER


class Peering:
    """The view of one gateway. Times are of one monotonic clock and never go back.

    `doubts` counts how often the others may have dropped this gateway without its knowing: what was
    granted before and has not been sent to a replica by then may belong to somebody else now.
    """

    def __init__(self, me: Member, now: float) -> None:
        """Nothing is granted before expect()."""
        self.me = me
        self.term = 1
        self.alone = False
        self.changes = 0
        self.doubts = 0
        self.view = View([me])
        self._expected: set[str] | None = None
        self._peers: dict[str, _Peer] = {}
        self._cuts: set[str] = set()
        self._number = 0
        self._sent: dict[int, float] = {}
        self._looked = now
        self._agreed = now
        self._began = now

    def expect(self, names: Iterable[str], now: float) -> None:
        """These may be there: nothing is granted before each was reached or has refused a
        connection, or for GRACE seconds.
        """
        if self._expected is None:
            self._expected = set(names) - {self.me.name}
            self._began = self._agreed = now

    # What the connections tell

    def connected(self, name: str, now: float) -> None:
        """The connection to a peer is up."""
        self._look(now)
        peer = self._peer(name)
        peer.out, peer.gone = True, False

    def disconnected(self, name: str) -> None:
        """The connection to a peer is down."""
        peer = self._peer(name)
        peer.out = False
        self.doubts += 1
        self._bury(name, peer)

    def refused(self, name: str, now: float) -> None:
        """There is no process at its address: if it was there, it is dead."""
        self._look(now)
        self._found(name)
        peer = self._peer(name)
        peer.gone = True
        self._bury(name, peer)

    def came(self, member: Member, now: float) -> None:
        """A peer's own connection is up. Nothing that came before on another one counts."""
        self._look(now)
        peer = self._peer(member.name)
        if peer.present and peer.member is not None and peer.member.epoch != member.epoch:
            peer.present = False  # The one that was there has ended.
            self._change()
        peer.member, peer.inn, peer.told, peer.view = member, True, "", ""
        peer.until, peer.heard, peer.saw = _NEVER, now, 0
        self.doubts += 1

    def left(self, name: str) -> None:
        """A peer's own connection is down. It stays in the view until it is dead or silent."""
        peer = self._peer(name)
        peer.inn, peer.told, peer.view, peer.until, peer.saw = False, "", "", _NEVER, 0
        self.doubts += 1
        self._bury(name, peer)

    def beat(self, name: str, beat: Beat, now: float) -> None:
        """A beat of a peer came, by its own connection."""
        self._look(now)
        peer = self._peers.get(name)
        if peer is None or peer.member is None:
            return
        peer.heard, peer.saw, peer.view = now, beat.number, beat.view
        self.term = max(self.term, beat.term)
        if peer.member.owning is not beat.owning:
            peer.member = peer.member._replace(owning=beat.owning)
            if peer.present:
                self._change()
        if peer.out and not peer.present:
            peer.present = True
            self._found(name)
            self._change()
        sent = self._sent.get(beat.saw)
        if sent is not None and beat.view == self.view.id:
            peer.until = max(peer.until, sent + VALID)

    def stated(self, name: str, view: str) -> None:
        """A peer said which view it is in, and all it has."""
        peer = self._peers.get(name)
        if peer is not None:
            peer.told = view

    def retire(self) -> None:
        """This gateway is about to stop: it owns nothing from now on."""
        self.me = self.me._replace(owning=False)
        self._change()

    # What follows

    def tick(self, now: float) -> None:
        """Time has passed. Called every BEAT."""
        self._look(now)
        for name, peer in list(self._peers.items()):
            silent = now - peer.heard > SILENCE
            if silent and (peer.present or peer.member is not None):
                self._drop(name, peer)
        if self.permit(now) > now:
            self._agreed, self.alone = now, False
        elif now - self._agreed > GRACE:
            self.alone = True

    def permit(self, now: float) -> float:
        """Until when it may grant by what it knows now; in the past: it may not."""
        if self._expected is None or (self._expected and now < self._began + GRACE):
            return _NEVER
        until = _FOREVER
        for peer in self._peers.values():
            if peer.present:
                if peer.told != self.view.id:
                    return _NEVER
                until = min(until, peer.until)
        return until

    def grants_until(self, now: float) -> float:
        """The same, but that who is alone may."""
        return _FOREVER if self.alone else self.permit(now)

    def is_certain(self, now: float) -> bool:
        """True if the others count on this gateway now, or it is alone."""
        self._look(now)
        return self.grants_until(now) > now

    def claim(self) -> int:
        """A term above all that is known, for what is owned from now on."""
        self.term += 1
        return self.term

    def next_beat(self, now: float) -> int:
        """The number of the beat that is sent to all now."""
        self._number += 1
        self._sent[self._number] = now
        self._sent.pop(self._number - _REMEMBERED_BEATS, None)
        return self._number

    def beat_for(self, name: str) -> Beat:
        """What to tell this peer."""
        peer = self._peers.get(name)
        saw = peer.saw if peer is not None else 0
        return Beat(self._number, saw, self.view.id, self.term, self.me.owning)

    def cuts(self) -> set[str]:
        """Peers that were dropped since this was asked: both connections with them are to end."""
        cuts, self._cuts = self._cuts, set()
        return cuts

    def agrees(self, name: str) -> bool:
        """True if this peer's State is of the view that is ours."""
        peer = self._peers.get(name)
        return peer is not None and peer.present and peer.told == self.view.id

    def reached(self) -> list[str]:
        """Peers to which our connection is up."""
        return [name for name, peer in self._peers.items() if peer.out]

    def is_present(self, name: str) -> bool:
        """True if it is in the view."""
        peer = self._peers.get(name)
        return peer is not None and peer.present

    def owner(self, model: str) -> str:
        """Who grants for this model, as this gateway sees it."""
        return self.me.name if self.alone else self.view.owner(model)

    def _look(self, now: float) -> None:
        if now - self._looked > GAP:
            self.doubts += 1
            self._sent.clear()  # What answers an older beat says nothing of now.
            self._agreed = now
            for peer in self._peers.values():
                peer.until = _NEVER
                peer.heard = max(peer.heard, now) if peer.present else peer.heard
        self._looked = now

    def _found(self, name: str) -> None:
        if self._expected is not None:
            self._expected.discard(name)

    def _peer(self, name: str) -> _Peer:
        return self._peers.setdefault(name, _Peer())

    def _bury(self, name: str, peer: _Peer) -> None:
        """A process whose connections are reset, and whose address refuses others, is dead."""
        if peer.out or peer.inn:
            return
        if peer.member is None:
            del self._peers[name]  # Nothing is known of it.
        elif peer.gone:
            self._drop(name, peer)

    def _drop(self, name: str, peer: _Peer) -> None:
        del self._peers[name]
        self._cuts.add(name)
        if peer.present:
            self._change()

    def _change(self) -> None:
        members = [p.member for p in self._peers.values() if p.present and p.member is not None]
        self.view = View([self.me, *members])
        self.term += 1
        self.changes += 1
        for peer in self._peers.values():
            peer.until = _NEVER
