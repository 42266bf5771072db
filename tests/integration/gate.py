"""How do tests hand an LLMDeployment to the API server, and what does it say?"""

from __future__ import annotations

from typing import Any

import httpx

from llmstack.api.resource import API_VERSION, KIND, PLURAL
from tests.integration.apiserver import ApiServer

SOURCE = "hf://owner/repo/model.gguf"
Object = dict[str, Any]


def manifest(spec: Object | None = None, name: str = "qwen") -> Object:
    """What a user would write. A spec without `model` gets one."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {"model": {"source": SOURCE}, **(spec or {})},
    }


class Gate:
    """The API server as the judge of LLMDeployments in one namespace."""

    def __init__(self, server: ApiServer, namespace: str = "default") -> None:
        self._client = server.client()
        self._path = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}"

    def close(self) -> None:
        self._client.close()

    def judge(self, document: Object) -> httpx.Response:
        """What would the API server answer? Strict as kubectl is; nothing is kept."""
        parameters = {"dryRun": "All", "fieldValidation": "Strict"}
        return self._client.post(self._path, json=document, params=parameters)

    def accepted(self, document: Object) -> Object:
        """What would be stored, defaults filled in?"""
        answer = self.judge(document)
        assert answer.status_code == httpx.codes.CREATED, answer.json()["message"]
        stored: Object = answer.json()
        return stored

    def refused(self, document: Object) -> str:
        """In which words is it refused?"""
        answer = self.judge(document)
        assert answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY), (
            "it was accepted"
        )
        message: str = answer.json()["message"]
        return message
