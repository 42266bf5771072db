"""Does a file belong into the field of the spec that names it? Its header tells."""

from llmstack.engines.facts import PROJECTOR_FIELD, GGUFFacts, Kind

_WHAT = {
    Kind.PROJECTOR: "a multimodal projector (mmproj)",
    Kind.ADAPTER: "an adapter (LoRA)",
    Kind.CONTROL_VECTOR: "a control vector",
    Kind.IMATRIX: "an importance matrix for quantizing",
    Kind.VOCABULARY: "a vocabulary without weights",
}
_MODEL_HERE = "name the language model in spec.model.source"
_BELONGS = {
    Kind.PROJECTOR: f"{_MODEL_HERE} and this file in spec.model.mmproj.source",
    Kind.ADAPTER: (
        "name its base model in spec.model.source, and this file behind --lora in "
        "spec.engine.extraArgs"
    ),
    Kind.CONTROL_VECTOR: (
        f"{_MODEL_HERE}, and this file behind --control-vector in spec.engine.extraArgs"
    ),
    Kind.IMATRIX: f"a server has no use for it, {_MODEL_HERE}",
    Kind.VOCABULARY: f"a server has no use for it, {_MODEL_HERE}",
}
_PROJECTOR_HERE = "name the projector that was made for the model (mmproj-….gguf)"


def misplaced(facts: GGUFFacts, field: str) -> str:
    """What the file is and where it belongs, if `field` is not the place; "" if it is."""
    wanted = Kind.PROJECTOR if field == PROJECTOR_FIELD else Kind.MODEL
    if facts.kind is wanted:
        return ""
    if wanted is Kind.MODEL:
        return f"this is {_WHAT[facts.kind]}, not a language model: {_BELONGS[facts.kind]}"
    if facts.kind is Kind.MODEL:
        what, where = f"a language model ({facts.architecture})", "it belongs in spec.model.source"
    else:
        what, where = _WHAT[facts.kind], _BELONGS[facts.kind]
    return f"this is {what}, not a multimodal projector: {where}; here {_PROJECTOR_HERE}"
