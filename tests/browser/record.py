"""``python -m tests.browser.record``: asks a running reckon/abacus every example of the API tabs and keeps what it answers.

The pages show these answers with the model's name. Run it again when the shipped model or the shape of answers changes; what
comes is kept as it comes.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import httpx
from tests.journeys.server import MODEL, serve

from reckon.catalog.card import catalogue
from reckon.pages.examples import ENDPOINT, RECORDED, requests


def record(url: str, headers: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.post(f"{url}{ENDPOINT}", headers=headers, json=body, timeout=60).raise_for_status().text
    first = json.loads(answer.partition("\n\n")[0].removeprefix("data: ") if body.get("stream") else answer)
    return {
        "model": first["model"],
        "created": first["created"],
        "fingerprint": first["system_fingerprint"],
        "body": answer,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as home, serve(Path(home)) as served:
        recorded = {
            card.id: {name: record(served.url, served.headers, body) for name, body in requests(card, MODEL).items()}
            for card in catalogue().values()
        }
    RECORDED.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
