"""Is a file refused in the field where it does not belong, with the field where it does?"""

import pytest

from llmstack.engines.facts import MODEL_FIELD, PROJECTOR_FIELD, GGUFFacts, Kind
from llmstack.engines.llamacpp.gguf.role import misplaced

TABLE = [
    (MODEL_FIELD, Kind.MODEL, ""),
    (PROJECTOR_FIELD, Kind.PROJECTOR, ""),
    (MODEL_FIELD, Kind.PROJECTOR, "this file in spec.model.mmproj.source"),
    (MODEL_FIELD, Kind.ADAPTER, "base model in spec.model.source, and this file behind --lora"),
    (MODEL_FIELD, Kind.CONTROL_VECTOR, "behind --control-vector in spec.engine.extraArgs"),
    (MODEL_FIELD, Kind.IMATRIX, "importance matrix"),
    (MODEL_FIELD, Kind.VOCABULARY, "a vocabulary without weights"),
    (PROJECTOR_FIELD, Kind.MODEL, "a language model (llama), not a multimodal projector"),
    (PROJECTOR_FIELD, Kind.ADAPTER, "an adapter (LoRA), not a multimodal projector"),
    (PROJECTOR_FIELD, Kind.VOCABULARY, "a vocabulary without weights"),
]


@pytest.mark.parametrize(("field", "kind", "words"), TABLE)
def test_where_it_belongs(field, kind, words):
    found = misplaced(GGUFFacts("llama", 1, "F16", 1, kind=kind), field)
    assert words in found
    assert bool(found) is bool(words)
