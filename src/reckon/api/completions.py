"""Completions of plain text, OpenAI's older endpoint: its fields, the body to a Job, then ``answering.py`` as for a chat.

What it shares with a chat is taken from there; only what differs is here. ``app.py`` routes to it.
"""

from starlette.requests import Request
from starlette.types import ASGIApp

from reckon.api.answering import Answering
from reckon.api.answers import http
from reckon.api.answers.forms import Head, TextForm
from reckon.api.answers.sse import OpenAI
from reckon.api.asking import body, schema
from reckon.api.asking.fields import BY_NAME, only
from reckon.api.asking.reading import Field, Range, invalid
from reckon.errors import InvalidField
from reckon.job import Job
from reckon.ledger.accounts import Account

PROMPT_RULE = "a string that is not empty, or an array of one such string"
SHARED = (
    *("stream", "temperature", "top_p", "min_p", "top_k", "stop", "n", "presence_penalty", "frequency_penalty"),
    *("repetition_penalty", "user", "seed", "stream_options", "logit_bias", "stop_token_ids", "ignore_eos", "service_tier"),
    *("store", "metadata", "fail_fast", "prompt_cache_key", "prompt_cache_options", "safety_identifier"),
)
"""Fields that are a chat's too, in every respect."""


def _prompt(value: str | list[str] | list[int] | list[list[int]]) -> str:
    texts = value if isinstance(value, list) else [value]
    if any(not isinstance(text, str) for text in texts):
        raise InvalidField("prompt must be text: token ids are not supported, since text can say all they can.", param="prompt")
    if len(texts) != 1 or not texts[0]:
        raise invalid("prompt", PROMPT_RULE, value)
    return str(texts[0])


FIELDS = (
    BY_NAME["model"],
    Field(
        "prompt",
        "string",
        "the text to go on with, as it is: no template is applied",
        required=True,
        type=str | list[str | int | list[int]],
        what=PROMPT_RULE,
        make=_prompt,
    ),
    Field("max_tokens", "integer", "The maximum number of tokens to generate.", 512, Range(0, 1_000_000, low_open=True)),
    Field("echo", "boolean", "put the prompt before each answer; not with logprobs", False),
    Field(
        "logprobs",
        "integer",
        "each token of the answer comes with its log probability and so many of the likeliest tokens",
        None,
        Range(0, 5),
    ),
    Field("suffix", "string", "only null: nothing here fills in the middle of a text", make=only("suffix", None)),
    Field("best_of", "integer", "only 1: all answers are returned", make=only("best_of", 1)),
    *(BY_NAME[name] for name in SHARED),
)
"""Every field that a completion accepts."""

ROWS = {field.name: field for field in FIELDS}


class Completions:
    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def complete(self, request: Request, account: Account) -> ASGIApp:
        sent = await body.read(request, self._answering.max_body)
        job_id = http.completion_id(request.scope, "cmpl")
        asked, echo = parse(sent, request=job_id, account=account.id, defaults=self._answering.defaults)

        def dialect(head: Head) -> OpenAI:
            return OpenAI(TextForm(head, echo), asked.include_usage, asked.continuous_usage)

        return await self._answering.take(asked, account, dialect, http.arrived(request.scope))


def parse(
    sent: bytes, *, request: str, account: str, defaults: schema.Defaults = schema.no_defaults
) -> tuple[schema.Asked, str]:
    """The request, and the text that stands before each answer. Raises InvalidRequest and InvalidField."""
    given, values = schema.read(sent, ROWS, defaults)
    if values["echo"] and values["logprobs"] is not None:
        raise InvalidField("logprobs must be absent when echo is true: the prompt is not scored.", param="logprobs")
    job = Job(
        id=request,
        account=account,
        messages=(),
        prompt=values["prompt"],
        max_tokens=values["max_tokens"],
        logprobs=values["logprobs"],
        **schema.shared(values),
    )
    asked = schema.asked(job, values, schema.ignored_fields(given, values, ROWS))
    return asked, values["prompt"] if values["echo"] else ""
