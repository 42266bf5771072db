"""What happens to requests whose replica broke their connections before it had responded?

    broke ──> what became of it? (fate.py) ──> who is to blame? (routing/suspects.py)
                 a trial, or a tenant that is slowed down ──> one at a time

Deaths are counted here for the metrics, the log and /load.
"""

import asyncio
import contextlib
import hashlib
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from functools import partial

from llmstack.gateway.app import OPEN, App
from llmstack.gateway.fate import Fates, Known
from llmstack.gateway.forwarding import Forward
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.refusals import Refused, deadly, slowed
from llmstack.routing.deaths import MOST_TOLD, Death
from llmstack.routing.probation import Probation, Terms
from llmstack.routing.suspects import Case, Fate, OneAtATime, Suspect, Suspects, Then, Verdict
from llmstack.settings.limits import Limits

log = logging.getLogger(__name__)

_WHOLE = 1 << 20
"""Bytes of a body up to which all of it is hashed; of a longer one only the two ends are."""


class _Model:
    """What is known of one model."""

    def __init__(self, terms: Terms) -> None:
        self.suspects = Suspects()
        self.probation = Probation(terms)
        self.deaths: deque[Death] = deque(maxlen=MOST_TOLD)
        self.count = 0
        self.lines: dict[Hashable, OneAtATime] = {}


