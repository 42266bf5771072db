"""What helps where it only takes its time, where a server hangs, and where a write fails?"""

from collections.abc import Mapping

from llmstack.api import reasons
from llmstack.status.remedies.remedy import (
    FETCH_LOG,
    GATEWAY_LOG,
    OPERATOR_LOG,
    PODS,
    SERVER_LOG,
    Remedy,
    Step,
    message,
    patch,
)

PROGRESSING: Mapping[str, Remedy] = {
    reasons.PENDING: Remedy(
        see=(
            "kubectl -n NAMESPACE get llmd,deployments,pods",
            "kubectl -n llm-stack get pods",
            OPERATOR_LOG,
        ),
        mend=(
            Step("Seconds after an apply it is normal, and goes by itself."),
            Step(
                "It stays, or there are no conditions at all: no operator runs, or it serves "
                "other namespaces (chart value `namespaces`). Its log says what it waits for."
            ),
            Step(
                "There is a Deployment and no pod: the cluster's own controllers, or the scheduler "
                "without a decision.",
                "kubectl -n kube-system get pods",
            ),
        ),
    ),
    reasons.DOWNLOADING: Remedy(
        see=(message("ModelReady"), FETCH_LOG),
        mend=(
            Step("The message shows how far it is, how fast, and how long it will take."),
            Step(
                "*waiting for …, which downloads the same model*: one replica downloads for all "
                "that share the cache. Should that one die, another goes on where it was."
            ),
            Step(
                "Each replica downloads for itself, or again at each start: share a cache.",
                patch('{"cache": {"accessMode": "ReadWriteMany"}}'),
            ),
            Step("It is slow: the source, or a proxy; a mirror is `HF_ENDPOINT` of `fetchEnv`."),
        ),
    ),
    reasons.LOADING: Remedy(
        see=(PODS, SERVER_LOG),
        mend=(
            Step(
                "It takes the size of the model ÷ the speed of the cache's volume; before that the "
                "image is pulled, if the node does not have it. The server's log shows dots."
            ),
            Step(
                "After `spec.lifecycle.startupTimeoutSeconds` it is [StartTimeout](#starttimeout)."
            ),
        ),
    ),
    reasons.ROLLING_OUT: Remedy(
        see=(message("Progressing"), PODS),
        mend=(
            Step(
                "A replica that stops finishes its streams, for at most "
                "`spec.lifecycle.drainSeconds`. With an accelerator the old one goes before the "
                "new one comes."
            ),
            Step(
                "A pod stays Terminating for longer: its node is lost. Only if that is certain:",
                "kubectl -n NAMESPACE delete pod POD --force",
            ),
            Step(
                "*the newest spec is applied once a Job has proved it*: the replicas in use stay "
                "until then. What the Job does:",
                "kubectl -n NAMESPACE logs --all-containers --ignore-errors "
                "--selector=app.kubernetes.io/component=edit-proof,llmstack.dev/deployment=NAME",
            ),
            Step(
                "To apply edits without such a proof, whatever becomes of the replicas in use:",
                patch('{"lifecycle": {"proveEdits": false}}'),
            ),
        ),
    ),
    reasons.REPLICA_UNREACHABLE: Remedy(
        see=(
            message("Ready"),
            GATEWAY_LOG,
            "kubectl -n NAMESPACE get networkpolicies,endpointslices",
        ),
        mend=(
            Step(
                "*it takes no connection*, *is not answered*: something between the gateway and "
                "the pod drops or refuses connections to port 8080. Usually it is a NetworkPolicy "
                "that allows less than the operator's own. Policies add up: allow the gateway's "
                "pods in yours, or take it away."
            ),
            Step(
                "*its connections break*, or the answer of a proxy: a service mesh asks for mTLS. "
                "Leave the model pods out of it, for instance out of Istio's.",
                patch('{"pod": {"labels": {"sidecar.istio.io/inject": "false"}}}'),
            ),
            Step(
                "*it refuses the gateway's key*: the server was started with another key. Once the "
                "root Secret is right, start it again.",
                "kubectl -n NAMESPACE delete pod POD",
            ),
            Step(
                "In an IPv6 cluster, a model that was made by an older version listens on IPv4 "
                "only: any edit of the spec that changes its pods mends it.",
                patch('{"pod": {"annotations": {"example.com/ipv6": "yes"}}}'),
            ),
        ),
    ),
    reasons.SERVER_WEDGED: Remedy(
        see=(message("Progressing"), SERVER_LOG, GATEWAY_LOG),
        mend=(
            Step(
                "Nothing needs to be done: the kubelet restarts it after twice "
                "`spec.lifecycle.wedgeSeconds` in which it used no CPU time. At once:",
                "kubectl -n NAMESPACE delete pod POD --grace-period=10",
            ),
            Step(
                "Again and again: a newer `spec.engine.image`, or no flash attention; on the node, "
                "look at the driver (`dmesg`, `nvidia-smi`).",
                patch('{"engine": {"flashAttention": "disabled"}}'),
            ),
            Step(
                "It was busy and not wedged: raise the limit.",
                patch('{"lifecycle": {"wedgeSeconds": 300}}'),
            ),
        ),
    ),
    reasons.SERVER_KILLED_BY_REQUEST: Remedy(
        see=(
            "kubectl -n NAMESPACE get events --field-selector reason=ServerKilledByRequest",
            SERVER_LOG,
            GATEWAY_LOG,
        ),
        mend=(
            Step(
                "Nothing needs to be done at once: the kubelet restarts the server, and the "
                "gateway slows the tenant. Find the request in the gateway's log by its id, and "
                "ask the tenant what it sends; `LLMSTACK_SLOW_SECONDS` is how long it is slowed.",
            ),
            Step(
                "Again and again: take the tenant's key back, and report the request upstream. "
                "Where no tenant is named, the server may lack memory: see OutOfMemory.",
            ),
        ),
    ),
    reasons.APPLY_FAILED: Remedy(
        see=(message("Progressing"), OPERATOR_LOG, "kubectl get --raw '/readyz?verbose'"),
        mend=(
            Step("It is tried again by itself. What runs is not touched."),
            Step(
                "*cannot patch*, *cannot create*: rights are missing, as where the chart is older "
                "than the operator. Upgrade the release as a whole. To ask:",
                "kubectl -n NAMESPACE auth can-i create deployments.apps "
                "--as=system:serviceaccount:llm-stack:llm-stack",
            ),
            Step("*failed calling webhook*: the webhook that it names does not answer; mend that."),
            Step("*timeout*, *5…*: the API server or etcd is in trouble; so is all else, then."),
        ),
    ),
}
