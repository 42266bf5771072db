"""What mends a replica that waits for its volume?"""

from collections.abc import Mapping

from llmstack.api import reasons
from llmstack.status.remedies.remedy import (
    Remedy,
    Step,
    message,
    patch,
)

_CLAIMS = "kubectl -n NAMESPACE get pvc"
_CLASSES = "kubectl get storageclass"
_DELETE_CLAIM = "kubectl -n NAMESPACE delete pvc CLAIM --wait=false"

VOLUMES: Mapping[str, Remedy] = {
    reasons.CLAIM_MISSING: Remedy(
        see=(message("Scheduled"), _CLAIMS),
        mend=(
            Step(
                "Correct the name in `spec.model.source` (`pvc://CLAIM/FILE.gguf`), "
                "`spec.model.mmproj.source` or `spec.cache.existingClaim`. The claim must be in "
                "the deployment's namespace."
            ),
            Step("Or create the claim: the replica is scheduled as soon as it is there."),
        ),
    ),
    reasons.STORAGE_CLASS_MISSING: Remedy(
        see=(message("Scheduled"), _CLASSES, _CLAIMS),
        mend=(
            Step("Name a class that there is.", patch('{"cache": {"storageClassName": "CLASS"}}')),
            Step(
                "Or make one the default; claims that wait take it.",
                'kubectl patch storageclass CLASS --patch \'{"metadata": {"annotations": '
                '{"storageclass.kubernetes.io/is-default-class": "true"}}}\'',
            ),
            Step(
                "A shared claim of the missing class stays behind and holds nothing: delete it.",
                _DELETE_CLAIM,
            ),
        ),
    ),
    reasons.VOLUME_UNBOUND: Remedy(
        see=(message("Scheduled"), "kubectl -n NAMESPACE describe pvc", _CLASSES),
        mend=(
            Step(
                "The class cannot share (*ReadWriteMany … not supported*): name one that can in "
                "`spec.cache.storageClassName`, or leave `spec.cache.accessMode` out; then each "
                "replica downloads into a volume of its own.",
                patch('{"cache": {"accessMode": null}}'),
            ),
            Step(
                "Too little storage or a quota, in the provisioner's words: lower "
                "`spec.cache.size`, or have it raised."
            ),
            Step(
                "Nothing at all from the provisioner: it does not run. The class names it.",
                "kubectl get pods --all-namespaces",
            ),
            Step(
                "*the volume of claim … is gone*: delete the claim. It is made anew, and the "
                "models are downloaded again.",
                _DELETE_CLAIM,
            ),
        ),
    ),
}
