"""How do the Applications stand, and how did they before? What kubectl shows of them.

Argo CD asks Git every few minutes; a webhook, its UI and its CLI tell it to look at once, by an
annotation. So does `look`.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tests.e2e.cluster.bare import BareCluster
from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.processes import wait_until
from tests.e2e.scaling.watching import Watch

from .install import NAMESPACE

Object = dict[str, Any]
Health = tuple[str, str]
"""The word and its message."""

_HERE = f"--namespace={NAMESPACE}"
_PATH = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"
_LINE = "{.metadata.name} {.status.sync.status} {.status.health.status}"


def _at_rest(found: Object) -> bool:
    """Is no sync asked for or under way?"""
    state = found.get("status", {}).get("operationState", {})
    return "operation" not in found and state.get("phase") not in ("Running", "Terminating")


class Applications:
    """All of them, from now on."""

    def __init__(self, cluster: BareCluster) -> None:
        self._kubectl = cluster.kubectl
        self._api = cluster.client()
        watch = [str(binary("kubectl")), f"--kubeconfig={cluster.kubeconfig}", "get", "--watch"]
        shown = f'--output=jsonpath={_LINE}{{"\\n"}}'
        self.history = Watch([*watch, "applications", _HERE, shown])
        self.history.start()

    def close(self) -> None:
        self.history.close()
        self._api.close()

    def get(self, name: str) -> Object:
        """One of them; empty where there is none of that name."""
        answer = self._api.get(f"{_PATH}/{name}")
        if answer.status_code == 404:
            return {}
        found: Object = answer.raise_for_status().json()
        return found

    def look(self, *names: str) -> None:
        """Has Argo CD compare them with Git now."""
        annotation = "argocd.argoproj.io/refresh=normal"
        self._kubectl("annotate", "--overwrite", _HERE, "applications", *names, annotation)

    def sync(self, name: str) -> dict[str, str]:
        """Has Argo CD sync all of an Application, with pruning: what came of each object's name."""
        # One that is under way, by itself, would be mixed with this one.
        self.wait_for_rest(name)
        mark = {"name": "asked by", "value": secrets.token_hex(4)}
        operation = {"info": [mark], "sync": {"prune": True}}
        # The old state goes first, as by Argo CD's own hand: else what the new operation does not
        # say is taken from the one before.
        forget = {"op": "remove", "path": "/status/operationState"}
        patch = json.dumps([forget, {"op": "add", "path": "/operation", "value": operation}])
        self._kubectl("patch", "application", name, _HERE, "--type=json", f"--patch={patch}")

        def ended(found: Object) -> bool:
            asked = found["status"].get("operationState", {}).get("operation", {})
            return mark in asked.get("info", ()) and _at_rest(found)

        state = self.wait_for(name, ended, "to end its sync")["status"]["operationState"]
        assert state["phase"] == "Succeeded", state
        # A hook has no status of its own.
        found = state["syncResult"]["resources"]
        return {each["name"]: each["status"] for each in found if "status" in each}

    def wait_for_rest(self, name: str) -> None:
        """Until no sync of an Application is asked for or under way."""
        self.wait_for(name, _at_rest, "to end the sync that it is at")

    def look_for_new(self) -> None:
        """Has Argo CD look for directories of models now."""
        annotation = "argocd.argoproj.io/application-set-refresh=true"
        self._kubectl("annotate", "--overwrite", _HERE, "applicationset", "models", annotation)

    def health(self, name: str, model: str) -> Health:
        """What Argo CD thinks of an LLMDeployment of an Application."""
        resources = self.get(name).get("status", {}).get("resources", ())
        mine = (
            each.get("health", {})
            for each in resources
            if (each["kind"], each["name"]) == ("LLMDeployment", model)
        )
        found: dict[str, str] = next(mine, {})
        return found.get("status", ""), found.get("message", "")

    def wait(
        self,
        name: str,
        health: str = "Healthy",
        commit: str = "",
        sync: str = "Synced",
        seconds: float = 180.0,
    ) -> Object:
        """The Application, once it is so, and at this commit where one is named."""

        def is_so(found: Object) -> bool:
            status = found.get("status", {})
            states = (status.get("sync", {}), status.get("health", {}))
            at = commit in ("", states[0].get("revision"))
            return at and (sync, health) == tuple(each.get("status") for each in states)

        return self.wait_for(name, is_so, f"{sync}, {health} {commit}", seconds)

    def wait_for_health(self, name: str, model: str, health: str, words: str = "") -> None:
        """Until Argo CD thinks so of an LLMDeployment, and says these words (a pattern)."""

        def is_so(_: Object) -> bool:
            status, message = self.health(name, model)
            return status == health and re.search(words, message) is not None

        self.wait_for(name, is_so, f"{model} to be {health}: {words}")

    def wait_for(
        self, name: str, is_so: Callable[[Object], bool], what: str, seconds: float = 180.0
    ) -> Object:
        """The Application, once `is_so(application)`."""
        found: Object = {}

        def asked() -> bool:
            nonlocal found
            found = self.get(name)
            return is_so(found)

        try:
            wait_until(asked, f"{name} {what}", seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{json.dumps(found.get('status'), indent=1)}") from error
        return found

    def since(self, moment: float, name: str) -> list[str]:
        """Each state of an Application from then on: `Synced Healthy` and the like."""
        lines = (line.partition(" ") for line in self.history.since(moment))
        states = [state for found, _, state in lines if found == name]
        return [state for before, state in pairwise(["", *states]) if state != before]
