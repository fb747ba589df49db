import json
import math
from typing import Any

import pytest

from reckon.api import schema
from reckon.api.fields import BY_NAME, FIELDS
from reckon.errors import ApiError, InvalidField, InvalidRequest, UnsupportedMediaType
from reckon.job import Function

USER = {"role": "user", "content": "Hello!"}
PAGE = (
    *("model", "messages", "stream", "temperature", "top_p", "min_p", "top_k", "max_tokens", "stop", "n"),
    *("presence_penalty", "frequency_penalty", "tools", "tool_choice", "response_format", "repetition_penalty", "user", "seed"),
)
TOOL = {"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}}}

NUMBERS = {
    # field: (default, lowest, highest, just below, just above, rule)
    "temperature": (1.0, 0, 2, -0.001, 2.001, "a number with 0 ≤ temperature ≤ 2"),
    "top_p": (1.0, 5e-324, 1, 0, 1.001, "a number with 0 < top_p ≤ 1"),
    "min_p": (0.0, 0, 1, -0.001, 1.001, "a number with 0 ≤ min_p ≤ 1"),
    "top_k": (0, 0, 999, -1, 1000, "an integer with 0 ≤ top_k < 1000"),
    "max_tokens": (None, 0, 1_000_000, -1, 1_000_001, "an integer with 0 ≤ max_tokens ≤ 1000000"),
    "max_completion_tokens": (None, 0, 1_000_000, -1, 1_000_001, "an integer with 0 ≤ max_completion_tokens ≤ 1000000"),
    "n": (1, 1, 4, 0, 5, "an integer with 1 ≤ n ≤ 4"),
    "presence_penalty": (0.0, -2, 2, -2.001, 2.001, "a number with -2 ≤ presence_penalty ≤ 2"),
    "frequency_penalty": (0.0, -2, 2, -2.001, 2.001, "a number with -2 ≤ frequency_penalty ≤ 2"),
    "repetition_penalty": (1.0, 0.01, 5, 0.00999, 5.001, "a number with 0.01 ≤ repetition_penalty ≤ 5"),
    "seed": (None, 0, 2**63 - 1, -1, 9223372036854776000, "an integer with 0 ≤ seed < 9223372036854775808"),
}


def parse(**fields: Any) -> schema.ChatRequest:
    return parsed(json.dumps({"model": "m", "messages": [USER], **fields}))


def parsed(body: str | bytes) -> schema.ChatRequest:
    return schema.parse(body.encode() if isinstance(body, str) else body, request="chatcmpl-1", account="acct_1")


def refused(**fields: Any) -> InvalidField:
    with pytest.raises(InvalidField) as caught:
        parse(**fields)
    assert caught.value.status == 422
    return caught.value


def value_of(request: schema.ChatRequest, name: str) -> Any:
    name = "max_tokens" if name == "max_completion_tokens" else name
    return getattr(request.job if hasattr(request.job, name) else request.job.sampling, name)


def test_the_page_lists_eighteen_fields_and_the_table_has_them_first_and_described() -> None:
    assert [field.name for field in FIELDS][:18] == list(PAGE)
    assert all(field.description for field in FIELDS)
    assert len(BY_NAME) == len(FIELDS)
    assert {field.name for field in FIELDS if field.range} == NUMBERS.keys()


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_keep_their_range(name: str) -> None:
    default, low, high, below, above, rule = NUMBERS[name]
    assert BY_NAME[name].default == default
    for accepted in (low, high):
        assert value_of(parse(**{name: accepted}), name) == accepted
    for outside in (below, above):
        error = refused(**{name: outside})
        assert (error.param, error.message) == (name, f"{name} must be {rule}, not {json.dumps(outside)}.")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("wrong", ["1", True, False, [1], {"a": 1}, ""])
def test_numbers_are_numbers(name: str, wrong: Any) -> None:
    rule = NUMBERS[name][5]
    error = refused(**{name: wrong})
    assert (error.param, error.message) == (
        name,
        f"{name} must be {rule}, not {json.dumps(wrong, separators=(',', ':'))}.".replace('":1', '": 1'),
    )


@pytest.mark.parametrize("name", [name for name, row in NUMBERS.items() if "integer" in row[5]])
@pytest.mark.parametrize("wrong", ["1.5", "1.0", "1e0", "1" * 5000])
def test_integers_are_integers(name: str, wrong: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parsed(f'{{"model": "m", "messages": [], "{name}": {wrong}}}')
    assert caught.value.param == name
    assert f"{name} must be an integer" in caught.value.message


@pytest.mark.parametrize("name", NUMBERS)
def test_absent_and_null_are_the_default(name: str) -> None:
    default = NUMBERS[name][0]
    for request in (parse(), parse(**{name: None})):
        if name == "seed":
            assert 0 <= request.job.sampling.seed < 2**63
        else:
            value = value_of(request, name)
            assert value == default and type(value) is type(default)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_json_has_no_number_for_is_malformed(number: str) -> None:
    with pytest.raises(InvalidRequest):
        parsed(f'{{"model": "m", "messages": [], "temperature": {number}}}')


def test_a_number_beyond_all_floats_is_refused() -> None:
    with pytest.raises(InvalidField, match=r"temperature must be a number .* not 1e999\."):
        parsed('{"model": "m", "messages": [], "temperature": 1e999}')


def test_every_optional_field_may_be_null() -> None:
    request = parse(**{field.name: None for field in FIELDS if not field.required})
    assert request.job.max_tokens is None and request.ignored == ()


@pytest.mark.parametrize("name", ["model", "messages"])
def test_required_fields(name: str) -> None:
    body = {"model": "m", "messages": [USER]}
    for broken in ({**body, name: None}, {key: value for key, value in body.items() if key != name}):
        with pytest.raises(InvalidField, match=f"^{name} is required: ") as caught:
            parsed(json.dumps(broken))
        assert caught.value.param == name


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("model", 1, "model must be a string, not 1."),
        ("model", "", 'model must be a model\'s name, not "".'),
        ("messages", "hi", 'messages must be an array of messages, not "hi".'),
        ("messages", {}, "messages must be an array of messages, not {}."),
        ("stream", "true", 'stream must be true or false, not "true".'),
        ("stream", 1, "stream must be true or false, not 1."),
        ("stop", 1, "stop must be a string or an array of at most 16 strings, none of them empty, not 1."),
        ("stop", "", 'stop must be a string or an array of at most 16 strings, none of them empty, not "".'),
        ("stop", ["a", ""], 'stop must be a string or an array of at most 16 strings, none of them empty, not ["a",""].'),
        ("tools", {}, "tools must be an array of tools, not {}."),
        ("tool_choice", "must", 'tool_choice must be none or auto, not "must".'),
        ("tool_choice", "required", 'tool_choice "required" is not supported yet; none and auto are.'),
        ("tool_choice", 1, "tool_choice must be none or auto, not 1."),
        ("response_format", "text", 'response_format must be an object, not "text".'),
        ("user", 7, "user must be a string, not 7."),
        ("user", "u" * 513, f'user must be a string of at most 512 characters, not "{"u" * 79}….'),
        ("logprobs", True, "logprobs: true is not supported yet."),
        ("logprobs", 1, "logprobs must be true or false, not 1."),
        ("top_logprobs", 3, "top_logprobs needs logprobs, which is not supported yet; it is 3."),
        ("parallel_tool_calls", False, "parallel_tool_calls must be true, the only value supported, not false."),
        ("modalities", ["text", "audio"], 'modalities must be ["text"], the only value supported, not ["text","audio"].'),
        ("logit_bias", {"1": 5}, 'logit_bias must be {}, the only value supported, not {"1":5}.'),
        ("store", "yes", 'store must be true or false, not "yes".'),
        ("temprature", 1, '"temprature" is an unknown field.'),
        ("functions", [], '"functions" is an unknown field; use tools.'),
    ],
)
def test_other_refusals(name: str, wrong: Any, message: str) -> None:
    error = refused(**{name: wrong})
    assert (error.param, error.message) == (name, message)


