"""How does a model answer so that a program can read it?

By a JSON schema, or by a grammar for what is no JSON. Either way llama.cpp leaves the model no
other tokens, so even a small one cannot get the form wrong. What it writes into the form is still
its own: the prompt has to say what is wanted.

    kubectl apply -f examples/two-models.yaml
    kubectl -n llm-stack port-forward service/llm-stack-gateway 8080:80 &
    pip install openai
    python examples/structured.py "The invoice of 3 May 2026 was charged twice!"

OPENAI_BASE_URL   the gateway, by default http://localhost:8080/v1
OPENAI_API_KEY    your key, where the gateway asks for one
CHAT_MODEL        name of a deployment, by default chat
"""

import os
import sys
from typing import Literal

from openai import OpenAI
from pydantic import BaseModel, Field

CHAT_MODEL = os.environ.get("CHAT_MODEL", "chat")
# Enough for the longest answer that the form allows, in any script: one that is cut off is no JSON.
MOST_TOKENS = 600


class Ticket(BaseModel):
    """What the program wants to know of a customer's letter.

    Every part has an end. Without max_length a small model may fill a string until it is cut off.
    """

    topic: Literal["billing", "outage", "question"]
    urgent: bool
    summary: str = Field(max_length=120)


# GBNF, llama.cpp's notation of grammars: https://github.com/ggml-org/llama.cpp/tree/master/grammars
DATE = r"""
root  ::= year "-" month "-" day
year  ::= "20" [0-9] [0-9]
month ::= "0" [1-9] | "1" [0-2]
day   ::= "0" [1-9] | [12] [0-9] | "3" [01]
"""


def by_schema(client: OpenAI, letter: str) -> Ticket | None:
    """The client makes the schema from the class, and the class from the answer."""
    said = client.chat.completions.parse(
        model=CHAT_MODEL,
        messages=[
            {"role": "system", "content": "Describe the letter in JSON: topic, urgent, summary."},
            {"role": "user", "content": letter},
        ],
        response_format=Ticket,
        temperature=0,
        max_tokens=MOST_TOKENS,
    )
    return said.choices[0].message.parsed


def by_grammar(client: OpenAI, letter: str) -> str:
    """`grammar` is llama.cpp's own field: extra_body sends what the client does not know."""
    said = client.chat.completions.create(
        model=CHAT_MODEL,
        messages=[
            {"role": "system", "content": "Which date is in the letter? As YYYY-MM-DD."},
            {"role": "user", "content": letter},
        ],
        extra_body={"grammar": DATE},
        temperature=0,
        max_tokens=MOST_TOKENS,
    )
    return said.choices[0].message.content or ""


def main(letter: str) -> None:
    client = OpenAI(
        base_url=os.environ.get("OPENAI_BASE_URL", "http://localhost:8080/v1"),
        api_key=os.environ.get("OPENAI_API_KEY", "none"),
    )
    ticket = by_schema(client, letter)
    print(ticket.model_dump_json() if ticket else "The model refused.")
    print(by_grammar(client, letter))


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "The invoice of 3 May 2026 was charged twice!")
