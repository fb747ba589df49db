"""Chat completions: the body to a Job, then ``answering.py``. ``app.py`` routes to it."""

from starlette.requests import Request
from starlette.types import ASGIApp

from reckon.api.answering import Answering
from reckon.api.answers import http
from reckon.api.answers.forms import ChatForm, Head
from reckon.api.answers.sse import OpenAI
from reckon.api.asking import body, schema
from reckon.ledger.accounts import Account


class Chat:
    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def complete(self, request: Request, account: Account) -> ASGIApp:
        sent = await body.read(request, self._answering.max_body)
        job_id = http.completion_id(request.scope, "chatcmpl")
        asked = schema.parse(sent, request=job_id, account=account.id, defaults=self._answering.defaults)

        def dialect(head: Head) -> OpenAI:
            return OpenAI(ChatForm(head), asked.include_usage, asked.continuous_usage)

        return await self._answering.take(asked, account, dialect, http.arrived(request.scope))
