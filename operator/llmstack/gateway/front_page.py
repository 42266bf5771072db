"""What does somebody see who opens the gateway's address in a browser?"""

from llmstack.gateway.http.answer import Answer

_HTML = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>llm-stack gateway</title>
<h1>llm-stack gateway</h1>
<p>It is serving. Set an OpenAI client's base URL to <code>/v1</code> at this address, or an
Anthropic client's to this address, and use the API key that your administrator gave you.</p>
<p><code>GET /v1/models</code> lists the models; <code>GET /health</code> answers without a key.</p>
</html>
"""
PAGE = Answer(200, _HTML, content_type=b"text/html; charset=utf-8")


def is_wanted(accept: str) -> bool:
    """True if the Accept header names HTML; `*/*` does not count."""
    kinds = (each.partition(";")[0].strip() for each in accept.lower().split(","))
    return "text/html" in kinds