class Deaths:
    """Follows requests without a first byte, and decides what happens when a replica dies.

    `told(model, death)` is called for each death. `known` returns when a replica's process started.
    """

    def __init__(
        self,
        app: App,
        limits: Limits,
        known: Known = lambda _model, _replica: "",
        told: Callable[[str, Death], None] = lambda _model, _death: None,
    ) -> None:
        self._app = app
        self._limits = limits
        self._told = told
        self._epoch = uuid.uuid4().hex[:10]
        self._fates = Fates(lambda: app.catalog, known, limits.verdict_seconds)
        self._terms = Terms(pause=limits.strike_pause_seconds, slow=limits.strike_slow_seconds)
        self._models: dict[str, _Model] = {}
        self._cases: dict[Case, asyncio.Task[None]] = {}
        self._verdicts: dict[Suspect, tuple[Forward, asyncio.Future[Then]]] = {}
        self._stirred = asyncio.Event()
        self._turns: dict[int, asyncio.Future[None]] = {}

    # Called by the story of a request

    def enter(self, request: Forward) -> None:
        """Adds a request. Raises Refused if its body has killed two replicas lately."""
        model = self._of(request.model.id)
        ask = request.ask
        suspect = request.suspect = Suspect(ask.id, ask.tenant)
        if model.suspects.knows_bodies:
            suspect.digest = _digest(request)
            match model.suspects.recall(suspect, time.monotonic()):
                case Then.REFUSED:
                    raise Refused(deadly(request.model.id))
                case Then.TRIAL:
                    request.trial = True

    async def turn(self, request: Forward) -> None:
        """Waits until the request may be sent: only a suspect, or one of a slowed tenant, waits.

        Raises Refused if that would take longer than the request may wait for a slot.
        """
        model = self._models[request.model.id]
        key = self._line_of(model, request)
        if key is None:
            return
        patience, tenant = request.model.queue.timeout, request.ask.tenant
        if self._pause(model, request) > patience:
            raise Refused(slowed(request.model.id, self._pause(model, request)))
        try:
            async with asyncio.timeout(patience):
                await self._wait_in(model, key, request)
                while pause := self._pause(model, request):  # noqa: ASYNC110 - it may grow
                    await asyncio.sleep(pause)
        except TimeoutError:
            log.warning("a request of tenant %s waited too long for its turn to run alone", tenant)
            seconds = self._pause(model, request)
            raise Refused(slowed(request.model.id, seconds)) from None

    def must_wait(self, request: Forward) -> bool:
        """True if it must go through turn(): it is a suspect, or its tenant is slowed down."""
        model = self._models[request.model.id]
        if not request.trial and not model.probation:
            return False
        key = self._line_of(model, request)
        return key is not None and (request.line is None or request.line[0] != key)

    def sent(self, request: Forward, replica: str) -> None:
        """Records that the request is sent to this replica."""
        self._models[request.model.id].suspects.sent(replica, request.suspect)

    def begun(self, request: Forward, replica: str) -> None:
        """Records the first byte of the response."""
        model = self._models[request.model.id]
        blamed = model.suspects.begun(replica, request.suspect)
        if request.line is not None:
            self._leave_line(request)
        if blamed:
            self._strike(request.model.id, blamed)

    def ended(self, request: Forward, replica: str) -> None:
        """Records that the request's connection has ended."""
        now = time.monotonic()
        self._models[request.model.id].suspects.ended(replica, request.suspect, now)
        if self._cases:
            self._stirred.set()

    def answered(self, request: Forward) -> None:
        """Records that the response is complete."""
        if request.suspect.deaths:
            self._models[request.model.id].suspects.answered(request.suspect)

    def was_cut(self, request: Forward, backend: Backend) -> None:
        """Records that the replica cut the response off, and finds out whether it died."""
        suspect, now = request.suspect, time.monotonic()
        suspect.label = request.note.id.decode("ascii", "replace")
        case = self._models[request.model.id].suspects.was_cut(backend.id, suspect, now)
        if case.answering:
            suspect.digest = suspect.digest or _digest(request)
        self._open(request.model.id, backend, case)

    def left(self, request: Forward) -> None:
        """Records that the client has left."""
        request.suspect.gone = True
        request.suspect.label = request.note.id.decode("ascii", "replace")

    def leave(self, request: Forward) -> None:
        """Ends the request's story, and its turn if it has one."""
        request.suspect.gone = True
        if request.line is not None:
            self._leave_line(request)

    async def after(self, request: Forward, backend: Backend, stale: bool) -> Then:
        """Returns what happens to a request whose connection broke, once that is known.

        `stale` is True if the connection had been idle and not a byte of a response came.
        """
        suspect, now = request.suspect, time.monotonic()
        suspect.label = request.note.id.decode("ascii", "replace")
        suspects = self._models[request.model.id].suspects
        case = suspects.broke(backend.id, suspect, stale, now)
        self._stirred.set()
        future: asyncio.Future[Then] = asyncio.get_running_loop().create_future()
        self._verdicts[suspect] = request, future
        self._open(request.model.id, backend, case)
        try:
            then = await future
        finally:
            self._verdicts.pop(suspect, None)
        request.trial = request.trial or then is Then.TRIAL
        return then

    # Called by the watch on replicas, and by /load

    def lost(self, model: str, backend: Backend) -> None:
        """Records that a replica accepts no connection any more, or that its process changed."""
        known = self._models.get(model)
        case = known.suspects.lost(backend.id, time.monotonic()) if known else None
        if case is not None:
            self._open(model, backend, case)

    def recent(self, model: str) -> tuple[Death, ...]:
        """Returns the latest deaths of a model's replicas, oldest first."""
        known = self._models.get(model)
        return tuple(known.deaths) if known else ()

    def close(self) -> None:
        """Stops judging, because nobody waits for a verdict any more."""
        for task in self._cases.values():
            task.cancel()

    # Judging a death

    def _open(self, model: str, backend: Backend, case: Case) -> None:
        if case not in self._cases:
            task = asyncio.create_task(self._judge(model, backend, case))
            self._cases[case] = task
            task.add_done_callback(partial(self._closed, case))

    def _closed(self, case: Case, task: asyncio.Task[None]) -> None:
        del self._cases[case]
        failed = None if task.cancelled() else task.exception()
        if failed is not None:
            log.error("failed to determine whether a replica died", exc_info=failed)
        if failed is not None or task.cancelled():
            self._answer((suspect, Then.REFUSED) for suspect in case.broken)

    async def _judge(self, model: str, backend: Backend, case: Case) -> None:
        fate = await self._fates.of(model, backend)
        suspects = self._of(model).suspects
        if fate is Fate.DIED:
            await self._settle(suspects, case)
            for suspect in case.broken:
                self._identify(suspect)
        verdict = suspects.judge(case, fate, time.monotonic())
        self._answer(verdict.then)
        if verdict.died:
            self._record(model, backend.id, verdict)

    async def _settle(self, suspects: Suspects, case: Case) -> None:
        """Waits for the other connections to end: a dying process closes all of them at once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.verdict_seconds):
                while not suspects.settled(case):
                    self._stirred.clear()
                    await self._stirred.wait()

    def _identify(self, suspect: Suspect) -> None:
        waiting = self._verdicts.get(suspect)
        if waiting is not None and not suspect.digest:
            suspect.digest = _digest(waiting[0])

    def _answer(self, then: Iterable[tuple[Suspect, Then]]) -> None:
        for suspect, what in then:
            waiting = self._verdicts.get(suspect)
            if waiting is not None and not waiting[1].done():
                waiting[1].set_result(what)

    def _record(self, model: str, replica: str, verdict: Verdict) -> None:
        known = self._of(model)
        blamed = verdict.blamed[0] if verdict.blamed else None
        known.count += 1
        death = Death(
            id=f"{self._epoch}-{known.count}",
            replica=replica,
            at=time.time(),
            suspects=verdict.suspects,
            tenant=blamed.tenant if blamed else "",
            request=blamed.label if blamed else "",
        )
        known.deaths.append(death)
        by = f", by request {death.request} of tenant {death.tenant}" if blamed else ""
        log.warning(
            "replica %s of %s died while processing %d request(s)%s",
            replica,
            model,
            death.suspects,
            by,
        )
        self._strike(model, verdict.blamed)
        self._told(model, death)

    def _strike(self, model: str, blamed: Iterable[Suspect]) -> None:
        """Slows down the tenants to blame; without keys, the one tenant of all is never slowed."""
        for tenant in {suspect.tenant for suspect in blamed} - {OPEN}:
            self._of(model).probation.strike(tenant, time.monotonic())

    # Going one at a time

    def _line_of(self, model: _Model, request: Forward) -> Hashable | None:
        """Returns the line in which the request must wait, or None."""
        if request.trial:
            return Then.TRIAL
        tenant = request.ask.tenant
        if model.probation and model.probation.slowed(tenant, time.monotonic()):
            return ("tenant", tenant)
        return None

    def _pause(self, model: _Model, request: Forward) -> float:
        """Returns the seconds until its tenant may send again; a trial need not wait for that."""
        if request.trial:
            return 0.0
        return model.probation.pause(request.ask.tenant, time.monotonic())

    async def _wait_in(self, model: _Model, key: Hashable, request: Forward) -> None:
        if request.line is not None:
            if request.line[0] == key:
                return
            self._leave_line(request)
        line = model.lines.setdefault(key, OneAtATime())
        request.line = key, line
        if line.join(request.ask.id):
            return
        future = asyncio.get_running_loop().create_future()
        self._turns[request.ask.id] = future
        try:
            await future
        finally:
            self._turns.pop(request.ask.id, None)

    def _leave_line(self, request: Forward) -> None:
        assert request.line is not None
        (key, line), request.line = request.line, None
        following = line.leave(request.ask.id)
        turn = self._turns.get(following) if isinstance(following, int) else None
        if turn is not None and not turn.done():
            turn.set_result(None)
        if not line:
            self._models[request.model.id].lines.pop(key, None)

    def _of(self, model: str) -> _Model:
        known = self._models.get(model)
        if known is None:
            known = self._models[model] = _Model(self._terms)
        return known


def _digest(request: Forward) -> bytes:
    """Returns a digest of what is asked for, independent of who asks."""
    body = request.body
    found = hashlib.blake2b(request.path.encode(), digest_size=16)
    found.update(b"%d" % len(body))
    if len(body) > _WHOLE:
        found.update(body[: _WHOLE // 2])
        found.update(body[-_WHOLE // 2 :])
    else:
        found.update(body)
    return found.digest()
