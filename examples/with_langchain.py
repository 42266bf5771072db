"""How does LangChain use the gateway?

As it uses OpenAI: a retriever over an embedding model, a chain that streams its answer, and an
answer as an object.

    kubectl apply -f examples/two-models.yaml
    kubectl -n llm-stack port-forward service/llm-stack-gateway 8080:80 &
    pip install langchain-openai numpy
    python examples/with_langchain.py "Until when is supper served?"

OPENAI_BASE_URL   the gateway, by default http://localhost:8080/v1
OPENAI_API_KEY    your key, where the gateway asks for one
CHAT_MODEL, EMBED_MODEL   names of deployments, by default chat and embed
"""

import os
import sys
from typing import Any

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, Field

GATEWAY = {
    "base_url": os.environ.get("OPENAI_BASE_URL", "http://localhost:8080/v1"),
    "api_key": os.environ.get("OPENAI_API_KEY", "none"),
}
TEXTS = [
    "Supper in the hut is served from six until half past seven in the evening.",
    "The key of the winter room hangs in the shed behind the hut, to the left of the door.",
    "Dogs stay in the stable. They are not allowed in the bedrooms.",
    "The bus to the valley leaves from the dam at nine, at noon and at four.",
]
PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Answer in one sentence, from these notes only:\n{notes}"), ("user", "{question}")]
)


class NomicEmbeddings(OpenAIEmbeddings):
    """nomic-embed-text wants to be told what a text is. Models that do not need no such class."""

    def embed_documents(self, texts: list[str], **options: Any) -> list[list[float]]:
        return super().embed_documents([f"search_document: {text}" for text in texts], **options)

    def embed_query(self, text: str, **options: Any) -> list[float]:
        (row,) = super().embed_documents([f"search_query: {text}"], **options)
        return row


chat = ChatOpenAI(
    model=os.environ.get("CHAT_MODEL", "chat"), temperature=0, max_tokens=300, **GATEWAY
)
embeddings = NomicEmbeddings(
    model=os.environ.get("EMBED_MODEL", "embed"),
    # By default it cuts texts into the tokens of OpenAI's own models and sends their numbers, which
    # mean other words to any other model. So it shall send the texts as they are. They must then be
    # no longer than the deployment's contextLength.
    check_embedding_ctx_length=False,
    # Texts a request: one request has a whole replica for itself while it is computed.
    chunk_size=16,
    **GATEWAY,
)


class Verdict(BaseModel):
    """Every part has an end: so the answer cannot be cut off in the middle."""

    answered: bool
    reason: str = Field(max_length=60)


def notes(found: list[Document]) -> str:
    return "\n".join(f"- {document.page_content}" for document in found)


def main(question: str) -> None:
    retriever = InMemoryVectorStore.from_texts(TEXTS, embeddings).as_retriever(
        search_kwargs={"k": 2}
    )
    print(f"found:\n{notes(retriever.invoke(question))}\nanswer:")

    inputs = {"notes": retriever | notes, "question": RunnablePassthrough()}
    chain = inputs | PROMPT | chat | StrOutputParser()
    said = ""
    for piece in chain.stream(question):
        print(piece, end="", flush=True)
        said += piece

    # By json_schema the model can write nothing else, whichever it is. The method function_calling
    # needs one that has learnt to call tools.
    judge = chat.with_structured_output(Verdict, method="json_schema")
    verdict = judge.invoke(f"Does the answer fit the question? As JSON.\n{question}\n{said}")
    print(f"\nverdict: {verdict.model_dump_json()}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "Until when is supper served?")
