"""What mends a cache that does not take the model, and a model that does not fit?"""

from collections.abc import Mapping

from llmstack.api import reasons
from llmstack.desired.metadata import CACHE_COMPONENT, COMPONENT_LABEL
from llmstack.status.remedies.remedy import FETCH_LOG, Remedy, Step, field, message, patch

_CLAIMS = f"kubectl -n NAMESPACE get pvc -l {COMPONENT_LABEL}={CACHE_COMPONENT}"

CACHE: Mapping[str, Remedy] = {
    reasons.CACHE_FULL: Remedy(
        see=(message("ModelReady"), _CLAIMS, "kubectl get storageclass"),
        mend=(
            Step(
                "Raise `spec.cache.size`. A volume of the pod's own is made anew; a shared one "
                "grows where its class says ALLOWVOLUMEEXPANSION true. Where no size was given "
                "the node's disk is full: with one, each pod gets a volume instead.",
                patch('{"cache": {"size": "100Gi"}}'),
            ),
            Step(
                "A claim of yours (`spec.cache.existingClaim`) is never changed by the operator:",
                "kubectl -n NAMESPACE patch pvc CLAIM --patch "
                '\'{"spec": {"resources": {"requests": {"storage": "100Gi"}}}}\'',
            ),
            Step(
                "Remove models that nobody serves: [look inside](#look-from-inside). "
                "`ls -l /models/sources/*/` shows which model has which file of `/models/blobs`; "
                "delete that file, and the model counts as absent."
            ),
            Step(
                "A shared claim that cannot grow: delete it, then its pods. It is made anew in "
                "the size of the spec, and every model in it is downloaded again.",
                "kubectl -n NAMESPACE delete pvc CLAIM --wait=false",
            ),
        ),
    ),
    reasons.CACHE_NOT_WRITABLE: Remedy(
        see=(message("ModelReady"), _CLAIMS, FETCH_LOG),
        mend=(
            Step(
                "*Permission denied*: replicas write as user and group 65532. Kubernetes hands a "
                "volume to that group where its driver can (not NFS, not hostPath). There, on the "
                "server of the export: `chown -R 65532:65532` of the folder."
            ),
            Step(
                "Or let the replicas be of the group that the folder has, and give it the right "
                "to write.",
                patch('{"pod": {"supplementalGroups": [2000]}}'),
            ),
            Step(
                "*Read-only file system*: mount or export the volume for writing. A model that "
                "lies there ready needs no cache: name it `pvc://CLAIM/FILE.gguf` in "
                "`spec.model.source`; that is only read."
            ),
        ),
    ),
    reasons.CONTEXT_LENGTH_TOO_LARGE: Remedy(
        see=(message("ModelReady"), field(".spec.contextLength")),
        mend=(
            Step(
                "Write what the message names, or less, or leave `spec.contextLength` out. It "
                "counts for each slot, not for all slots together.",
                patch('{"contextLength": 8192}'),
            ),
            Step("Longer prompts need a model whose GGUF header allows them: `spec.model.source`."),
        ),
    ),
    reasons.MODEL_TOO_LARGE: Remedy(
        see=(message("ModelReady"), field(".status.model")),
        mend=(
            Step(
                "Lower `spec.contextLength` to what requests need, or `spec.slots`: the KV cache "
                "grows with their product ([sizing.md](sizing.md)).",
                patch('{"slots": 2, "contextLength": 8192}'),
            ),
            Step(
                "Store the KV cache in half the space.",
                patch('{"engine": {"kvCacheType": "q8_0"}}'),
            ),
            Step("Name a file of a smaller quantization in `spec.model.source`."),
            Step(
                "Spread the model over more devices: `spec.accelerator.count`.",
                patch('{"accelerator": {"count": 2}}'),
            ),
            Step(
                "The devices have more memory than `spec.accelerator.memory` says: correct it. "
                "With `spec.engine.gpuLayers` a part stays on the CPU, and nothing is refused: "
                "it fits, and is slow."
            ),
        ),
    ),
}
