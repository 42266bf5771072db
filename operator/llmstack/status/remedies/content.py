"""What mends a download that is not the model?"""

from collections.abc import Mapping

from llmstack.api import reasons
from llmstack.status.remedies.remedy import FETCH_LOG, Remedy, Step, field, message, patch

_SOURCE = field(".spec.model.source")

CONTENT: Mapping[str, Remedy] = {
    reasons.SOURCE_TRUNCATED: Remedy(
        see=(message("ModelReady"), FETCH_LOG, "curl -sSIL URL"),
        mend=(
            Step(
                "Wait for one more try: what arrived is kept, and the next try goes on there. The "
                "second number of *GiB of* in the log should rise."
            ),
            Step(
                "It ends at the same byte each time: the file at the source is incomplete (upload "
                "it again), or a proxy cuts long answers (name the host in `NO_PROXY` of the chart "
                "value `fetchEnv`, [then](#chart-values) renew the replicas)."
            ),
            Step(
                "Or copy the file to a claim by other means and serve it from there.",
                patch('{"model": {"source": "pvc://CLAIM/FILE.gguf"}}'),
            ),
        ),
    ),
    reasons.CHECKSUM_MISMATCH: Remedy(
        see=(message("ModelReady"), field(".spec.model.sha256"), "sha256sum FILE"),
        mend=(
            Step(
                "Ask the publisher which sum is right: the message has both. Of a split model it "
                "is the first part's; the projector has its own, `spec.model.mmproj.sha256`."
            ),
            Step(
                "The file was renewed and you want the new one: write its sum, and pin the source "
                "with `@COMMIT` so that it cannot change again.",
                patch('{"model": {"sha256": "SHA256"}}'),
            ),
            Step(
                "*the hub announces*: the bytes were changed on their way; what arrived is thrown "
                "away and fetched again. If it happens twice, look at the proxy in between."
            ),
            Step("Neither sum is known to you: do not trust this source."),
        ),
    ),
    reasons.NOT_GGUF: Remedy(
        see=(message("ModelReady"), _SOURCE, "curl -sSL URL | head -c 200"),
        mend=(
            Step(
                "A web page came: name the file itself. On the hub that is `…/resolve/…`, not "
                "`…/blob/…`, or better `hf://OWNER/REPO/FILE.gguf`.",
                patch('{"model": {"source": "hf://OWNER/REPO/FILE.gguf"}}'),
            ),
            Step(
                "Safetensors and other formats are not served: choose a repository with GGUF "
                "files, or convert with llama.cpp's `convert_hf_to_gguf.py`."
            ),
            Step("A Git LFS pointer (`version https://git-lfs…`): fetch the file, upload that."),
            Step(
                "*this is a multimodal projector*, *an adapter*, *a language model*: the file is "
                "sound and in the wrong field. The model belongs in `spec.model.source`, the "
                "projector beside it.",
                patch('{"model": {"mmproj": {"source": "hf://OWNER/REPO/mmproj-FILE.gguf"}}}'),
            ),
            Step(
                "*has type …*, *does not know the architecture*: the shipped llama-server is older "
                "or newer than the file. Choose a file of another quantization, or run an image "
                "that knows it in `spec.engine.image`."
            ),
            Step(
                "*is part … by its header*, *one of … parts*, *a part of another model*: keep the "
                "names that `llama-gguf-split` gave, and fetch all parts from one upload."
            ),
            Step("A header or weights that are cut off: the upload was; repeat it."),
        ),
    ),
    reasons.FETCH_FAILED: Remedy(
        see=(message("ModelReady"), FETCH_LOG, f"{FETCH_LOG} --previous"),
        mend=(
            Step("It is tried again by itself, at most five minutes later, where it stopped."),
            Step(
                "*changed on its server while it was downloaded*: pin the source with `@COMMIT`.",
                patch('{"model": {"source": "hf://OWNER/REPO/FILE.gguf@COMMIT"}}'),
            ),
            Step(
                "It did not change: the servers behind one name disagree about its version. Give "
                "the file's sum. It identifies the version, and the file comes in ranges again.",
                patch('{"model": {"sha256": "SHA256"}}'),
            ),
            Step("*answers 4…*: the address in `spec.model.source` is not one to download from."),
            Step(
                "*the cache … failed*: the volume itself; the words are the file system's. See "
                "the node and the storage behind it.",
                "kubectl -n NAMESPACE describe pvc",
            ),
            Step("*unexpected …*: an error of ours. Please report it with the log."),
        ),
    ),
}
