"""What is there in the cluster, as far as the watches and the operator's own writes have told?

Passes read from here and not from the API server. What is told may come late, twice or in the wrong
order; each rule holds for one object, which is one uid:

    a newer resourceVersion replaces an older one, never the other way round
    what was told to be gone stays gone, but for a newer version (a label that was put back)
    what a complete list does not have is gone, in all versions up to the list's
    the answer to a write of our own counts as what a watch has told

Versions of one kind are numbers that grow (KEP-5504). Pure: no clock, no I/O.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmstack.api.key import Key
from llmstack.controller.projection import Object, project, restore
from llmstack.desired.metadata import DEPLOYMENT_LABEL
from llmstack.kube.kinds import LLM_DEPLOYMENT, Kind
from llmstack.kube.objects import Place, place_of

_GONE_KEPT = 16_384
"""Of so many objects it is remembered that they are gone. Late events are not that late."""
_FOR_EVER = 2**63


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: which one, its newest version that is known, and what is kept of it."""

    uid: str
    version: int
    owner: Key | None
    text: bytes


class Store:
    """Objects by kind, namespace and name, and by the deployment whose label they carry."""

    def __init__(self) -> None:
        self._entries: dict[Kind, dict[Place, Entry]] = defaultdict(dict)
        self._owned: dict[Key, set[tuple[Kind, Place]]] = defaultdict(set)
        self._places: dict[tuple[Kind, str], set[Place]] = defaultdict(set)
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._newest: dict[Kind, int] = defaultdict(int)
        self._lists: dict[tuple[Kind, str | None], tuple[int, set[str]]] = {}
        self._changes: dict[Kind, int] = defaultdict(int)

    def note(self, kind: Kind, body: Mapping[str, Any], *, deleted: bool = False) -> bool:
        """Takes over what was told of an object. Returns whether that was news."""
        metadata = body["metadata"]
        uid, version, place = metadata["uid"], version_of(metadata), place_of(metadata)
        known = self._entries[kind].get(place)
        self._newest[kind] = max(version, self._newest[kind])
        if version <= self._gone.get(uid, -1):
            return False
        if deleted:
            return self._take_out(kind, place, uid, version)
        if (known and version <= known.version) or self._was_gone(kind, place, uid, version):
            return False
        if known and known.uid != uid:
            self._bury(known.uid, version)
        text = project(kind, body)
        self._put(kind, place, Entry(uid, version, _owner(kind, metadata), text))
        if known and (known.uid, known.text) == (uid, text):
            return False
        self._changes[kind] += 1
        return True

    def remove(self, kind: Kind, place: Place, uid: str) -> bool:
        """The API server has answered that this object is deleted. Returns whether it was here."""
        return self._take_out(kind, place, uid, _FOR_EVER)

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        entry = self._entries[kind].get((namespace, name))
        return restore(entry.text, entry.version) if entry else None

    def owned(self, key: Key, *kinds: Kind) -> list[Object]:
        """The objects of these kinds that carry the deployment's label, in order."""
        found = sorted(
            (kind.kind, place, kind) for kind, place in self._owned.get(key, ()) if kind in kinds
        )
        return [self._restored(kind, place) for _, place, kind in found]

    def all(self, kind: Kind, namespace: str = "") -> list[Object]:
        """All objects of a kind: in a namespace, or those that have none."""
        places = sorted(self._places.get((kind, namespace), ()))
        return [self._restored(kind, place) for place in places]

    def deployments(self, namespace: str | None = None) -> list[Key]:
        """The LLMDeployments, of one namespace or all."""
        places = (
            self._entries[LLM_DEPLOYMENT]
            if namespace is None
            else self._places.get((LLM_DEPLOYMENT, namespace), ())
        )
        return [Key(*place) for place in sorted(places)]

    def changes(self, kind: Kind) -> int:
        """How often anything of this kind has changed."""
        return self._changes[kind]

    def newest(self, kind: Kind) -> int:
        """The newest version of any object of this kind that was told; 0 before the first."""
        return self._newest[kind]

    def knows(self, uid: str, kind: Kind, place: Place) -> bool:
        """True if this very object is here, or is known to be gone."""
        entry = self._entries[kind].get(place)
        return uid in self._gone or (entry is not None and entry.uid == uid)

    def vanish(
        self, kind: Kind, namespace: str | None, listed: set[str], version: int
    ) -> list[Object]:
        """Takes out what a complete list of that version does not have, by uid; returns it."""
        self._lists[kind, namespace] = version, listed
        missing = [
            (place, entry)
            for place, entry in self._within(kind, namespace)
            if entry.version <= version and entry.uid not in listed
        ]
        for place, entry in missing:
            self._take_out(kind, place, entry.uid, version)
        return [restore(entry.text, entry.version) for _, entry in missing]

    def _was_gone(self, kind: Kind, place: Place, uid: str, version: int) -> bool:
        """Whether a list was without it that is not older."""
        lists = (self._lists.get((kind, scope)) for scope in (place[0], None))
        return any(each and version <= each[0] and uid not in each[1] for each in lists)

    def _within(self, kind: Kind, namespace: str | None) -> Iterator[tuple[Place, Entry]]:
        entries = self._entries[kind]
        if namespace is None:
            yield from entries.items()
            return
        for place in self._places.get((kind, namespace), ()):
            yield place, entries[place]

    def _restored(self, kind: Kind, place: Place) -> Object:
        entry = self._entries[kind][place]
        return restore(entry.text, entry.version)

    def _put(self, kind: Kind, place: Place, entry: Entry) -> None:
        self._drop(kind, place)
        self._entries[kind][place] = entry
        self._places[kind, place[0]].add(place)
        if entry.owner:
            self._owned[entry.owner].add((kind, place))

    def _take_out(self, kind: Kind, place: Place, uid: str, version: int) -> bool:
        known = self._entries[kind].get(place)
        if known and known.uid == uid and known.version > version:
            return False  # It was written since: the label is back.
        self._bury(uid, version)
        if known is None or known.uid != uid:
            return False
        self._drop(kind, place)
        self._changes[kind] += 1
        return True

    def _bury(self, uid: str, version: int) -> None:
        self._gone[uid] = max(version, self._gone.pop(uid, -1))
        if len(self._gone) > _GONE_KEPT:
            self._gone.popitem(last=False)

    def _drop(self, kind: Kind, place: Place) -> None:
        entry = self._entries[kind].pop(place, None)
        _discard(self._places, (kind, place[0]), place)
        if entry and entry.owner:
            _discard(self._owned, entry.owner, (kind, place))


def version_of(metadata: Mapping[str, Any]) -> int:
    """The resourceVersion as the number that it is; 0 if there is none."""
    return int(metadata.get("resourceVersion") or 0)


def _owner(kind: Kind, metadata: Mapping[str, Any]) -> Key | None:
    if kind == LLM_DEPLOYMENT:
        return None
    name = (metadata.get("labels") or {}).get(DEPLOYMENT_LABEL)
    return Key(metadata["namespace"], name) if name and metadata.get("namespace") else None


def _discard(index: dict[Any, set[Any]], key: Any, item: Any) -> None:
    """Takes the item out of a set of the index, and the set once it is empty."""
    items = index.get(key)
    if items is not None:
        items.discard(item)
        if not items:
            del index[key]
