"""What must a gateway know of a replica that it does not ask itself?

The owner of a model watches its replicas; with each grant the other gateways learn this.
"""

from collections.abc import Callable

_REMEMBERED = 4096


class Facts:
    """Whether a replica keeps tenants' caches apart, and when its process began."""

    def __init__(
        self,
        watched: Callable[[str, str], bool] = lambda _model, _replica: False,
        keeps_apart: Callable[[str, str], bool] = lambda _model, _replica: False,
        started: Callable[[str, str], str] = lambda _model, _replica: "",
    ) -> None:
        """`watched(model, replica)`: whether this gateway asks it, so that the others know."""
        self._watched = watched
        self._keeps_apart = keeps_apart
        self._started = started
        self._told: dict[tuple[str, str], tuple[bool, str]] = {}

    def of(self, model: str, replica: str) -> tuple[bool, str]:
        """(keeps apart, when it began); (False, "") where nothing is known."""
        if self._watched(model, replica):
            return self._keeps_apart(model, replica), self._started(model, replica)
        return self._told.get((model, replica), (False, ""))

    def learn(self, model: str, replica: str, apart: bool, started: str) -> None:
        """The owner says so."""
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[model, replica] = apart, started

    def keeps_apart(self, model: str, replica: str) -> bool:
        """Whether it keeps apart what it caches under different salts."""
        return self.of(model, replica)[0]

    def started(self, model: str, replica: str) -> str:
        """When the process of a replica began, as it said last; "" if that is not known."""
        return self.of(model, replica)[1]