def test_an_item_is_refused_by_its_path() -> None:
    error = refused(stop=["a", 2])
    assert (error.param, error.message) == ("stop.1", "stop.1 must be a string, not 2.")
    assert refused(stop=["x"] * 17).param == "stop"


def test_stop() -> None:
    assert parse(stop="end").job.stop == ("end",)
    assert parse(stop=[]).job.stop == ()
    assert parse(stop=["x"] * 16).job.stop == ("x",) * 16


def test_plain_values_arrive() -> None:
    request = parse(model="a/b", stream=True, user="u" * 512, seed=7)
    assert (request.job.id, request.job.account, request.job.model) == ("chatcmpl-1", "acct_1", "a/b")
    assert request.stream and request.job.sampling.seed == 7
    assert not parse().stream


def test_absent_seeds_differ() -> None:
    assert parse().job.sampling.seed != parse().job.sampling.seed


def test_two_names_of_one_limit() -> None:
    assert parse(max_tokens=5, max_completion_tokens=5).job.max_tokens == 5
    assert parse(max_completion_tokens=0).job.max_tokens == 0
    error = refused(max_tokens=5, max_completion_tokens=6)
    assert error.param == "max_completion_tokens"
    assert error.message == "max_completion_tokens must be max_tokens when both are given, not 6 beside 5."


