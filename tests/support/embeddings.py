"""A scripted OpenAI-style embeddings API in threads of its own: an encoder is loaded before an event loop runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.encoders import LetterEncoder

Answer = tuple[int, Any]
"""Status, and what is sent as JSON, or bytes that are sent as they are."""


def listed(vectors: Sequence[Sequence[float]]) -> dict[str, Any]:
    data = [{"object": "embedding", "index": n, "embedding": list(vector)} for n, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": "letters", "usage": {"prompt_tokens": 1, "total_tokens": 1}}


def letters(texts: Sequence[str]) -> Answer:
    """The vectors of LetterEncoder."""
    return 200, listed([encoding.vector.tolist() for encoding in LetterEncoder().encode(texts)])


@dataclass
class Embeddings:
    url: str = ""
    answer: Callable[[Sequence[str]], Answer] = letters
    asked: list[dict[str, Any]] = field(default_factory=list)  # bodies
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)  # answers wait for it


@contextmanager
def embeddings() -> Iterator[Embeddings]:
    served = Embeddings()
    served.gate.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            served.asked.append(body)
            served.headers.append({name.lower(): value for name, value in self.headers.items()})
            served.paths.append(self.path)
            served.gate.wait(10)
            status, told = served.answer(body["input"])
            data = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:  # the client did not wait
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield served
    finally:
        served.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
