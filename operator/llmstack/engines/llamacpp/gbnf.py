"""What is in a grammar of llama.cpp (GBNF), read without building what it stands for?

root ::= "a" (b | [0-9]{2,3})*      a rule ─ alternatives ─ sequences of items

A group is a rule without a name. What cannot be read is refused, so that the bounds are those of
what the server will read.
"""

import re
from dataclasses import dataclass, field

from llmstack.engines.llamacpp.chars import ALL, BadChars, Chars, class_chars, literal_chars
from llmstack.engines.llamacpp.unfit import Unfit

LONGEST = 65_536
MOST_RULES = 2000
DEEPEST = 50
MOST_TIMES = 2000
"""llama.cpp refuses more, or reads more as "any number"."""

_TOKENS = re.compile(
    r"""(?P<blank>(?:[ \t\r\n]|\#[^\r\n]*)+)
    |(?P<rule>[A-Za-z0-9_-]+)[ \t]*::=
    |(?P<name>[A-Za-z0-9_-]+)
    |"(?P<text>(?:[^"\\]|\\.)*)"
    |\[(?P<chars>(?:[^\]\\]|\\.)*)\]
    |(?P<mark>[|().])
    |(?P<times>[*+?]|\{[ \t]*[0-9]{1,9}[ \t]*(?:,[ \t]*[0-9]{0,9}[ \t]*)?\})""",
    re.VERBOSE | re.DOTALL,
)
_SIGNS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@dataclass
class Item:
    """One place of a sequence: characters or a rule, `size` elements, least to most times.

    `most` is None for any number.
    """

    chars: Chars = 0
    rule: "Rule | None" = None
    size: int = 1
    empty: bool = False
    least: int = 1
    most: int | None = 1

    @property
    def weight(self) -> int:
        """The number of elements that the server makes of it."""
        return self.size * max(1, self.least, self.most or 0)


@dataclass(eq=False)
class Rule:
    """A rule or a group: alternatives, each a sequence."""

    name: str
    alternatives: list[list[Item]] = field(default_factory=lambda: [[]])
    defined: bool = False


def read(text: str) -> tuple[Rule, ...]:
    """All rules, groups included; the first is `root`. Raises Unfit."""
    if len(text) > LONGEST:
        raise Unfit(f"A grammar may have at most {LONGEST} characters.")
    reader = _Reader()
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None:
            raise Unfit(f"The grammar cannot be read at {text[at : at + 20]!r}.")
        reader.take(found.lastgroup or "", found[found.lastgroup or 0])
        at = found.end()
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self._named: dict[str, Rule] = {}
        self._all: list[Rule] = []
        self._open: list[Rule] = []

    def take(self, kind: str, text: str) -> None:
        """One word of the grammar."""
        if kind == "blank":
            return
        if kind == "rule":
            self._begin(text)
            return
        if not self._open:
            raise Unfit(f"The grammar has {text[:20]!r} outside of a rule.")
        if kind == "mark":
            self._mark(text)
        elif kind == "times":
            self._repeat(text)
        else:
            self._sequence.append(self._item(kind, text))

    def finish(self) -> tuple[Rule, ...]:
        """All rules, once everything was taken."""
        if len(self._open) > 1:
            raise Unfit("The grammar has a '(' without its ')'.")
        missing = [rule.name for rule in self._named.values() if not rule.defined]
        if missing:
            raise Unfit(f"The grammar has no rule {missing[0][:40]!r}.")
        root = self._named.get("root")
        if root is None:
            raise Unfit("The grammar has no rule 'root'.")
        return (root, *(rule for rule in self._all if rule is not root))

    @property
    def _sequence(self) -> list[Item]:
        return self._open[-1].alternatives[-1]

    def _new(self, name: str) -> Rule:
        if len(self._all) >= MOST_RULES:
            raise Unfit(f"A grammar may have at most {MOST_RULES} rules and groups.")
        rule = Rule(name)
        self._all.append(rule)
        return rule

    def _of(self, name: str) -> Rule:
        rule = self._named.get(name)
        if rule is None:
            rule = self._named[name] = self._new(name)
        return rule

    def _begin(self, name: str) -> None:
        if len(self._open) > 1:
            raise Unfit("The grammar has a '(' without its ')'.")
        rule = self._of(name)
        if rule.defined:
            raise Unfit(f"The grammar has two rules {name[:40]!r}.")
        rule.defined = True
        self._open = [rule]

    def _item(self, kind: str, text: str) -> Item:
        if kind == "name":
            return Item(rule=self._of(text))
        try:
            if kind == "text":
                chars, size = literal_chars(text)
                return Item(chars, size=max(1, size), empty=not size)
            return Item(class_chars(text), size=max(1, len(text)))
        except BadChars as bad:
            raise Unfit(f"The grammar has {text[:40]!r}: {bad}.") from bad

    def _mark(self, mark: str) -> None:
        if mark == "|":
            self._open[-1].alternatives.append([])
        elif mark == ".":
            self._sequence.append(Item(ALL))
        elif mark == "(":
            if len(self._open) > DEEPEST:
                raise Unfit(f"Groups of a grammar may be at most {DEEPEST} deep.")
            group = self._new(f"a group of {self._open[0].name}")
            self._sequence.append(Item(rule=group))
            self._open.append(group)
        elif len(self._open) == 1:
            raise Unfit("The grammar has a ')' without its '('.")
        else:
            self._open.pop()

    def _repeat(self, text: str) -> None:
        if not self._sequence:
            raise Unfit(f"The grammar repeats nothing at {text!r}.")
        item = self._sequence[-1]
        least, most = _SIGNS[text] if text in _SIGNS else times(text)
        # A second sign repeats what the first made of it.
        item.size = item.weight
        item.least, item.most = min(item.least, 1) * least, most


def times(text: str) -> tuple[int, int | None]:
    """The bounds of "{2,3}"; None for any number. Raises Unfit."""
    first, comma, last = text.strip("{} \t").partition(",")
    least = int(first)
    most = int(last) if last.strip() else None if comma else least
    if max(least, most or 0) > MOST_TIMES:
        raise Unfit(f"{text} repeats more than {MOST_TIMES} times.")
    if most is not None and most < least:
        raise Unfit(f"{text} has its bounds the wrong way round.")
    return least, most
