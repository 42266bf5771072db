"""Can what is asked for exist at all?"""

from llmstack.observed import ApplyFailure
from tests.unit.status.rows.row import Row
from tests.unit.status.samples import observed, serving

CONFLICT = {"gpt-4o-mini": "team-b/llama"}

ROWS: list[Row] = [
    ("nothing speaks against it", observed(), {}, ("SpecValid", "True", "Valid", "")),
    (
        "no objects can be built from the spec",
        observed(invalid="spec.model: two claims"),
        {},
        ("SpecValid", "False", "InvalidSpec", "spec.model: two claims"),
    ),
    (
        "the API server refuses a child",
        observed(failures=(ApplyFailure("Deployment", "qwen", 422, "spec.x: Invalid value"),)),
        {},
        ("SpecValid", "False", "RejectedByCluster", "Deployment qwen: spec.x: Invalid value"),
    ),
    (
        "the name of a child is taken",
        observed(failures=(ApplyFailure("Service", "qwen-replicas", 409, "exists already"),)),
        {},
        ("SpecValid", "False", "RejectedByCluster", "exists already"),
    ),
    (
        "a quota refuses a child",
        observed(failures=(ApplyFailure("Service", "s", 403, "exceeded quota: services=3"),)),
        {},
        ("SpecValid", "False", "RejectedByCluster", "exceeded quota"),
    ),
    (
        "the operator lacks rights: not the spec's fault",
        observed(failures=(ApplyFailure("Secret", "s", 403, 'User "x" cannot patch'),)),
        {},
        ("SpecValid", "True", "Valid", ""),
    ),
    (
        "another has its alias",
        observed(serving(), name_conflicts=CONFLICT),
        {"model": {"aliases": ["gpt-4o-mini"]}},
        (
            "SpecValid",
            "True",
            "NameConflict",
            "the name gpt-4o-mini is already used by team-b/llama and the "
            "gateway routes its requests there",
        ),
    ),
    (
        "and what to do about it is said",
        observed(serving(), name_conflicts=CONFLICT),
        {"model": {"aliases": ["gpt-4o-mini"]}},
        (
            "SpecValid",
            "True",
            "NameConflict",
            "use team-a/qwen as model to reach this",
        ),
    ),
    (
        "its own name is taken in another namespace",
        observed(serving(), name_conflicts={"qwen": "team-b/qwen"}),
        {},
        ("SpecValid", "True", "NameConflict", "use team-a/qwen as model to reach this"),
    ),
    (
        "a spec that cannot be carried out matters more",
        observed(invalid="two claims", name_conflicts=CONFLICT),
        {},
        ("SpecValid", "False", "InvalidSpec", "two claims"),
    ),
    (
        "its pods go on",
        observed(serving(), name_conflicts=CONFLICT),
        {},
        ("Ready", "True", "Ready", "1 of 1"),
    ),
    (
        "a webhook changes the image",
        observed(serving(), rewritten={"Deployment qwen": "spec.x is b instead of a"}),
        {},
        (
            "SpecValid",
            "True",
            "RewrittenByCluster",
            "policy of the cluster modifies Deployment qwen: spec.x is b instead of a: exclude",
        ),
    ),
    (
        "and the model answers",
        observed(serving(), rewritten={"Deployment qwen": "spec.x is b instead of a"}),
        {},
        ("Ready", "True", "Ready", "1 of 1"),
    ),
]
