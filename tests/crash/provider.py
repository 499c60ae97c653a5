"""A model server that answers by a rule, as a model does, and keeps the books of what it was asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.agent.scripted import Policy

BYTES_PER_TOKEN = 3


@dataclass
class Provider:
    """What was asked, oldest first, and the tokens of each answer that was sent, which somebody has to pay."""

    policy: Policy
    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    billed: list[int] = field(default_factory=list)

    def answer(self, body: bytes) -> bytes:
        """One completion, in OpenAI's form."""
        self.asked.append(body)
        message = self.policy(json.loads(body)["messages"])
        tokens = len(body) // BYTES_PER_TOKEN
        self.billed.append(tokens)
        return json.dumps(
            {
                "id": f"chatcmpl-{len(self.asked)}",
                "object": "chat.completion",
                "created": 0,
                "model": "thirty",
                "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
                "usage": {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1},
            }
        ).encode()


@contextmanager
def provider(policy: Policy) -> Iterator[Provider]:
    """The server, on loopback, for as long as the block lasts."""
    kept = Provider(policy)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer is one packet

        def do_POST(self) -> None:
            body = kept.answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """It would go to standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
