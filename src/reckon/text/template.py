"""Messages and tools to a prompt, by the chat template in the checkpoint's own files. Knows no token ids.

The engines call ``render``. What the client sent is data here: it can never write a control token (see ``trust``).
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox
import msgspec

from reckon.errors import InvalidRequest, UnsupportedModel
from reckon.job import Call, Function, Message
from reckon.text.added import read_added_tokens
from reckon.text.trust import NONCHARACTERS, Markers, Rendered, choose_mark

Clock = Callable[[], datetime]

REFUSALS = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""How a template says no: in its own words, or by an operation that the messages do not allow (text + None)."""


class _Named(msgspec.Struct):
    name: str
    template: str


class _Token(msgspec.Struct):
    content: str


class _Config(msgspec.Struct):
    """What templates need from tokenizer_config.json. A checkpoint may have several templates, each with a name."""

    chat_template: str | list[_Named] | None = None
    bos_token: str | _Token | None = None
    eos_token: str | _Token | None = None
    pad_token: str | _Token | None = None
    unk_token: str | _Token | None = None

    def templates(self) -> dict[str, str]:
        match self.chat_template:
            case None:
                return {}
            case str(source):
                return {"default": source}
            case named:
                return {entry.name: entry.template for entry in named}

    def variables(self) -> dict[str, str]:
        """The tokens a template may name. Those the checkpoint lacks stay undefined, as in transformers."""
        tokens = {name: getattr(self, name) for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
        texts = {name: token.content if isinstance(token, _Token) else token for name, token in tokens.items()}
        return {name: text for name, text in texts.items() if text is not None}


class ChatTemplate:
    """Renders conversations, up to the point where the assistant begins to speak or, asked to, goes on speaking."""

    def __init__(
        self, sources: dict[str, str], markers: Markers, variables: dict[str, str], clock: Clock = datetime.now
    ) -> None:
        """``sources`` has "default" and perhaps "tool_use", for requests with tools. Raises jinja2.TemplateSyntaxError."""
        environment = _environment(clock)
        self._templates = {name: environment.from_string(source) for name, source in sources.items()}
        self._markers = markers
        self._variables = variables

    @classmethod
    def from_directory(cls, directory: Path, clock: Clock = datetime.now) -> "ChatTemplate":
        """Read the template and the names of special tokens. Raises UnsupportedModel when there is no template or a bad one."""
        config = _read(directory / "tokenizer_config.json", _Config())
        sources = config.templates() | _separate_files(directory)
        if "default" not in sources:
            where = "neither tokenizer_config.json nor chat_template.jinja nor chat_template.json has one"
            raise UnsupportedModel(f"{directory} has no chat template: {where}")
        markers = Markers(token.content for token in read_added_tokens(directory))
        try:
            return cls(sources, markers, config.variables(), clock)
        except jinja2.TemplateSyntaxError as error:
            raise UnsupportedModel(f"the chat template of {directory} is not valid in line {error.lineno}: {error}") from None

    def render(self, messages: Sequence[Message], tools: Sequence[Function] = (), continues: bool = False) -> Rendered:
        """The prompt of a conversation; with ``continues`` it ends where the content of the last message ends.

        Raises InvalidRequest in the template's own words when it refuses the messages, for a call's ``arguments`` that are no
        JSON object, and for a last message that cannot be continued.
        """
        arguments = [
            [_arguments(call, f"messages.{i}.tool_calls.{j}") for j, call in enumerate(message.tool_calls)]
            for i, message in enumerate(messages)
        ]
        everything = _everything(messages, tools, arguments)
        mark = choose_mark(everything)
        end = choose_mark(everything + mark) if continues else ""
        try:
            turns = [self._turn(message, given, mark) for message, given in zip(messages, arguments, strict=True)]
            if continues:
                turns[-1:] = [_open_ended(messages, turns, end)]
            offered = [{"type": "function", "function": self._client(_present(tool), mark)} for tool in tools]
            text = self._source(offered).render(
                messages=turns, tools=offered or None, documents=None, add_generation_prompt=not continues, **self._variables
            )
        except REFUSALS as error:
            reason = f"The model's chat template cannot render these messages: {error}"
            raise InvalidRequest(reason.replace(mark, "").replace(end, ""), param="messages") from None
        return self._markers.split(_cut(text, end) if continues else text, mark)

    def _source(self, tools: list[Any]) -> jinja2.Template:
        name = "tool_use" if tools and "tool_use" in self._templates else "default"
        return self._templates[name]

    def _turn(self, message: Message, arguments: list[dict[str, object]], mark: str) -> dict[str, object]:
        """A message as templates expect it: arguments as objects. The role is ours (a closed set), the rest the client's."""
        turn: dict[str, object] = {"role": message.role, "content": self._client(message.content, mark)}
        if message.name is not None:
            turn["name"] = self._client(message.name, mark)
        if message.tool_call_id is not None:
            turn["tool_call_id"] = self._client(message.tool_call_id, mark)
        if message.tool_calls:
            turn["tool_calls"] = [
                {
                    "id": self._client(call.id, mark),
                    "type": "function",
                    "function": {"name": self._client(call.name, mark), "arguments": self._client(given, mark)},
                }
                for call, given in zip(message.tool_calls, arguments, strict=True)
            ]
        return turn

    def _client(self, value: object, mark: str) -> object:
        return self._markers.protect(value, mark)


def _open_ended(messages: Sequence[Message], turns: list[dict[str, object]], end: str) -> dict[str, object]:
    """The last turn with ``end`` behind its content, by which its place is found in the rendered text."""
    if not messages or messages[-1].role != "assistant" or messages[-1].content is None:
        raise InvalidRequest("Only an assistant's last message with content can be continued.", param="messages")
    return turns[-1] | {"content": f"{turns[-1]['content']}{end} "}


def _cut(text: str, end: str) -> str:
    """All before ``end``. Where the template trimmed the blank behind it, it would have trimmed those before it as well."""
    at = text.rfind(end)
    if at < 0:
        reason = "The model's chat template does not show the end of the last message, so it cannot be continued."
        raise InvalidRequest(reason, param="messages")
    return text[:at] if text.startswith(end + " ", at) else text[:at].rstrip()


def _arguments(call: Call, place: str) -> dict[str, object]:
    param = f"{place}.function.arguments"
    try:
        value = msgspec.json.decode(call.arguments)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidRequest(f"{param} must be the text of a JSON object: {error}", param=param) from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"{param} must be the text of a JSON object, not of {call.arguments[:40]!r}", param=param)
    return value


