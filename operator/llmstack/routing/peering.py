"""Which peers does a gateway count on, and until when may it grant slots?

    connected both ways, and a heartbeat came ────> in the view
    silent for SILENCE | its process is gone |
    a new process has its name ───────────────────> out of the view

An owner grants only while every member of its view reports the same view. Such a report is valid
for VALID seconds, counted from when the heartbeat that it answers was sent. A member drops another
one only after SILENCE, which is longer, or if its process is proven dead. So two owners of one
model never grant at the same time, whichever process is paused or cut off, as long as clocks run at
about the same speed.

A gateway that agrees with nobody for GRACE seconds goes on alone (`alone`), as in a partition.
Slots may then be granted twice; polls of `/slots` limit that and metrics show it.

Pure: the shell reports events with their time, and reads `view`, `permit` and `cuts`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from llmstack.routing.peer_messages import Beat
from llmstack.routing.view import Member, View

BEAT = 0.25
"""Seconds between heartbeats, and between checks of the clock."""
VALID = 1.0
"""Seconds for which a peer's agreement counts, from the sending of the heartbeat that it
answers."""
SILENCE = 1.5
"""Seconds without a heartbeat after which a peer is dropped. Longer than VALID, so that the peer
has stopped granting by then."""
GRACE = 2.0
"""Seconds without agreement after which a gateway goes on alone."""
GAP = 0.5
"""Seconds between two checks of the clock that mean that this process was paused."""
_FOREVER = float("inf")
_NEVER = float("-inf")
_REMEMBERED_BEATS = 64
"""Own heartbeats whose sending time is remembered."""


@dataclass(slots=True)
class _Peer:
    """What is known of another gateway.

    `out` is True while our connection to it is up, `inn` while its connection to us is. `gone` is
    True once its address has refused a connection since. `member` is the process that connected,
    `present` is True if it is in the view. `heard` is when its last heartbeat came, `saw` the
    number of that. `told` is the id of the view in its last State, `view` that in its last
    heartbeat. It agrees with the current view at least until `until`.
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

    `doubts` counts how many times the others may have dropped this gateway without its knowing.
    Slots that were granted before such a moment, and used only after it, may belong to somebody
    else.
    """

    def __init__(self, me: Member, now: float) -> None:
        """Starts without the right to grant; expect() comes first."""
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
        """Names the peers that may exist.

        Nothing is granted before each of them was reached or has refused a connection, or GRACE
        seconds have passed.
        """
        if self._expected is None:
            self._expected = set(names) - {self.me.name}
            self._began = self._agreed = now

    # Events on connections

    def connected(self, name: str, now: float) -> None:
        """Records that our connection to a peer is up."""
        self._look(now)
        peer = self._peer(name)
        peer.out, peer.gone = True, False

    def disconnected(self, name: str) -> None:
        """Records that our connection to a peer is down."""
        peer = self._peer(name)
        peer.out = False
        self.doubts += 1
        self._bury(name, peer)

    def refused(self, name: str, now: float) -> None:
        """Records that no process listens at a peer's address: if one was there, it is dead."""
        self._look(now)
        self._found(name)
        peer = self._peer(name)
        peer.gone = True
        self._bury(name, peer)

    def came(self, member: Member, now: float) -> None:
        """Records that a peer's connection is up. What came on an earlier one no longer counts."""
        self._look(now)
        peer = self._peer(member.name)
        if peer.present and peer.member is not None and peer.member.epoch != member.epoch:
            peer.present = False  # The process that was in the view has ended.
            self._change()
        peer.member, peer.inn, peer.told, peer.view = member, True, "", ""
        peer.until, peer.heard, peer.saw = _NEVER, now, 0
        self.doubts += 1

    def left(self, name: str) -> None:
        """Records that a peer's connection is down. It stays in the view until dead or silent."""
        peer = self._peer(name)
        peer.inn, peer.told, peer.view, peer.until, peer.saw = False, "", "", _NEVER, 0
        self.doubts += 1
        self._bury(name, peer)

    def beat(self, name: str, beat: Beat, now: float) -> None:
        """Takes a heartbeat that came on the peer's connection."""
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
        """Records which view a peer is in; everything that it holds has been reported."""
        peer = self._peers.get(name)
        if peer is not None:
            peer.told = view

    def retire(self) -> None:
        """Gives up all models, because this gateway is about to stop."""
        self.me = self.me._replace(owning=False)
        self._change()

    # What follows from them

    def tick(self, now: float) -> None:
        """Drops silent peers and decides whether to go on alone. Call it every BEAT seconds."""
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
        """Returns until when it may grant by what it knows now. In the past means not at all."""
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
        """Returns the same, but without a limit if the gateway is alone."""
        return _FOREVER if self.alone else self.permit(now)

    def is_certain(self, now: float) -> bool:
        """True if the other gateways count on this one now, or it is alone."""
        self._look(now)
        return self.grants_until(now) > now

    def claim(self) -> int:
        """Returns a term above all known ones, for models that are owned from now on."""
        self.term += 1
        return self.term

    def next_beat(self, now: float) -> int:
        """Returns the number of the heartbeat that is sent to all peers now."""
        self._number += 1
        self._sent[self._number] = now
        self._sent.pop(self._number - _REMEMBERED_BEATS, None)
        return self._number

    def beat_for(self, name: str) -> Beat:
        """Returns the heartbeat for this peer."""
        peer = self._peers.get(name)
        saw = peer.saw if peer is not None else 0
        return Beat(self._number, saw, self.view.id, self.term, self.me.owning)

    def cuts(self) -> set[str]:
        """Returns the peers dropped since the last call; both connections to them must be ended."""
        cuts, self._cuts = self._cuts, set()
        return cuts

    def agrees(self, name: str) -> bool:
        """True if this peer's last State was for our view."""
        peer = self._peers.get(name)
        return peer is not None and peer.present and peer.told == self.view.id

    def reached(self) -> list[str]:
        """Returns the peers to which our connection is up."""
        return [name for name, peer in self._peers.items() if peer.out]

    def is_present(self, name: str) -> bool:
        """True if the peer is in the view."""
        peer = self._peers.get(name)
        return peer is not None and peer.present

    def owner(self, model: str) -> str:
        """Returns the name of the gateway that grants for this model, as this gateway sees it."""
        return self.me.name if self.alone else self.view.owner(model)

    def _look(self, now: float) -> None:
        if now - self._looked > GAP:
            self.doubts += 1
            self._sent.clear()  # Answers to older heartbeats say nothing about now.
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
        """Drops a peer that is dead: both its connections ended, and its address refuses others."""
        if peer.out or peer.inn:
            return
        if peer.member is None:
            del self._peers[name]  # Nothing is known about it.
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
