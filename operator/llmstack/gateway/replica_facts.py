"""What must a gateway know of replicas that it does not poll itself?

The owner of a model polls its replicas; other gateways learn these facts with each grant.
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
        """`watched(model, replica)` says whether this gateway polls the replica itself."""
        self._watched = watched
        self._keeps_apart = keeps_apart
        self._started = started
        self._told: dict[tuple[str, str], tuple[bool, str]] = {}

    def of(self, model: str, replica: str) -> tuple[bool, str]:
        """Returns whether it keeps caches apart, and its start; (False, "") if unknown."""
        if self._watched(model, replica):
            return self._keeps_apart(model, replica), self._started(model, replica)
        return self._told.get((model, replica), (False, ""))

    def learn(self, model: str, replica: str, apart: bool, started: str) -> None:
        """Records what the owner said with a grant."""
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[model, replica] = apart, started

    def keeps_apart(self, model: str, replica: str) -> bool:
        """True if the replica keeps apart what it caches under different salts."""
        return self.of(model, replica)[0]

    def started(self, model: str, replica: str) -> str:
        """Returns the process's start as the replica last reported it, or "" if unknown."""
        return self.of(model, replica)[1]
