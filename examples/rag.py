"""How does a model answer from texts that it has never seen?

The texts are embedded once and kept in a small vector store. A question is embedded, too; the
nearest texts go into the prompt, and the chat model answers from them.

    kubectl apply -f examples/two-models.yaml
    kubectl -n llm-stack port-forward service/llm-stack-gateway 8080:80 &
    pip install openai numpy
    python examples/rag.py "Until when is supper served?"

OPENAI_BASE_URL   the gateway, by default http://localhost:8080/v1
OPENAI_API_KEY    your key, where the gateway asks for one
CHAT_MODEL, EMBED_MODEL   names of deployments, by default chat and embed
"""

import os
import sys

import numpy as np
from openai import OpenAI

CHAT_MODEL = os.environ.get("CHAT_MODEL", "chat")
EMBED_MODEL = os.environ.get("EMBED_MODEL", "embed")

# nomic-embed-text was trained with these words before each text. Other models want others, or none:
# their model card says so. Left out, they cost accuracy and no error tells of it.
DOCUMENT, QUESTION = "search_document: ", "search_query: "
# An array of inputs has a whole replica for itself while it is computed. Small ones let other
# people's requests in between.
BATCH = 16

TEXTS = [
    "Supper in the hut is served from six until half past seven in the evening.",
    "The key of the winter room hangs in the shed behind the hut, to the left of the door.",
    "Dogs stay in the stable. They are not allowed in the bedrooms.",
    "The bus to the valley leaves from the dam at nine, at noon and at four.",
    "Drinking water comes from the spring above the hut. It freezes between December and March.",
    "Members of an alpine club pay half the price for a bed if they show their card.",
]


class VectorStore:
    """Which texts are nearest? A matrix with a row of length 1 for each: products are cosines."""

    def __init__(self, client: OpenAI, model: str) -> None:
        self._client = client
        self._model = model
        self._texts: list[str] = []
        self._rows: list[np.ndarray] = []

    def add(self, texts: list[str]) -> None:
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            self._rows.extend(self._embed([DOCUMENT + text for text in batch]))
            self._texts.extend(batch)

    def search(self, question: str, count: int = 2) -> list[str]:
        (row,) = self._embed([QUESTION + question])
        nearest = np.argsort(np.stack(self._rows) @ row)[::-1]
        return [self._texts[index] for index in nearest[:count]]

    def _embed(self, inputs: list[str]) -> np.ndarray:
        answer = self._client.embeddings.create(model=self._model, input=inputs)
        rows = np.array([item.embedding for item in answer.data])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, lengths)


def answer(client: OpenAI, question: str, found: list[str]) -> str:
    """The chat model's answer, from what was found and nothing else."""
    rule = "Answer in one sentence, from these notes only. If they do not tell, say so."
    notes = "\n".join(f"- {text}" for text in found)
    said = client.chat.completions.create(
        model=CHAT_MODEL,
        messages=[
            {"role": "system", "content": f"{rule}\n{notes}"},
            {"role": "user", "content": question},
        ],
        temperature=0,
        max_tokens=100,
    )
    return said.choices[0].message.content or ""


def main(question: str) -> None:
    client = OpenAI(
        base_url=os.environ.get("OPENAI_BASE_URL", "http://localhost:8080/v1"),
        api_key=os.environ.get("OPENAI_API_KEY", "none"),
    )
    store = VectorStore(client, EMBED_MODEL)
    store.add(TEXTS)
    found = store.search(question)
    for text in found:
        print(f"found: {text}")
    print(answer(client, question, found))


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "Until when is supper served?")
