"""What is in the cluster, according to the watches and the operator's own writes?

Passes read from here and not from the API server. Reports may come late, twice or in the wrong
order. The rules hold per object, that is per uid:

    a newer resourceVersion replaces an older one, never the other way round
    an object that was deleted stays deleted, unless a newer version comes (a label was restored)
    an object missing from a complete list is gone, in all versions up to that of the list
    the answer to a write of our own counts like a report of a watch

Versions of one kind are increasing numbers (KEP-5504). Pure: no clock, no I/O.
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
"""Objects whose deletion is remembered; late events do not come later than that."""
_FOR_EVER = 2**63


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: its identity, its newest known version, and what is kept of it."""

    uid: str
    version: int
    owner: Key | None
    text: bytes


class Store:
    """Objects by kind, namespace and name, and by the deployment in their label."""

    def __init__(self) -> None:
        self._entries: dict[Kind, dict[Place, Entry]] = defaultdict(dict)
        self._owned: dict[Key, set[tuple[Kind, Place]]] = defaultdict(set)
        self._places: dict[tuple[Kind, str], set[Place]] = defaultdict(set)
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._newest: dict[Kind, int] = defaultdict(int)
        self._lists: dict[tuple[Kind, str | None], tuple[int, set[str]]] = {}
        self._changes: dict[Kind, int] = defaultdict(int)

    def note(self, kind: Kind, body: Mapping[str, Any], *, deleted: bool = False) -> bool:
        """Takes a report of an object. Returns whether it was news."""
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
        """Removes an object that the API server has deleted. Returns whether it was here."""
        return self._take_out(kind, place, uid, _FOR_EVER)

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Returns the object, or None."""
        entry = self._entries[kind].get((namespace, name))
        return restore(entry.text, entry.version) if entry else None

    def owned(self, key: Key, *kinds: Kind) -> list[Object]:
        """Returns the objects of these kinds with the deployment's label, sorted."""
        found = sorted(
            (kind.kind, place, kind) for kind, place in self._owned.get(key, ()) if kind in kinds
        )
        return [self._restored(kind, place) for _, place, kind in found]

    def all(self, kind: Kind, namespace: str = "") -> list[Object]:
        """Returns all objects of a kind in a namespace ("" for those without one)."""
        places = sorted(self._places.get((kind, namespace), ()))
        return [self._restored(kind, place) for place in places]

    def deployments(self, namespace: str | None = None) -> list[Key]:
        """Returns the LLMDeployments of one namespace, or of all (None)."""
        places = (
            self._entries[LLM_DEPLOYMENT]
            if namespace is None
            else self._places.get((LLM_DEPLOYMENT, namespace), ())
        )
        return [Key(*place) for place in sorted(places)]

    def changes(self, kind: Kind) -> int:
        """Returns how many times any object of this kind has changed."""
        return self._changes[kind]

    def newest(self, kind: Kind) -> int:
        """Returns the newest reported version of any object of this kind; 0 before the first."""
        return self._newest[kind]

    def knows(self, uid: str, kind: Kind, place: Place) -> bool:
        """True if this object is here, or is known to be gone."""
        entry = self._entries[kind].get(place)
        return uid in self._gone or (entry is not None and entry.uid == uid)

    def vanish(
        self, kind: Kind, namespace: str | None, listed: set[str], version: int
    ) -> list[Object]:
        """Removes what a complete list of this version does not have, by uid. Returns it."""
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
        """True if a list that is at least as new was without the object."""
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
            return False  # It was written since, so the label is back.
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
    """Returns the resourceVersion as a number, 0 if there is none."""
    return int(metadata.get("resourceVersion") or 0)


def _owner(kind: Kind, metadata: Mapping[str, Any]) -> Key | None:
    if kind == LLM_DEPLOYMENT:
        return None
    name = (metadata.get("labels") or {}).get(DEPLOYMENT_LABEL)
    return Key(metadata["namespace"], name) if name and metadata.get("namespace") else None


def _discard(index: dict[Any, set[Any]], key: Any, item: Any) -> None:
    """Removes the item from a set in the index, and the set once it is empty."""
    items = index.get(key)
    if items is not None:
        items.discard(item)
        if not items:
            del index[key]
