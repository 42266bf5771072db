"""What can be done with an installed stack? As its user does it: with kubectl and HTTP.

A `Stack` looks at one namespace. `make up` uses `default`; each test gets one of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.cluster.binaries import binary
from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.processes import wait_until
from tests.e2e.cluster.provider import Provider
from tests.support.said import SAID

from . import source
from .errors import StackError
from .follow import Condition, Conditions, conditions
from .release import GATEWAY, NAMESPACE

Object = dict[str, Any]
PORT = 8080
GATEWAY_PORT = 80
DEPLOYMENT_LABEL = "llmstack.dev/deployment"
OPERATOR = "--selector=app.kubernetes.io/component=operator"


class Stack:
    """The stack as seen from one namespace. `model_url` is where a sample model comes from."""

    def __init__(self, cluster: Provider, namespace: str, model_url: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.model_url = model_url

    # Asking the cluster ----------------------------------------------------------------------

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl printed, in this namespace unless `arguments` name another."""
        return self.cluster.kubectl(f"--namespace={self.namespace}", *arguments, stdin=stdin)

    def get(self, kind: str, name: str) -> Object:
        """One object."""
        found: Object = json.loads(self.kubectl("get", kind, name, "--output=json"))
        return found

    def items(self, kind: str, selector: str = "") -> list[Object]:
        """All objects of a kind that match the label selector."""
        options = (f"--selector={selector}", "--output=json")
        found: list[Object] = json.loads(self.kubectl("get", kind, *options))["items"]
        return found

    def pods(self, name: str) -> list[Object]:
        """The pods of an LLMDeployment."""
        return self.items("pods", f"{DEPLOYMENT_LABEL}={name}")

    def status(self, name: str) -> Object:
        """The status of an LLMDeployment."""
        status: Object = self.get("llmdeployments", name).get("status", {})
        return status

    def condition(self, name: str, kind: str = "Ready") -> Condition:
        """One condition of an LLMDeployment; empty before the operator's first pass."""
        found = self.status(name).get("conditions", ())
        return next((dict(each) for each in found if each["type"] == kind), {})

    def events(self, name: str) -> list[Object]:
        """The Events about an LLMDeployment."""
        about = f"involvedObject.kind=LLMDeployment,involvedObject.name={name}"
        options = (f"--field-selector={about}", "--output=json")
        found: list[Object] = json.loads(self.kubectl("get", "events", *options))["items"]
        return found

    # Changing it -----------------------------------------------------------------------------

    def apply(self, what: str | Mapping[str, Any]) -> None:
        """Applies YAML text, or an object; strictly, so that a misspelt field is an error."""
        text = what if isinstance(what, str) else json.dumps(what)
        self.kubectl("apply", "--validate=strict", "--filename=-", stdin=text)

    def sample(self, name: str = "smollm2", **spec: Any) -> Object:
        """The sample's LLMDeployment with fields of its spec replaced, ready to be applied."""
        body = source.with_source(source.sample(), self.model_url)
        return {**body, "metadata": {"name": name}, "spec": {**body["spec"], **spec}}

    def delete(self, name: str) -> None:
        """Deletes an LLMDeployment and waits until it is gone."""
        self.kubectl("delete", "llmdeployments", name, "--ignore-not-found", "--timeout=60s")

    # Waiting ---------------------------------------------------------------------------------

    def wait(
        self,
        name: str,
        condition: str = "Ready",
        status: str = "True",
        reason: str | None = None,
        seconds: float = 180.0,
    ) -> Condition:
        """The condition, once it has this status (and reason). StackError says what was instead.

        Ready is True when a replica answers the gateway: whoever then looks at its pod wants the
        kubelet to have seen it, too.
        """

        def is_so(now: Conditions) -> bool:
            found = now.get(condition, {})
            return found.get("status") == status and reason in (None, found.get("reason"))

        what = f"{condition}={status} {reason or ''}"
        found: Condition = self.wait_for(name, is_so, what, seconds)[condition]
        if (condition, status, found["reason"]) == ("Ready", "True", "Ready"):
            wait_until(lambda: self._has_ready_pod(name), f"a ready pod of {name}", 30)
        return found

    def _has_ready_pod(self, name: str) -> bool:
        path = "--output=jsonpath={.status.readyReplicas}"
        return self.kubectl("get", "deployment", name, path) not in ("", "0")

    def wait_for(
        self, name: str, is_so: Callable[[Conditions], bool], what: str, seconds: float = 180.0
    ) -> Conditions:
        """The conditions, once `is_so(conditions)`."""
        now: Conditions = {}
        for now in self.follow(name, seconds):
            SAID.note(f"the status of {name}", json.dumps(list(now.values())))
            if is_so(now):
                return now
        raise StackError(
            f"{name}: waited {seconds:.0f} s in vain for {what.strip()}.\n"
            f"Conditions: {json.dumps(list(now.values()), indent=1)}\n{self.explain(name)}"
        )

    def follow(self, name: str, seconds: float) -> Any:
        """The conditions (by type) now and after each change, until the time is up."""
        command: list[str | Path] = [
            binary("kubectl"),
            f"--kubeconfig={self.cluster.kubeconfig}",
        ]
        return conditions(command, self.namespace, name, seconds)

    def explain(self, name: str) -> str:
        """All that helps to find out why an LLMDeployment is as it is."""
        pods = f"--selector={DEPLOYMENT_LABEL}={name}"
        asked = (
            ("get", "llmdeployments", name, "--output=jsonpath={.status}{'\\n'}"),
            ("get", "pods", pods, "--output=wide"),
            ("events", "--types=Warning"),
            ("logs", pods, "--all-containers", "--prefix", "--tail=15"),
            ("logs", OPERATOR, f"--namespace={NAMESPACE}", "--prefix", "--tail=25"),
        )
        return "\n".join(self._answer(*question) for question in asked)

    def _answer(self, *question: str) -> str:
        try:
            return self.kubectl(*question)
        except ClusterError as error:
            return str(error)

    # Talking to a model ----------------------------------------------------------------------

    def full_name(self, name: str) -> str:
        """The model name of an LLMDeployment that no other can have."""
        return f"{self.namespace}/{name}"

    def gateway(self, key: str = "", seconds: float = 60.0, url: str = "") -> httpx.Client:
        """An HTTP client of the gateways, where they ask for one with a client's key; or of that at
        `url`.
        """
        url = url or self.cluster.forward(NAMESPACE, GATEWAY, GATEWAY_PORT)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=url, headers=headers, timeout=seconds, trust_env=False)

    def ask(self, name: str, prompt: str, **parameters: Any) -> str:
        """The completion of a chat of one message at temperature 0, through the gateway."""
        with self.gateway() as client:
            return _completion(client, prompt, model=self.full_name(name), **parameters)

    def key(self, name: str) -> str:
        """The key that the servers of an LLMDeployment ask for."""
        return base64.b64decode(self.get("secret", f"{name}-key")["data"]["key"]).decode()

    def replica(self, name: str, seconds: float = 60.0) -> httpx.Client:
        """An HTTP client of one ready replica of an LLMDeployment, with the key.

        The deployment is Ready before the kubelet finds the replica's pod so, and Services follow
        the kubelet.
        """
        url = self.cluster.forward(self.namespace, f"{name}-replicas", PORT)
        headers = {"Authorization": f"Bearer {self.key(name)}"}
        wait_until(lambda: _is_healthy(url), f"the Service of {name} to lead somewhere", 30)
        return httpx.Client(base_url=url, headers=headers, timeout=seconds, trust_env=False)

    def chat(self, name: str, prompt: str, **parameters: Any) -> str:
        """The same from a replica itself."""
        with self.replica(name) as client:
            return _completion(client, prompt, **parameters)


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _completion(client: httpx.Client, prompt: str, **parameters: Any) -> str:
    message = {"role": "user", "content": prompt}
    body = {"messages": [message], "temperature": 0, "max_tokens": 32, **parameters}
    answer = client.post("/v1/chat/completions", json=body).raise_for_status().json()
    text: str = answer["choices"][0]["message"]["content"]
    return text