def test_tool_choice() -> None:
    add = (Function("add", "adds", {"type": "object"}),)
    assert parse(tools=[TOOL]).job.tools == add
    assert parse(tools=[TOOL], tool_choice="auto").job.tools == add
    assert parse(tools=[TOOL], tool_choice="none").job.tools == ()
    for choice in ("none", "auto", None):
        assert parse(tool_choice=choice).job.tools == ()
        assert parse(tools=[], tool_choice=choice).job.tools == ()
    named = {"type": "function", "function": {"name": "add"}}
    for fields in ({"tools": [TOOL]}, {}):
        assert refused(tool_choice=named, **fields).param == "tool_choice"


def test_response_format() -> None:
    parse(response_format={"type": "text"})
    for kind in ("json_object", "json_schema", "regex"):
        error = refused(response_format={"type": kind})
        assert (error.param, error.message) == (
            "response_format.type",
            f"response_format.type {kind} is not supported yet; only text is.",
        )
    assert refused(response_format={}).message == 'response_format.type must be "text", not null.'
    assert refused(response_format={"type": "text", "schema": {}}).param == "response_format.schema"


def test_stream_options() -> None:
    assert parse(stream=True).include_usage is None
    assert parse(stream=True, stream_options={}).include_usage is None
    for wish in (True, False):
        assert parse(stream=True, stream_options={"include_usage": wish}).include_usage is wish
    assert parse(stream=True, stream_options={"continuous_usage_stats": True}).continuous_usage
    assert refused(stream_options={"include_usage": True}).param == "stream_options"
    assert refused(stream=False, stream_options={}).param == "stream_options"
    wrong = refused(stream=True, stream_options={"include_usage": 1})
    assert (wrong.param, wrong.message) == (
        "stream_options.include_usage",
        "stream_options.include_usage must be true or false, not 1.",
    )
    assert refused(stream=True, stream_options={"usage": True}).message == "stream_options.usage is not a known field."


def test_fields_without_effect_are_named() -> None:
    harmless = {
        "store": True,
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "parallel_tool_calls": True,
        "reasoning_effort": "low",
        "verbosity": "low",
        "modalities": ["text"],
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "logit_bias": {},
    }
    assert parse(**harmless).ignored == tuple(harmless)
    assert parse(store=None, temperature=1).ignored == ()
    assert parse(stream=True, stream_options={"include_obfuscation": False}).ignored == ("stream_options.include_obfuscation",)
    thought = {"role": "assistant", "content": "a", "reasoning_content": "hm"}
    assert parse(messages=[USER, thought, USER]).ignored == ("messages.reasoning_content",)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"{} {}", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b'{"model": "\xff"}', "not valid UTF-8: byte 11 is 0xff"),
        (b'\xef\xbb\xbf{"model": "m"}', "not valid JSON"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}', "not valid JSON"),
        (b'{"model": "\\ud800 "}', "not valid JSON"),
        (b'{"model": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "not valid JSON"),
    ],
)
def test_what_is_not_a_json_object(body: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as caught:
        parsed(body)
    assert caught.value.status == 400


@pytest.mark.parametrize("depth", [70, 500, *range(900, 1010, 10), 2000])
@pytest.mark.parametrize(
    "frame",
    [
        '"tools": [{"type": "function", "function": {"name": "f", "parameters": %s}}], "messages": []',
        '"logit_bias": %s, "messages": [{"role": "user", "content": "a"}]',
        '"messages": [{"role": "user", "content": [%s]}]',
        '"messages": [{"role": "user", "content": %s}]',
    ],
)
def test_nested_beyond_reason_is_refused_wherever_it_is(frame: str, depth: int) -> None:
    nest = '{"a":' * depth + "1" + "}" * depth
    with pytest.raises(ApiError):
        parsed('{"model": "m", ' + frame.replace("%s", nest) + "}")


def test_the_value_in_a_refusal_is_short() -> None:
    assert len(refused(temperature="x" * 100_000).message) < 200
    error = refused(**{"u" * 100_000: 1})
    assert len(error.message) < 200 and len(error.param or "") <= 80


def test_media_types() -> None:
    for good in ("application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'):
        schema.check_media_type(good, "")
    for bad in (
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/jsonx",
    ):
        with pytest.raises(UnsupportedMediaType, match=r"^content-type must be"):
            schema.check_media_type(bad, "")
    schema.check_media_type("application/json", "identity")
    with pytest.raises(UnsupportedMediaType, match="gzip"):
        schema.check_media_type("application/json", "gzip")


def test_numbers_are_floats_where_the_job_says_so() -> None:
    sampling = parse(temperature=0, presence_penalty=-0.0, top_p=1).job.sampling
    assert isinstance(sampling.temperature, float) and math.copysign(1, sampling.presence_penalty) == -1
