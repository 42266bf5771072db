"""How many places of a grammar can a server be in at once? It looks at each for every token.

root ::= "x" root "y" | "x" root "z"     after n times x: 2 to the n places

    empty      which rules may match nothing?
    first      which characters may a rule begin with?
    left       does a rule begin with itself? The server would never come to an end.
    loops      which rules lead back to themselves?
    places     a bound: alternatives that may begin alike are counted together
"""

from collections import defaultdict
from collections.abc import Iterator

from llmstack.engines.llamacpp.chars import Chars
from llmstack.engines.llamacpp.gbnf import Item, Rule
from llmstack.engines.llamacpp.loops import components
from llmstack.engines.llamacpp.unfit import Unfit

MOST_PLACES = 1024
MOST_ELEMENTS = 100_000
DEEPEST_CHAIN = 200


def check_grammar(rules: tuple[Rule, ...]) -> None:
    """Raises Unfit for a grammar that would stop or fill a server."""
    weight = sum(item.weight for rule in rules for item in _items(rule))
    if weight > MOST_ELEMENTS:
        raise Unfit(f"The grammar repeats more than {MOST_ELEMENTS} elements in all.")
    _Shape(rules).check()


class _Shape:
    """What follows from the rules, each found once."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules
        self._empty: set[Rule] = set()
        self._find_empty()
        self._order = self._leftmost_order()
        self._first: dict[Rule, Chars] = {}
        for rule in self._order:
            self._first[rule] = self._first_of(rule)
        self._loop = _loops(rules)

    def check(self) -> None:
        """Raises Unfit if too many places may be open at once."""
        places: dict[Rule, int] = {}
        for rule in _bottom_up(self._rules):
            places[rule] = self._places(rule, places)
            if places[rule] > MOST_PLACES:
                raise Unfit(
                    f"Rule {rule.name[:40]!r} of the grammar has more than {MOST_PLACES} ways to "
                    "begin alike: factor out what they have in common."
                )

    def _find_empty(self) -> None:
        """From rules that are empty by themselves on to those that are empty because of them."""
        waited_for = defaultdict[Rule, list[Rule]](list)
        for rule in self._rules:
            for sequence in rule.alternatives:
                if all(item.rule is not None or self._may_be_empty(item) for item in sequence):
                    for item in sequence:
                        if item.rule is not None:
                            waited_for[item.rule].append(rule)
        waiting = list(self._rules)
        while waiting:
            rule = waiting.pop()
            if rule not in self._empty and any(
                all(map(self._may_be_empty, sequence)) for sequence in rule.alternatives
            ):
                self._empty.add(rule)
                waiting += waited_for[rule]

    def _may_be_empty(self, item: Item) -> bool:
        if item.least == 0 or item.empty:
            return True
        return item.rule is not None and item.rule in self._empty

    def _begins_with(self, rule: Rule) -> Iterator[Rule]:
        """The rules that it may begin with."""
        for sequence in rule.alternatives:
            for item in sequence:
                if item.rule is not None:
                    yield item.rule
                if not self._may_be_empty(item):
                    break

    def _leftmost_order(self) -> list[Rule]:
        """Rules after those that they begin with. Raises Unfit for left recursion, long chains."""
        depth: dict[Rule, int] = {}
        for start in self._rules:
            path = [(start, self._begins_with(start))] if start not in depth else []
            on_path = {start}
            while path:
                rule, below = path[-1]
                following = next((r for r in below if r not in depth), None)
                if following is None:
                    path.pop()
                    on_path.discard(rule)
                    known = [depth[r] for r in self._begins_with(rule)]
                    depth[rule] = 1 + max(known, default=0)
                elif following in on_path:
                    raise Unfit(
                        f"Rule {following.name[:40]!r} of the grammar begins with itself (left "
                        "recursion): put its other parts first, or use *."
                    )
                else:
                    path.append((following, self._begins_with(following)))
                    on_path.add(following)
        if max(depth.values()) > DEEPEST_CHAIN:
            raise Unfit(f"More than {DEEPEST_CHAIN} rules of the grammar begin with each other.")
        return list(depth)

    def _first_of(self, rule: Rule) -> Chars:
        found = 0
        for sequence in rule.alternatives:
            found |= self._first_of_sequence(sequence)
        return found

    def _first_of_item(self, item: Item) -> Chars:
        return item.chars if item.rule is None else self._first[item.rule]

    def _first_of_sequence(self, sequence: list[Item]) -> Chars:
        found = 0
        for item in sequence:
            found |= self._first_of_item(item)
            if not self._may_be_empty(item):
                break
        return found

    def _places(self, rule: Rule, places: dict[Rule, int]) -> int:
        seen, alike, back = 0, False, 0
        counts = []
        for sequence in rule.alternatives:
            first = self._first_of_sequence(sequence)
            alike = alike or bool(seen & first)
            seen |= first
            back += self._leads_back(rule, sequence)
            counts.append(self._places_of(rule, sequence, places))
        if alike and back > 1:
            _refuse_loop(rule)
        return sum(counts) if alike else max(counts)

    def _places_of(self, rule: Rule, sequence: list[Item], places: dict[Rule, int]) -> int:
        """The same for a sequence: what may be left out is an alternative to what follows."""
        count, first, back = 1, 0, False
        for item in reversed(sequence):
            own = places.get(item.rule, 1) if item.rule is not None else 1
            own_first = self._first_of_item(item)
            own_back = self._leads_back(rule, [item])
            repeats = item.most is None or item.most > 1
            if self._may_be_empty(item) or repeats:
                if own_first & first:
                    if own_back and back:
                        _refuse_loop(rule)
                    count += own
                else:
                    count = max(count, own)
            else:
                count = max(count, own)
            first = own_first | (first if self._may_be_empty(item) else 0)
            back = back or own_back
        return count

    def _leads_back(self, rule: Rule, sequence: list[Item]) -> bool:
        own = self._loop.get(rule)
        return own is not None and any(
            item.rule is not None and self._loop.get(item.rule) == own for item in sequence
        )


def _refuse_loop(rule: Rule) -> None:
    raise Unfit(
        f"Rule {rule.name[:40]!r} of the grammar has two alternatives that begin alike and lead "
        "back to it: factor out what they have in common."
    )


def _items(rule: Rule) -> Iterator[Item]:
    for sequence in rule.alternatives:
        yield from sequence


def _refers_to(rule: Rule) -> Iterator[Rule]:
    return (item.rule for item in _items(rule) if item.rule is not None)


def _components(rules: tuple[Rule, ...]) -> Iterator[list[Rule]]:
    """Rules that lead to each other, together; those that others lead to come first."""
    return components(rules, _refers_to, id)


def _loops(rules: tuple[Rule, ...]) -> dict[Rule, int]:
    """The number of its loop for each rule that leads back to itself; others are left out."""
    return {
        rule: number
        for number, component in enumerate(_components(rules))
        for rule in component
        if len(component) > 1 or rule in _refers_to(rule)
    }


def _bottom_up(rules: tuple[Rule, ...]) -> list[Rule]:
    return [rule for component in _components(rules) for rule in component]
