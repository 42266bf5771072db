"""What mends a server that does not start?"""

from collections.abc import Mapping

from llmstack.api import reasons
from llmstack.status.remedies.remedy import (
    DESCRIBE_PODS,
    LAST_SERVER_LOG,
    Remedy,
    Step,
    field,
    message,
    patch,
)

STARTING: Mapping[str, Remedy] = {
    reasons.IMAGE_PULL_FAILED: Remedy(
        see=(message("Progressing"), DESCRIBE_PODS),
        mend=(
            Step(
                "*not found*: correct `spec.engine.image`. Without it the image is the chart value "
                "`serverImages.cpu` (`serverImages.nvidia`, …; [then](#chart-values) renew the "
                "replicas); of the container `fetch` it is the operator's own, `image.repository`.",
                patch('{"engine": {"image": "IMAGE"}}'),
            ),
            Step(
                "*unauthorized*, *denied*: a Secret in the deployment's namespace, for the "
                "container `fetch` too: the Secrets of the release do not count here. Make it …",
                "kubectl -n NAMESPACE create secret docker-registry SECRET "
                "--docker-server=REGISTRY --docker-username=USER --docker-password=PASSWORD",
            ),
            Step("… and name it.", patch('{"pod": {"imagePullSecrets": [{"name": "SECRET"}]}}')),
            Step(
                "*no match for platform*: the image is for another kind of CPU. Choose the nodes.",
                patch('{"accelerator": {"nodeSelector": {"kubernetes.io/arch": "amd64"}}}'),
            ),
            Step("*timeout*, *no such host*: the node does not reach the registry."),
        ),
    ),
    reasons.SERVER_CRASHING: Remedy(
        see=(message("Progressing"), LAST_SERVER_LOG, DESCRIBE_PODS),
        mend=(
            Step(
                "*error: invalid argument* and the like: a flag of `spec.engine.extraArgs` that "
                "this build does not know, or its value.",
                patch('{"engine": {"extraArgs": null}}'),
            ),
            Step(
                "*unknown model architecture*: the model is younger than the llama.cpp of the "
                "image. Name a newer one in `spec.engine.image`, or another model."
            ),
            Step(
                "*error loading model*: the file does not go with this build, or its projector "
                "(`spec.model.mmproj`) is another model's."
            ),
            Step(
                "*error while loading shared libraries* (libcuda): the node gives the container "
                "no driver. NVIDIA:",
                patch('{"accelerator": {"runtimeClassName": "nvidia"}}'),
            ),
            Step(
                "*exec format error*, exit code 132: the image is for another CPU. Choose nodes "
                "with `spec.accelerator.nodeSelector`, or another `spec.engine.image`."
            ),
            Step(
                "*GGML_ASSERT*, *CUDA error*, exit code 139: an error of llama.cpp or of the "
                "driver. Try without flash attention, then a newer image.",
                patch('{"engine": {"flashAttention": "disabled"}}'),
            ),
        ),
    ),
    reasons.OUT_OF_MEMORY: Remedy(
        see=(
            message("Progressing"),
            LAST_SERVER_LOG,
            field(".status.model.memoryBytes"),
            DESCRIBE_PODS,
        ),
        mend=(
            Step(
                "*more memory than its limit*: the host's memory. Raise the limit, or keep fewer "
                "prompts with `spec.engine.promptCacheMemory`.",
                patch('{"engine": {"resources": {"limits": {"memory": "16Gi"}}}}'),
            ),
            Step(
                "*found too little memory*: the device's, with an accelerator. Lower "
                "`spec.slots` or `spec.contextLength` ([sizing.md](sizing.md)).",
                patch('{"slots": 2, "contextLength": 8192}'),
            ),
            Step(
                "Or store the KV cache in half the space.",
                patch('{"engine": {"kvCacheType": "q8_0"}}'),
            ),
            Step(
                "Or a file of a smaller quantization (`spec.model.source`), or more devices "
                "(`spec.accelerator.count`)."
            ),
            Step(
                "Another process holds the device's memory (time slicing, a desktop): give the "
                "replica a device of its own. With `spec.accelerator.memory` a model that cannot "
                "fit is told as ModelTooLarge before it crashes."
            ),
            Step(
                "On CPUs: the weights are read from the cache as they are needed. Ask for the room "
                "that they take, so that the node is not overfull.",
                patch('{"engine": {"resources": {"requests": {"memory": "8Gi"}}}}'),
            ),
        ),
    ),
}
