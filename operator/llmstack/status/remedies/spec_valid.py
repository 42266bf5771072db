"""What mends a spec that cannot be carried out?"""

from collections.abc import Mapping

from llmstack.api import reasons
from llmstack.desired.metadata import DEPLOYMENT_LABEL
from llmstack.status.remedies.remedy import OPERATOR_LOG, Remedy, Step, message, patch

SPEC_VALID: Mapping[str, Remedy] = {
    reasons.INVALID_SPEC: Remedy(
        see=(message("SpecValid"), "kubectl -n NAMESPACE get llmd NAME -o yaml"),
        mend=(
            Step(
                "The message names the field and what to write there. What ran before runs on "
                "meanwhile, unchanged.",
                "kubectl -n NAMESPACE edit llmd NAME",
            ),
            Step(
                "*no llama-server image for …*: set `spec.engine.image`, or the chart value "
                "`serverImages.nvidia` (`serverImages.amd`, `serverImages.intel`)."
            ),
            Step("*two claims*: copy both files to one claim, and name it in both sources."),
            Step(
                "A field that the API server took and the operator does not know: the CRD is newer "
                "than the operator, as after a rollback. Take the field out, or upgrade the "
                "release. Where the chart value `crds.apply` is false, the CRD is yours to bring:",
                "kubectl apply --server-side -f crds/",
            ),
        ),
    ),
    reasons.REJECTED: Remedy(
        see=(
            message("SpecValid"),
            "kubectl -n NAMESPACE describe resourcequota,limitrange",
            f"kubectl -n NAMESPACE describe replicasets -l {DEPLOYMENT_LABEL}=NAME",
        ),
        mend=(
            Step(
                "*exceeded quota*: have the quota raised, or ask for less: "
                "`spec.engine.resources`, `spec.accelerator.count`, `spec.replicas`, "
                "`spec.autoscaling.maxReplicas`."
            ),
            Step(
                "*maximum … usage per Container*, *must specify limits*: the namespace's limits; "
                "write `spec.engine.resources.limits` within them."
            ),
            Step(
                "*RuntimeClass … not found*, *no PriorityClass*: correct "
                "`spec.accelerator.runtimeClassName` or `spec.pod.priorityClassName`.",
                "kubectl get runtimeclass,priorityclass",
            ),
            Step(
                "The name of an object is taken: something else has the deployment's name. Delete "
                "that object, or create the LLMDeployment under another name."
            ),
            Step(
                "*Invalid value* in a part that is passed on to the pods (`spec.pod.affinity`, "
                "`spec.pod.topologySpreadConstraints`, `spec.pod.env`): write it as a pod has it.",
                "kubectl explain pod.spec.affinity --recursive",
            ),
            Step(
                "A policy of the cluster (*admission webhook … denied*): the pods meet the "
                "restricted Pod Security Standard; what a policy wants besides goes into "
                "`spec.pod.labels`, `spec.pod.annotations` or `spec.engine.resources`."
            ),
        ),
    ),
    reasons.REWRITTEN: Remedy(
        see=(
            message("SpecValid"),
            "kubectl get mutatingwebhookconfigurations",
            OPERATOR_LOG,
        ),
        mend=(
            Step(
                "The message names the field, and both values. What runs is what the cluster made "
                "of it; the operator tries again every 300 s."
            ),
            Step(
                "It is meant, as where a registry's mirror is put into images: write the same in "
                "the spec.",
                patch('{"engine": {"image": "MIRROR/llama-server:TAG"}}'),
            ),
            Step(
                "It is not: have the webhook or policy spare objects with the label "
                "`app.kubernetes.io/managed-by=llmstack`."
            ),
        ),
    ),
    reasons.NAME_CONFLICT: Remedy(
        see=(
            message("SpecValid"),
            "kubectl get llmd --all-namespaces -o "
            "custom-columns=SPACE:.metadata.namespace,MODEL:.metadata.name,NAMES:.status.names",
        ),
        mend=(
            Step(
                "Let clients send `NAMESPACE/NAME` as `model`, or use "
                "`http://NAME.NAMESPACE/v1`: both always mean this deployment."
            ),
            Step(
                "Or give up the alias, here or in the deployment that has it: take it out of "
                "`spec.model.aliases`. No replica restarts.",
                patch('{"model": {"aliases": []}}'),
            ),
            Step("A deployment's own name cannot change: create it anew under another one."),
        ),
    ),
}
