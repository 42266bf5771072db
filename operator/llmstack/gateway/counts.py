"""How does a request count itself almost for free? With plain numbers, converted when scraped.

For a single thread. The numbers of prometheus_client take a lock each and compare a histogram's
bounds one by one, which cost a short request more than all checks of its body.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Count:
    """A counter."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Distribution:
    """A histogram: how many values fell within each bound, and beyond the last."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Returns the number of values up to each bound, cumulative, as Prometheus wants it."""
        names = [*map(floatToGoString, self.bounds), "+Inf"]
        return list(zip(names, map(float, accumulate(self.counts)), strict=True))


Child = TypeVar("Child", Count, Distribution)


class _Family(Collector, Generic[Child]):
    """All series of one metric, by the values of their labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._children: dict[tuple[str, ...], Child] = {}

    def labels(self, *values: str) -> Child:
        """Returns the series with these values. From then on it is exported, even at 0."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._new()
        return child

    def _new(self) -> Child:
        raise NotImplementedError


class Counts(_Family[Count]):
    """A counter metric."""

    def _new(self) -> Count:
        return Count()

    def collect(self) -> Iterable[Metric]:
        """Yields the current values."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for values, child in self._children.items():
            family.add_metric(values, child.value)
        yield family


class Distributions(_Family[Distribution]):
    """A histogram metric with these bounds, labelled by model."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        super().__init__(name, text, ["model"])
        self._bounds = bounds

    def _new(self) -> Distribution:
        return Distribution(self._bounds)

    def collect(self) -> Iterable[Metric]:
        """Yields the current values."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for values, child in self._children.items():
            family.add_metric(values, child.buckets(), child.sum)
        yield family
