"""Whatever a watch delays, drops, doubles or mixes up: what does the operator do about it?

A model of the API server keeps objects and versions. People delete, edit and unlabel them; the
operator, whenever it has a pass, makes what its store does not have. Between the two lies a watch
that may do all that a watch may do, and more: it is also cut, and then there is a new list.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmstack.controller.names import NameIndex
from llmstack.controller.sight import Sight
from llmstack.controller.store import Store
from llmstack.kube.kinds import SERVICE
from tests.unit.controller.objects import Object, thing

NAMES = ("a",)
Event = tuple[Object, bool]


@dataclass
class Server:
    """Objects by name as (uid, version, labelled), and the events that nobody has read yet."""

    version: int = 10
    made: int = 0
    objects: dict[str, tuple[str, int, bool]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def create(self, name: str) -> Object | None:
        """None if there is one already."""
        if name in self.objects:
            return None
        self.made += 1
        return self._write(name, f"uid-{self.made}", labelled=True)

    def touch(self, name: str, *, labelled: bool) -> Object:
        return self._write(name, self.objects[name][0], labelled=labelled)

    def delete(self, name: str) -> None:
        uid, _, labelled = self.objects.pop(name)
        self.version += 1
        if labelled:
            self.events.append((self._body(name, uid, self.version), True))

    def body(self, name: str) -> Object:
        uid, version, _ = self.objects[name]
        return self._body(name, uid, version)

    def labelled(self) -> list[str]:
        return [name for name, (_, _, labelled) in self.objects.items() if labelled]

    def _write(self, name: str, uid: str, *, labelled: bool) -> Object:
        before = self.objects.get(name)
        self.version += 1
        self.objects[name] = (uid, self.version, labelled)
        body = self._body(name, uid, self.version)
        if labelled or (before and before[2]):
            self.events.append((body, not labelled))
        return body

    def _body(self, name: str, uid: str, version: int) -> Object:
        return thing(SERVICE, name, version, uid, spec={"at": version})


class Story:
    """The operator on one side of the watch, the server on the other."""

    def __init__(self) -> None:
        self.server = Server()
        self.sight = Sight(Store(), NameIndex(), lambda *_, **__: None)
        self.told: list[Event] = []
        self.lists: list[tuple[dict[str, tuple[str, str]], int]] = []
        self.own: dict[str, tuple[str, int]] = {}
        """Of what was written by the operator and touched by nobody since: uid and version."""

    def people(self, name: str, what: str) -> None:
        if name not in self.server.objects:
            if what == "create":
                self.server.create(name)
            return
        self.own.pop(name, None)
        if what == "delete":
            self.server.delete(name)
        else:
            self.server.touch(name, labelled=what == "edit")

    def operate(self, name: str) -> None:
        """A pass: makes what is not there, or puts the label back."""
        if self._live(name):
            return
        written = name in self.own
        body = self.server.create(name)
        if body is None:
            assert not written, f"made {name} twice"
            body = self.server.touch(name, labelled=True)
        self._wrote(name, body)

    def repair(self, name: str) -> None:
        """A pass that writes over what is there. Another one of the name is a conflict."""
        live = self._live(name)
        found = self.server.objects.get(name)
        if live and found and found[0] == live["metadata"]["uid"]:
            self._wrote(name, self.server.touch(name, labelled=True))

    def withdraw(self, name: str) -> None:
        """A pass that no longer wants it."""
        live = self._live(name)
        if live is None:
            return
        uid = live["metadata"]["uid"]
        if name in self.server.objects and self.server.objects[name][0] == uid:
            self.server.delete(name)
        self.sight.removed(SERVICE, ("team", name), uid)
        self.own.pop(name, None)
        assert self._live(name) is None

    def deliver(self, index: int, *, again: bool) -> None:
        """One of the events that are on their way, not always the oldest, maybe twice."""
        if self.server.events:
            index %= len(self.server.events)
            body, deleted = self.server.events[index]
            if not again:
                del self.server.events[index]
            self.told.append((body, deleted))
            self.sight.note(SERVICE, body, deleted=deleted)

    def repeat(self, index: int) -> None:
        """Something that was told long ago is told again."""
        if self.told:
            body, deleted = self.told[index % len(self.told)]
            self.sight.note(SERVICE, body, deleted=deleted)

    def cut(self) -> None:
        """The watch ends for so long that kopf lists anew: what was on its way is lost."""
        self.server.events.clear()
        bodies = [self.server.body(name) for name in self.server.labelled()]
        self.server.events += [(body, False) for body in bodies]
        places = {body["metadata"]["uid"]: ("team", body["metadata"]["name"]) for body in bodies}
        self.lists.append((places, self.server.version))

    def answer(self) -> None:
        """Our own list of a while ago arrives."""
        if self.lists:
            self.sight.listed(SERVICE, None, *self.lists.pop(0))

    def check(self) -> None:
        for name, (uid, version) in self.own.items():
            live = self._live(name)
            assert live, f"{name}, written by the operator, is not known any more"
            assert live["metadata"]["uid"] == uid
            assert int(live["metadata"]["resourceVersion"]) >= version

    def settle(self) -> None:
        """Everything that is on its way arrives; then what is known is what is there."""
        while self.lists:
            self.answer()
        while self.server.events:
            self.deliver(0, again=False)
        known = {body["metadata"]["name"]: body for body in self.sight.store.all(SERVICE, "team")}
        assert sorted(known) == sorted(self.server.labelled())
        for name, body in known.items():
            assert body["metadata"]["resourceVersion"] == str(self.server.objects[name][1])

    def _live(self, name: str) -> Object | None:
        return self.sight.store.get(SERVICE, "team", name)

    def _wrote(self, name: str, body: Object) -> None:
        self.sight.note(SERVICE, body)
        metadata = body["metadata"]
        self.own[name] = metadata["uid"], int(metadata["resourceVersion"])


A = NAMES[0]
STEPS = st.sampled_from(
    [
        *(("people", A, what) for what in ("delete", "edit", "unlabel", "create")),
        *((what, A) for what in ("operate", "repair", "withdraw")),
        *(("deliver", index, False) for index in range(3)),
        ("deliver", 0, True),
        *(("repeat", index) for index in (0, 3)),
        ("cut",),
        ("answer",),
    ]
)
HISTORIES = st.lists(STEPS, min_size=15, max_size=40)


def play(story: Story, step: tuple[object, ...]) -> None:
    match step:
        case ("people", str(name), str(what)):
            story.people(name, what)
        case ("operate", str(name)):
            story.operate(name)
        case ("repair", str(name)):
            story.repair(name)
        case ("withdraw", str(name)):
            story.withdraw(name)
        case ("deliver", int(index), bool(again)):
            story.deliver(index, again=again)
        case ("repeat", int(index)):
            story.repeat(index)
        case ("answer",):
            story.answer()
        case _:
            story.cut()


LATE = [
    *(("people", A, "create"), ("people", A, "delete"), ("operate", A), ("deliver", 0, False)),
    *(("people", A, "delete"), ("cut",), ("answer",), ("repeat", 0)),
]
"""What was there before a cut is told once more, and only the list knows that it is gone."""


@given(HISTORIES)
@example(LATE)
@settings(max_examples=200)
def test_nothing_is_made_twice_and_in_the_end_all_is_known(steps: list[tuple[object, ...]]) -> None:
    story = Story()
    for step in steps:
        play(story, step)
        story.check()
    story.settle()
    for name in NAMES:
        story.operate(name)
    assert sorted(story.server.labelled()) == sorted(NAMES), "what was deleted comes back"


@given(HISTORIES)
def test_after_a_cut_nothing_that_is_gone_is_known(steps: list[tuple[object, ...]]) -> None:
    story = Story()
    for step in steps:
        play(story, step)
    story.cut()
    while story.lists:
        story.answer()
    known = {body["metadata"]["uid"] for body in story.sight.store.all(SERVICE, "team")}
    assert known <= {uid for uid, _, _ in story.server.objects.values()}
