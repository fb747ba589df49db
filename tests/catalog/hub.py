"""A tiny hub: answers what huggingface_hub asks when it downloads a repository, with one model on it."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "owner/name"
FILES = {
    "config.json": b'{"max_position_embeddings": 77}',
    "model.safetensors": b"weights",
    "tokenizer.json": b"{}",
    "LICENSE": b"Do good.",
    "pytorch_model.bin": b"a pickle",
    "modeling.py": b"code",
}
COMMIT = "a" * 40


class Hub(ThreadingHTTPServer):
    """``asked`` is the paths that were asked for."""

    daemon_threads = True
    asked: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        api, file = f"/api/models/{MODEL}", path.removeprefix(f"/{MODEL}/resolve/{COMMIT}/")
        if path.startswith(f"{api}/revision/"):
            siblings = [{"rfilename": name} for name in FILES]
            self._answer(200, json.dumps({"id": MODEL, "sha": COMMIT, "siblings": siblings}).encode())
        elif path.startswith(f"{api}/tree/"):
            sizes = [{"type": "file", "path": name, "size": len(FILES[name]), "oid": _etag(name)} for name in FILES]
            self._answer(200, json.dumps(sizes).encode())
        elif file in FILES:
            self._answer(200, FILES[file], etag=f'"{_etag(file)}"', x_repo_commit=COMMIT)
        else:
            self._answer(404, b"{}", x_error_code="RepoNotFound")

    do_HEAD = do_GET

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in (headers | {"content_length": str(len(body))}).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the tests read stderr."""


def _etag(name: str) -> str:
    return hashlib.sha1(FILES[name]).hexdigest()


@contextmanager
def hub() -> Iterator[Hub]:
    """Serve it on a free port for as long as the block runs."""
    with Hub(("127.0.0.1", 0), _Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
