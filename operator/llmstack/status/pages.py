"""docs/conditions.md and docs/troubleshooting.md: what does each reason mean, and what mends it?"""

from collections.abc import Iterator
from textwrap import fill

from llmstack.api.conditions import ConditionType
from llmstack.status.catalog import CATALOG, Entry
from llmstack.status.remedies import REMEDIES, Remedy, Step
from llmstack.status.troubleshooting_text import HEAD, INSIDE, QUESTIONS

_WIDTH = 106


def conditions() -> str:
    """docs/conditions.md: all reasons in one table."""
    rows = [
        f"| {_linked(reason)} | {entry.condition.value} | {entry.weight.value} | {entry.meaning} |"
        for reason, entry in CATALOG.items()
    ]
    return "\n".join([_CONDITIONS, *rows, ""])


def troubleshooting() -> str:
    """docs/troubleshooting.md: every reason that may need somebody, by the condition it is of."""
    sections = [part for kind in ConditionType for part in _section(kind)]
    return "\n\n".join([HEAD, _index(), *sections, INSIDE]) + "\n"


def _linked(reason: str) -> str:
    return f"[{reason}](troubleshooting.md#{reason.lower()})" if reason in REMEDIES else reason


def _index() -> str:
    rows = [f"| [{kind.value}](#{kind.value.lower()}) | {QUESTIONS[kind]} |" for kind in QUESTIONS]
    return "\n".join(["| condition | question |", "|---|---|", *rows])


def _section(kind: ConditionType) -> Iterator[str]:
    found = [(reason, entry) for reason, entry in CATALOG.items() if entry.condition is kind]
    yield f"## {kind.value}\n\n{QUESTIONS[kind]}"
    yield from (
        _entry(reason, entry, REMEDIES[reason]) for reason, entry in found if reason in REMEDIES
    )


def _entry(reason: str, entry: Entry, remedy: Remedy) -> str:
    commands = "\n".join(remedy.see)
    steps = "\n".join(_step(step) for step in remedy.mend)
    see = f"See more:\n\n```sh\n{commands}\n```"
    return f"### {reason}\n\n{_filled(entry.meaning)}\n\n{see}\n\nMend:\n\n{steps}"


def _step(step: Step) -> str:
    what = _filled(step.what, "- ", "  ")
    return what + (f"\n  ```sh\n  {step.command}\n  ```" if step.command else "")


def _filled(text: str, first: str = "", further: str = "") -> str:
    return fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )


_CONDITIONS = """\
# Conditions and their reasons

`kubectl get llmd NAME -o jsonpath='{.status.conditions}'` shows seven conditions, all of them
from the first look of the operator on. `lastTransitionTime` moves only with `status`.

| condition | True | False | Unknown |
|---|---|---|---|
| SpecValid | the spec can be carried out | it cannot, change it | |
| ModelReady | a replica has the model, verified | not yet, or cannot be had | no replica tries |
| Scheduled | every replica has a node | one gets none, or no volume | not decided yet |
| Progressing | on its way, or arrived | stuck until someone acts | nothing exists yet |
| UpToDate | every replica runs the newest spec | not yet; Progressing says why | nothing exists |
| Autoscaling | replicas follow the load | they do not | |
| Ready | a replica answers, or none is needed | none answers; the reason is the deciding one | |

Ready says whether requests are answered, whatever the spec says by now: it is True while a replica
answers. It becomes True when a replica answers the gateway, up to two seconds before its pod is
Ready. Its reason is RollingOut while only replicas of the spec before answer, and that of
Progressing where the newest spec is stuck; SpecValid says what is wrong with the spec itself.
`status.slots` and `status.model` are those that answer. A reason that comes up is told as an Event.

After an edit, wait for UpToDate: Ready stays True under it, and Progressing is True on the way,
too. All conditions carry `observedGeneration`, so `kubectl wait` never takes an old one for the
answer. A rollout that is stuck shows as Progressing False, with its reason:

    kubectl wait llmd/NAME --for=condition=UpToDate --timeout=30m
    kubectl wait llmd/NAME --for=condition=Progressing=False --timeout=30m

Before a replica that answers is stopped for an edit, a Job without a device proves that edit: its
model (fetched into a cache that outlives the pod, else looked at), images and volumes. Until then
the replicas stay as they were
([why](adr/0012-an-edit-is-proved-before-a-replica-stops.md)).
`spec.lifecycle.proveEdits: false` applies every edit at once.

A reason that may need somebody leads to [troubleshooting.md](troubleshooting.md): how to see more,
and how to mend it. The others are well.

<!-- Generated from operator/llmstack/status by `make pages`. Do not edit. -->

| reason | found by | Event | meaning |
|---|---|---|---|"""
