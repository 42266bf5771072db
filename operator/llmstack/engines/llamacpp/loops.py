"""Which nodes of a graph lead to each other? Found in one pass, in time with its edges (Tarjan)."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

Node = TypeVar("Node")


def components(
    starts: Iterable[Node],
    below: Callable[[Node], Iterable[Node]],
    key: Callable[[Node], Hashable],
) -> Iterator[list[Node]]:
    """Nodes that lead to each other, together; those that others lead to come first.

    `below` gives where a node leads, `key` what tells nodes apart.
    """
    index: dict[Hashable, int] = {}
    low: dict[Hashable, int] = {}
    stack: list[Node] = []
    place: dict[Hashable, int] = {}  # of those on the stack
    for start in starts:
        path = [] if key(start) in index else [(start, key(start), iter(below(start)))]
        while path:
            node, own, following = path[-1]
            if own not in index:
                index[own] = low[own] = len(index)
                place[own] = len(stack)
                stack.append(node)
            found = None
            for other in following:
                known = key(other)
                if known not in index:
                    found = (other, known, iter(below(other)))
                    break
                if known in place:
                    low[own] = min(low[own], index[known])
            if found is not None:
                path.append(found)
                continue
            path.pop()
            if path:
                low[path[-1][1]] = min(low[path[-1][1]], low[own])
            if low[own] == index[own]:
                together = stack[place[own] :]
                del stack[place[own] :]
                for each in together:
                    del place[key(each)]
                yield together
