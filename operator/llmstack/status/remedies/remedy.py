"""What does somebody do who reads a reason at night?

Commands can be pasted once the words in capitals are replaced: NAME and NAMESPACE are those of the
LLMDeployment, the others stand in the message or in the answer of the command before.
"""

from dataclasses import dataclass

from llmstack.desired.metadata import DEPLOYMENT_LABEL, FETCH_CONTAINER, SERVER_CONTAINER

_REPLICAS = f"-l {DEPLOYMENT_LABEL}=NAME"

PODS = f"kubectl -n NAMESPACE get pods {_REPLICAS} -o wide"
DESCRIBE_PODS = f"kubectl -n NAMESPACE describe pods {_REPLICAS}"
FETCH_LOG = f"kubectl -n NAMESPACE logs {_REPLICAS} -c {FETCH_CONTAINER} --prefix --tail=20"
SERVER_LOG = f"kubectl -n NAMESPACE logs {_REPLICAS} -c {SERVER_CONTAINER} --prefix --tail=50"
LAST_SERVER_LOG = f"{SERVER_LOG} --previous"
OPERATOR_LOG = "kubectl -n llm-stack logs deployment/llm-stack --tail=50"
GATEWAY_LOG = "kubectl -n llm-stack logs deployment/llm-stack-gateway --tail=50"


@dataclass(frozen=True)
class Step:
    """One thing to do, as Markdown, and the command that does it ("": an edit of the spec)."""

    what: str
    command: str = ""


@dataclass(frozen=True)
class Remedy:
    """How does one see more, and what mends it? The likeliest step comes first."""

    see: tuple[str, ...]
    mend: tuple[Step, ...]


def patch(spec: str) -> str:
    """The command that changes a part of the spec, given as JSON."""
    return f"kubectl -n NAMESPACE patch llmd NAME --type=merge --patch '{{\"spec\": {spec}}}'"


def field(path: str) -> str:
    """The command that prints one field."""
    return f"kubectl -n NAMESPACE get llmd NAME -o jsonpath='{{{path}}}{{\"\\n\"}}'"


def message(condition: str) -> str:
    """The command that prints a condition's message in full."""
    return field(f'.status.conditions[?(@.type=="{condition}")].message')
