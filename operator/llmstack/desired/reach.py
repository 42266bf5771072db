"""Could any node run a replica of this template, if it were empty?"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from llmstack.api import reasons
from llmstack.api.conditions import ConditionStatus, Finding
from llmstack.api.quantity import parse_quantity
from llmstack.desired.metadata import SERVER_CONTAINER

Template = Mapping[str, Any]
_OF_EVERY_NODE = ("cpu", "memory")


def out_of_reach(
    template: Template, recorded: Template, nodes: Sequence[Mapping[str, str]]
) -> Finding | None:
    """Why none of the nodes has as much; None if one has, or nothing is known of them.

    `nodes` is what each can allocate. What the replicas in use ask for as well is there, whatever
    the nodes say.
    """
    wanted = _requests(template)
    if not nodes or wanted == _requests(recorded):
        return None
    if any(_has(node, wanted) for node in nodes):
        return None
    device = next((name for name in wanted if name not in _OF_EVERY_NODE), None)
    words = " and ".join(f"{name} {amount}" for name, amount in sorted(wanted.items()))
    most = max((int(_amount(node, device)) for node in nodes), default=0) if device else 0
    reason = reasons.UNSCHEDULABLE
    if device and most < parse_quantity(wanted[device]):
        reason, words = reasons.INSUFFICIENT_ACCELERATORS, f"{wanted[device]} {device}"
        words += f", but none has more than {most}" if most else ", but none has any"
    return Finding(
        ConditionStatus.FALSE,
        reason,
        f"no node can provide a replica with {words}: request less, or add a larger node; if your "
        "cluster adds nodes only for waiting pods, set spec.lifecycle.proveEdits to false",
    )


def _requests(template: Template) -> dict[str, str]:
    containers = template["spec"]["containers"]
    server = next(each for each in containers if each["name"] == SERVER_CONTAINER)
    resources = server.get("resources") or {}
    # Where a request is not given, Kubernetes takes the limit.
    return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}


def _has(node: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(parse_quantity(amount) <= _amount(node, name) for name, amount in wanted.items())


def _amount(node: Mapping[str, str], name: str) -> Decimal:
    return parse_quantity(node.get(name, "0"))
