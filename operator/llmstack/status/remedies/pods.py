"""What mends a pod that takes too long, is thrown out, or gets no mount?"""

from collections.abc import Mapping

from llmstack.api import reasons
from llmstack.status.remedies.remedy import (
    DESCRIBE_PODS,
    FETCH_LOG,
    PODS,
    SERVER_LOG,
    Remedy,
    Step,
    message,
    patch,
)

POD_TROUBLES: Mapping[str, Remedy] = {
    reasons.START_TIMEOUT: Remedy(
        see=(message("Progressing"), PODS, FETCH_LOG, SERVER_LOG),
        mend=(
            Step(
                "It only takes long: raise the limit. It holds for the load of the model, and for "
                "a rollout from the download on.",
                patch('{"lifecycle": {"startupTimeoutSeconds": 3600}}'),
            ),
            Step(
                "The download takes it: let it happen once, with `spec.cache.accessMode`, or put "
                "the model on a claim (`pvc://CLAIM/FILE.gguf`)."
            ),
            Step(
                "The load takes it: size of the model ÷ speed of the cache's volume. Choose a "
                "faster class in `spec.cache.storageClassName`."
            ),
            Step(
                "The server's log stands still: see its last line, and the device with "
                "`nvidia-smi` on the node."
            ),
        ),
    ),
    reasons.POD_FAILED: Remedy(
        see=(
            message("Progressing"),
            DESCRIBE_PODS,
            "kubectl -n NAMESPACE get events --sort-by=.lastTimestamp",
            "kubectl describe node NODE",
        ),
        mend=(
            Step(
                "*Evicted*, memory: ask for what the server takes, so that the scheduler counts "
                "with it.",
                patch('{"engine": {"resources": {"requests": {"memory": "8Gi"}}}}'),
            ),
            Step("*Evicted*, ephemeral-storage: the node's disk is full; free it, or add one."),
            Step(
                "*CreateContainerConfigError*: `spec.pod.env` names a Secret, a ConfigMap or a key "
                "that is not there."
            ),
            Step(
                "*CreateContainerError*, *StartError*: the node's container runtime; its words "
                "are in the message. A missing GPU runtime: `spec.accelerator.runtimeClassName`."
            ),
            Step(
                "*NodeLost*, *Terminated*: a new replica takes its place by itself. Clear away "
                "what is left:",
                "kubectl -n NAMESPACE delete pods -l llmstack.dev/deployment=NAME "
                "--field-selector=status.phase=Failed",
            ),
        ),
    ),
    reasons.MOUNT_FAILED: Remedy(
        see=(
            message("Progressing"),
            "kubectl -n NAMESPACE events --for pod/POD",
            "kubectl get volumeattachments",
        ),
        mend=(
            Step(
                "*Multi-Attach error*: a volume of one node is still attached to another. Once "
                "the old replica is gone, it comes by itself, after a lost node within six "
                "minutes. To delete the old one:",
                "kubectl -n NAMESPACE delete pod POD",
            ),
            Step(
                "*driver name … not found*: the storage's driver does not run on this node. "
                "Choose nodes with `spec.accelerator.nodeSelector`."
            ),
            Step("*mount failed*, *timed out*: the node does not reach the storage's server."),
            Step(
                "Should it not be worth it: each replica may download into a volume of its own.",
                patch('{"cache": {"accessMode": null}}'),
            ),
        ),
    ),
}
