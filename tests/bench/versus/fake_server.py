"""``fake_server.py SCRIPT --port PORT ...``: a server that plays a script instead of running a model.

SCRIPT is a JSON file. ``texts`` are the pieces of every answer, ``reason`` is why it ends, ``status`` what is answered to
a request (200 if there is none) after how many ``seconds``, ``die`` ends it before it listens. Its arguments are noted in
the file ``journal``.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

script = json.loads(Path(sys.argv[1]).read_text())
Path(script["journal"]).write_text(json.dumps(sys.argv[2:]))
if script.get("die"):
    print("no model", flush=True)
    sys.exit(5)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(200, json.dumps({"data": [{"id": "fake"}]}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status = script.get("status", 200)
        events = [{"choices": [{"text": text, "finish_reason": None}]} for text in script.get("texts", ["", "a", "b"])]
        events += [{"choices": [{"text": "", "finish_reason": script.get("reason", "length")}]}, {"choices": [], "usage": {}}]
        events += script.get("more", [])
        stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + ": a comment\n\ndata: [DONE]\n\n"
        time.sleep(script.get("seconds", 0.0))
        wrong = body["model"] != "fake" or not body["stream"]
        self.answer(400 if wrong else status, stream if status == 200 else "too bad")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
