"""What mends a source that does not give the model?"""

from collections.abc import Mapping

from llmstack.api import reasons
from llmstack.status.remedies.remedy import FETCH_LOG, Remedy, Step, field, message, patch

_SOURCE = field(".spec.model.source")

SOURCE: Mapping[str, Remedy] = {
    reasons.SECRET_MISSING: Remedy(
        see=(message("ModelReady"), "kubectl -n NAMESPACE get secrets"),
        mend=(
            Step(
                "Create it in the deployment's namespace. A source's token lies under the key "
                "`token`; FILE holds nothing else. Replicas that wait take it within minutes.",
                "kubectl -n NAMESPACE create secret generic SECRET --from-file=token=FILE",
            ),
            Step(
                "One that images are pulled with (`spec.pod.imagePullSecrets`):",
                "kubectl -n NAMESPACE create secret docker-registry SECRET "
                "--docker-server=REGISTRY --docker-username=USER --docker-password=PASSWORD",
            ),
            Step(
                "Or correct the name in `spec.model.secretRef.name`, `spec.pod.imagePullSecrets` "
                "or `spec.pod.env`."
            ),
        ),
    ),
    reasons.SOURCE_UNAUTHORIZED: Remedy(
        see=(message("ModelReady"), _SOURCE, field(".spec.model.secretRef.name")),
        mend=(
            Step(
                "No token yet: put one into a Secret under the key `token` …",
                "kubectl -n NAMESPACE create secret generic SECRET --from-file=token=FILE",
            ),
            Step("… and name the Secret.", patch('{"model": {"secretRef": {"name": "SECRET"}}}')),
            Step(
                "*may not read it*: the token has expired, is another account's, or its scope "
                "leaves gated repositories out. Replace it; the next try uses the new one.",
                "kubectl -n NAMESPACE create secret generic SECRET --from-file=token=FILE "
                "--dry-run=client -o yaml | kubectl apply -f -",
            ),
            Step(
                "*access is granted by its owner*: open the repository's page with the token's "
                "account and ask for access."
            ),
            Step(
                "The token is sent to the source's own host only, as a bearer token. A host that "
                "wants something else: copy the file to a claim, and name it `pvc://CLAIM/FILE`."
            ),
            Step(
                "A file on a claim that cannot be read: let user or group 65532 read it, or give "
                "the file's group in `spec.pod.supplementalGroups`."
            ),
        ),
    ),
    reasons.SOURCE_NOT_FOUND: Remedy(
        see=(
            message("ModelReady"),
            _SOURCE,
            "curl -sSL https://huggingface.co/api/models/OWNER/REPO | tr ',' '\\n' | grep gguf",
        ),
        mend=(
            Step(
                "Correct `spec.model.source`: owner, repository and path as the hub spells them, "
                "capitals too, and after `@` a branch, tag or commit that exists.",
                patch('{"model": {"source": "hf://OWNER/REPO/FILE.gguf"}}'),
            ),
            Step("Of a split model, name the first part: `…-00001-of-0000N.gguf`."),
            Step(
                "A name with a space, an `@` or a `%`: write `%20`, `%40` or `%25`, as in "
                "`hf://OWNER/REPO/My%20Model.gguf`."
            ),
            Step(
                "On a claim the path begins at the volume's root: "
                "[look into it](#look-from-inside)."
            ),
        ),
    ),
    reasons.SOURCE_UNREACHABLE: Remedy(
        see=(message("ModelReady"), FETCH_LOG, "kubectl -n NAMESPACE get networkpolicy"),
        mend=(
            Step(
                "*cannot be resolved*, *cannot be reached*: check the host in "
                "`spec.model.source`, then [ask from inside](#look-from-inside): the cluster's "
                "DNS, a NetworkPolicy on egress or a firewall stands in between."
            ),
            Step(
                "There is a proxy: chart value `fetchEnv`, with `HTTPS_PROXY` and `NO_PROXY` "
                "(names, `.domain`, `10.0.0.0/8`). A mirror of the hub: `HF_ENDPOINT` there. "
                "[Then](#chart-values) renew the replicas."
            ),
            Step(
                "*the proxy … answers 407* or *403*: its credentials belong in its address, "
                "`HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT`, or it must allow the host; a host "
                "that pods reach directly belongs in `NO_PROXY`."
            ),
            Step(
                "*sent … bytes per second*: the connection trickled. Where that is all there is, "
                "lower `LLMSTACK_FETCH_SLOW_BYTES_PER_SECOND` in the chart value `fetchEnv`."
            ),
            Step(
                "*the certificate … is not trusted*: chart value `caBundle`, with the authority of "
                "the proxy or the host. [Then](#chart-values) renew the replicas."
            ),
            Step(
                "*answers 429* or *5xx*, *was silent*: the host's trouble. The download goes on "
                "where it stopped, by itself."
            ),
            Step(
                "*redirects from https to …*: write the address that it leads to into "
                "`spec.model.source`, if you trust it."
            ),
        ),
    ),
}
