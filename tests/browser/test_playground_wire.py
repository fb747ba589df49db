"""What goes over the wire: shown as it was, copied as a command that works, and honest when it breaks off."""

import json
import os
import subprocess
from typing import Any

from browser.playing import Playing, events, piece, stream
from journeys.server import Served

ENDPOINT = "**/v1/openai/chat/completions"
HOSTILE = (
    "<img src=x onerror=\"document.body.id='harmed'\"><script>document.body.id='harmed'</script>\n\n"
    "![seen](http://foreign.invalid/seen.png) [press](javascript:document.body.id='harmed')"
    " [data](data:text/html,harm) [fine](https://foreign.invalid/)\n\n"
    "\\(\\href{javascript:harm}{x}\\) \\(\\includegraphics{http://foreign.invalid/a.png}\\) \\(\\class{harm}{y}\\)"
)

READABLE = r"""# Sum

\[
\sum_{k=1}^n k = \frac{n(n+1)}{2}
\]

```python
x = 1 < 2
```

| a | b |
|:--|--:|
| 1 | 2 |

bad \(\frac{\)"""


def answered(play: Playing, body: str, status: int = 200, kind: str = "text/event-stream") -> None:
    """From now on the server's answers to the page are these bytes."""
    play.page.unroute_all()
    play.page.route(ENDPOINT, lambda route: route.fulfill(status=status, headers={"content-type": kind}, body=body))


def test_raw_is_what_went_over_the_wire(play: Playing) -> None:
    with play.page.expect_response(ENDPOINT) as caught:
        play.ask('What is 5 + 6? It\'s "π" 🦀')
    response = caught.value
    body, head, raw = play.raw()
    assert body == response.request.post_data
    assert raw == response.text()
    assert head.splitlines()[0] == f"HTTP {response.status}"
    assert f"x-request-id: {response.headers['x-request-id']}" in head.splitlines()
    assert "authorization" not in head and "cookie" not in head


def test_the_copied_command_runs_in_a_shell(play: Playing, served: Served) -> None:
    play.page.get_by_label("System message").fill('It\'s $HOME, `date` and "!".')
    play.field("seed").fill("9223372036854775807")
    play.ask("What is 2 + 3?\nIt's 'quoted' \\ $RECKON_KEY")
    mine = play.raw()
    play.box.fill("And now?")
    play.page.locator(".pg-composer").get_by_role("button", name="Copy as curl").click()  # what would be sent next
    following = play.page.evaluate("navigator.clipboard.readText()")
    assert '"content": "And now?"' in following and "It'\"'\"'s $HOME" in following
    play.act("Copy as curl")
    command = play.page.evaluate("navigator.clipboard.readText()")
    assert command.startswith(f'curl "{served.url}/v1/openai/chat/completions" \\\n') and served.key not in command
    environment = {"PATH": os.environ["PATH"], "RECKON_KEY": served.key}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    theirs = events(done.stdout)
    assert shapes(theirs) == shapes(events(mine[2]))
    assert said(theirs) == said(events(mine[2]))  # the seed is the same, digit by digit


def said(chunks: list[dict[str, Any]]) -> str:
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


def shapes(chunks: list[dict[str, Any]]) -> set[str]:
    return {json.dumps(shape(chunk)) for chunk in chunks}


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def test_an_error_in_mid_stream_keeps_what_had_come(play: Playing) -> None:
    error = {"message": "The engine lost this request.", "type": "server_error", "param": None, "code": "engine_failed"}
    answered(play, stream(piece(role="assistant", content=""), piece(content="Half of"), {"error": error}))
    answer = play.ask("Hello!")
    play.expect(answer.locator(".pg-prose")).to_have_text("Half of")
    play.expect(answer.get_by_role("alert")).to_contain_text("The answer broke off. What had come is kept.")
    play.expect(answer.get_by_role("alert")).to_contain_text("The engine lost this request.")
    play.expect(answer.get_by_role("button", name="Go on")).to_be_visible()
    play.page.unroute_all()
    play.act("Retry")
    play.expect(play.ended(1).get_by_role("alert")).to_be_hidden()
    assert [message["role"] for message in play.sent()["messages"]] == ["user"]


def test_a_stream_that_stops_without_its_end_is_not_called_complete(play: Playing) -> None:
    answered(play, stream(piece(content="Half of"), done=False))
    answer = play.ask("Hello!")
    play.expect(answer.locator(".pg-prose")).to_have_text("Half of")
    play.expect(answer.get_by_role("alert")).to_contain_text("The stream ended before the answer was complete.")
    answered(play, "data: {not json\n\n")
    play.act("Retry")
    play.expect(play.ended(1).get_by_role("alert")).to_contain_text("The server sent an event that is not JSON.")


def test_a_server_that_is_away_or_has_no_words(play: Playing) -> None:
    play.page.route(ENDPOINT, lambda route: route.abort())
    answer = play.ask("Hello!")
    play.expect(answer.get_by_role("alert")).to_contain_text("The connection was lost")
    answered(play, "<h1>Bad Gateway</h1>", 502, "text/html")
    play.act("Retry")
    play.expect(play.ended(1).get_by_role("alert")).to_contain_text("The server answered with status 502.")
    play.allow("net::ERR_FAILED", "status of 502")


def test_a_session_that_has_ended_leads_to_sign_in(play: Playing) -> None:
    body = {
        "error": {"message": "No API key was given.", "type": "authentication_error", "param": None, "code": "invalid_api_key"}
    }
    answered(play, json.dumps(body), 401, "application/json")
    answer = play.ask("Hello!")
    link = answer.get_by_role("link", name="Sign in")
    assert link.get_attribute("href") == "/signin?next=/reckon/abacus"
    play.allow("status of 401")


def test_a_models_text_harms_nobody(play: Playing) -> None:
    answered(play, stream(piece(role="assistant", content=HOSTILE), piece(content="\n\nend")))
    answer = play.ask("<b>mine</b> <img src=http://foreign.invalid/b.png>")
    play.expect(answer.locator(".pg-prose")).to_contain_text("end")
    play.expect(play.page.locator(".pg-said")).to_have_text("<b>mine</b> <img src=http://foreign.invalid/b.png>")
    assert play.page.locator(".pg-thread img, .pg-thread script, .pg-thread iframe, .pg-thread [onerror]").count() == 0
    assert answer.locator("a[href]").evaluate_all("all => all.map((one) => one.getAttribute('href'))") == [
        "https://foreign.invalid/"
    ]
    link = answer.get_by_role("link", name="fine")
    assert "noopener" in link.get_attribute("rel") and link.get_attribute("target") == "_blank"
    play.expect(answer.get_by_text("[picture: seen]")).to_be_visible()
    assert play.page.evaluate("document.body.id") == ""


def test_formulas_code_tables_and_reasoning_are_readable(play: Playing) -> None:
    pieces = [piece(content=READABLE[start : start + 3]) for start in range(0, len(READABLE), 3)]
    answered(play, stream(piece(reasoning_content="Think of \\(n\\)."), *pieces))
    answer = play.ask("Show me.")
    play.expect(answer.locator("mfrac")).to_have_count(1)
    play.expect(answer.locator("munderover")).to_have_count(1)
    play.expect(answer.locator(".pg-reasoning math")).to_have_text("n")
    play.expect(answer.get_by_role("heading", name="Sum")).to_be_visible()
    play.expect(answer.locator(".pg-code pre")).to_have_text("x = 1 < 2")
    play.expect(answer.get_by_role("cell", name="2")).to_have_class("pg-right")
    play.expect(answer.locator(".pg-math code")).to_have_text("\\frac{")  # what is no TeX is shown as it is
