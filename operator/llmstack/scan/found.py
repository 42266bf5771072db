"""What has a scan found so far? The spans that are asked for, and how much memory they take."""

from llmstack.scan.faults import NotJSON
from llmstack.scan.limits import ScanLimits
from llmstack.scan.outline import Kind, Outline, Span

_PER_SPAN = 500
"""Bytes of memory, about, that a span takes with its name and its entry."""


class Frame:
    """A bracket that is open. Offsets are those of the body.

    `names` of the members so far; None: an array. `name` None: its span is not asked for. `count`
    of an array's entries; `below`: brackets that were open within, at the deepest place.
    """

    __slots__ = ("below", "count", "key", "name", "names", "numbers", "start")

    def __init__(self, names: set[bytes] | None, name: bytes | None, key: int, start: int) -> None:
        self.names = names
        self.name = name
        self.key = key
        self.start = start
        self.count = 0
        self.below = 0
        self.numbers = False

    def span(self, name: bytes, end: int) -> Span:
        """Its span, now that it is closed."""
        kind = Kind.ARRAY if self.names is None else Kind.OBJECT
        count = self.count if self.names is None else len(self.names)
        depth = self.below + 1
        return Span(name.decode(), kind, self.key, self.start, end, count, depth, self.numbers)


class Found:
    """The spans of one body."""

    __slots__ = ("_limits", "_members", "_nested")

    def __init__(self, limits: ScanLimits) -> None:
        self._limits = limits
        self._members: dict[str, Span] = {}
        self._nested: list[Span] = []

    @property
    def held(self) -> int:
        """Bytes of memory that they take, about."""
        return (len(self._members) + len(self._nested)) * _PER_SPAN

    @property
    def outline(self) -> Outline:
        """All of them. A container's span was added at its end, after those within it."""
        return Outline(self._members, tuple(sorted(self._nested, key=lambda span: span.key)))

    def add(self, span: Span, outermost: bool) -> None:
        """One more. Raises NotJSON: there are too many."""
        if outermost:
            self._members[span.name] = span
            limit, count = self._limits.members, len(self._members)
        else:
            self._nested.append(span)
            limit, count = self._limits.nested, len(self._nested)
        if count > limit:
            kind = "fields" if outermost else "nested fields that have bounds"
            raise NotJSON(f"The body may hold at most {limit} {kind}.", span.key)