def _everything(messages: Sequence[Message], tools: Sequence[Function], arguments: list[list[dict[str, object]]]) -> str:
    """All that the client sent, in one string."""
    try:
        return msgspec.json.encode((messages, tools, arguments)).decode()
    except UnicodeEncodeError:
        raise InvalidRequest("The messages contain a lone surrogate, which is no character.", param="messages") from None
    except RecursionError:
        raise InvalidRequest("The tools are nested too deeply.", param="tools") from None


def _present(tool: Function) -> dict[str, object]:
    fields = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {name: value for name, value in fields.items() if value is not None}


def _separate_files(directory: Path) -> dict[str, str]:
    """Templates beside tokenizer_config.json, where newer checkpoints keep them; they take precedence."""
    sources: dict[str, str] = {}
    legacy = directory / "chat_template.json"
    if legacy.exists():
        sources |= _read(legacy, _Config()).templates()
    for path in sorted((directory / "additional_chat_templates").glob("*.jinja")):
        sources[path.stem] = _source_of(path)
    single = directory / "chat_template.jinja"
    if single.exists():
        sources["default"] = _source_of(single)
    return sources


def _source_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UnsupportedModel(f"{path} is not valid: {error}") from None


def _read(path: Path, default: _Config) -> _Config:
    if not path.exists():
        return default
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Config)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnsupportedModel(f"{path} is not valid: {error}") from None


class _Generation(jinja2.ext.Extension):
    """``{% generation %}``, by which some templates show trainers what the assistant says: here just what is inside."""

    tags = {"generation"}

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment(clock: Clock) -> jinja2.Environment:
    """What transformers offers to templates, in a sandbox that can change nothing."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = lambda form: clock().strftime(form)
    return environment


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own filter escapes for HTML; models were trained on plain json.dumps, with characters as they are."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)
    return re.sub(r"[^\x00-\x7f]", _escape, text) if ensure_ascii else text


def _escape(character: re.Match[str]) -> str:
    """Marks are noncharacters, and must stay what they are to be found again."""
    return character[0] if character[0] in NONCHARACTERS else json.dumps(character[0])[1:-1]
