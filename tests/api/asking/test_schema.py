import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reckon.api.asking import schema
from reckon.api.asking.fields import BY_NAME, FIELDS
from reckon.errors import ApiError, BadSetting, InvalidField, InvalidRequest

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
    "top_logprobs": (None, 0, 20, -1, 21, "an integer with 0 ≤ top_logprobs ≤ 20"),
    "seed": (None, 0, 2**63 - 1, -1, 9223372036854776000, "an integer with 0 ≤ seed < 9223372036854775808"),
}


WRONG: dict[str, tuple[Any, ...]] = {
    "string": (1, True, [], {}),
    "boolean": ("true", 1, 0, []),
    "array": ("a", 1, {}),
    "object": ("a", 1, []),
}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
REGISTER = {str(number): 0.5 for number in range(300)}

OTHERS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    # field: (values at the edge of what is taken, values just beyond it)
    "model": (("m", "m" * 256), ("", "m" * 257)),
    "messages": (([USER],), ([], [USER] * 2049)),
    "stream": ((True, False), ()),
    "stop": (("", ["a"] * 16, "x" * 1024)[1:], ("", ["a", ""], ["a"] * 17, "x" * 1025)),
    "tools": (([], [TOOL]), ([{**TOOL, "type": "custom"}],)),
    "user": (("", "u" * 512), ("u" * 513,)),
    "stream_options": ((), ({"usage": True}, {"include_usage": 1})),
    "logprobs": ((True, False), ()),
    "logit_bias": (
        ({}, {"0": -100, "2147483647": 100}, REGISTER),
        ({"-1": 1}, {"01": 1}, {"a": 1}, {"2147483648": 1}, {"1": 100.1}, {"1": -101}, {"1": "a"}, {**REGISTER, "300": 1}),
    ),
    "stop_token_ids": (([], [0] * 16, [2**31 - 1]), ([-1], [2**31], [1.5], ["1"], [0] * 17)),
    "ignore_eos": ((True, False), ()),
    "continue_final_message": ((False,), ()),
    "reasoning_effort": (EFFORTS, ("", "HIGH")),
    "reasoning": (
        ({}, {"effort": "max", "enabled": False}, {"effort": None}),
        ({"effort": "most"}, {"enabled": "no"}, {"budget": 1}),
    ),
    "chat_template_kwargs": (({}, {"enable_thinking": False}), ()),
    "store": ((True, False), ()),
    "metadata": (
        ({}, {"k" * 64: "v" * 512}, dict.fromkeys(map(str, range(16)), "")),
        ({"k" * 65: ""}, {"k": "v" * 513}, {"k": 1}, dict.fromkeys(map(str, range(17)), "")),
    ),
    "service_tier": (("auto", "default", "standard", "flex", "scale", "priority", "fast"), ("", "gold")),
    "fail_fast": ((True, False), ()),
    "verbosity": (("low", "medium", "high"), ("",)),
    "prompt_cache_key": (("",), ()),
    "prompt_cache_retention": (("",), ()),
    "prompt_cache_options": (({},), ()),
    "safety_identifier": (("",), ()),
    "prediction": (({},), ()),
    "modalities": ((["text"],), ([], ["text", "audio"])),
}
SENTENCES: dict[str, list[str]] = json.loads(Path(__file__).with_name("refusals.json").read_text(encoding="utf-8"))
"""The sentence for each of OTHERS' wrong values, in order: read them as somebody would who made that mistake."""
ELSEWHERE = {"tool_choice", "response_format", "parallel_tool_calls"}
"""They are held to their rules in test_formats.py."""


def parse(**fields: Any) -> schema.Asked:
    return parsed(json.dumps({"model": "m", "messages": [USER], **fields}))


def parsed(body: str | bytes) -> schema.Asked:
    return schema.parse(body.encode() if isinstance(body, str) else body, request="chatcmpl-1", account="acct_1")


def refused(**fields: Any) -> InvalidField:
    with pytest.raises(InvalidField) as caught:
        parse(**fields)
    assert caught.value.status == 422
    return caught.value


def value_of(request: schema.Asked, name: str) -> Any:
    name = {"max_completion_tokens": "max_tokens", "top_logprobs": "logprobs"}.get(name, name)
    return getattr(request.job if hasattr(request.job, name) else request.job.sampling, name)


def test_the_page_lists_eighteen_fields_and_the_table_has_them_first_and_described() -> None:
    assert [field.name for field in FIELDS][:18] == list(PAGE)
    assert all(field.description for field in FIELDS)
    assert len(BY_NAME) == len(FIELDS)
    assert {field.name for field in FIELDS if field.range} == NUMBERS.keys()


def test_every_field_has_a_row_here() -> None:
    assert NUMBERS.keys() | OTHERS.keys() | ELSEWHERE == BY_NAME.keys()


@pytest.mark.parametrize("name", OTHERS)
def test_other_fields_keep_their_rule(name: str) -> None:
    taken, beyond = OTHERS[name]
    for value in taken:
        request = parse(**{name: value})
        assert (name in request.ignored) != BY_NAME[name].effect
    refusals = []
    for value in (*beyond, *(() if name == "stop" else WRONG[BY_NAME[name].kind])):
        if not any(value is good or (value == good and not isinstance(good, bool)) for good in taken):
            error = refused(**{name: value})
            assert (error.param or "").split(".")[0] == name
            refusals.append(error.message)
    assert refusals == SENTENCES[name]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_keep_their_range(name: str) -> None:
    default, low, high, below, above, rule = NUMBERS[name]
    assert BY_NAME[name].default == default
    needed = {"logprobs": True} if name == "top_logprobs" else {}
    for accepted in (low, high):
        assert value_of(parse(**{name: accepted}, **needed), name) == accepted
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


@pytest.mark.parametrize("name", [field.name for field in FIELDS if not field.required])
def test_null_is_absent(name: str) -> None:
    seed = {} if name == "seed" else {"seed": 1}
    null, absent = parse(**seed, **{name: None}), parse(**seed)
    if name == "seed":
        null, absent = (
            msgspec.structs.replace(one, job=msgspec.structs.replace(one.job, sampling=None)) for one in (null, absent)
        )
    assert null == absent


def test_every_optional_field_may_be_null() -> None:
    request = parse(**{field.name: None for field in FIELDS if not field.required})
    assert request.job.max_tokens is None and request.ignored == ()


def test_an_effort_inside_reasoning_is_refused_by_its_place() -> None:
    error = refused(reasoning={"effort": "most"})
    assert (error.param, error.message) == (
        "reasoning.effort",
        f'reasoning.effort must be one of {", ".join(EFFORTS)}, not "most".',
    )


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
        ("model", 1, "model must be a string of 1 to 256 characters, not 1."),
        ("model", "", 'model must be a string of 1 to 256 characters, not "".'),
        ("messages", "hi", 'messages must be an array of 1 to 2048 messages, not "hi".'),
        ("messages", {}, "messages must be an array of 1 to 2048 messages, not {}."),
        ("stream", "true", 'stream must be true or false, not "true".'),
        ("stream", 1, "stream must be true or false, not 1."),
        ("stop", 1, "stop must be a string or an array of at most 16 strings, none of them empty, not 1."),
        ("stop", "", 'stop must be a string or an array of at most 16 strings, none of them empty, not "".'),
        ("stop", ["a", ""], 'stop must be a string or an array of at most 16 strings, none of them empty, not ["a",""].'),
        ("tools", {}, "tools must be an array of at most 128 tools, not {}."),
        ("user", 7, "user must be a string of at most 512 characters, not 7."),
        ("user", "u" * 513, f'user must be a string of at most 512 characters, not "{"u" * 79}….'),
        ("logprobs", 1, "logprobs must be true or false, not 1."),
        ("top_logprobs", 3, "top_logprobs must be absent unless logprobs is true, not 3."),
        ("reasoning_effort", "most", f'reasoning_effort must be one of {", ".join(EFFORTS)}, not "most".'),
        ("service_tier", 7, "service_tier must be one of auto, default, standard, flex, scale, priority, fast, not 7."),
        ("models", ["a"], '"models" is an unknown field; a request is for one model.'),
        ("audio", {}, '"audio" is an unknown field; the models served here speak text only.'),
        ("modalities", ["text", "audio"], 'modalities must be ["text"], the only value supported, not ["text","audio"].'),
        (
            "stop_token_ids",
            [1] * 17,
            f"stop_token_ids must be an array of at most 16 token ids, not {json.dumps([1] * 17, separators=(',', ':'))}.",
        ),
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


def test_the_vocabulary_by_token_id() -> None:
    job = parse(logit_bias={"7": 100, "0": -100}, stop_token_ids=[5, 5], ignore_eos=True).job
    assert (job.logit_bias, job.stop_tokens, job.ignore_eos) == (((0, -100.0), (7, 100.0)), (5, 5), True)
    assert refused(logit_bias={"7": 101}).message == "logit_bias.7 must be a number from -100 to 100, not 101.0."
    rule = "an object of at most 300 token ids, each with a number from -100 to 100"
    assert refused(logit_bias={"x": 1}).message == f'logit_bias must be {rule}, not {{"x":1.0}}.'
    assert refused(logit_bias={str(n): 1 for n in range(301)}).message == f"logit_bias must be {rule}, not of 301."
    assert refused(stop_token_ids=[0, -1]).message == "stop_token_ids.1 must be a token id, from 0 to 2147483647, not -1."
    assert refused(stop=["a", "x" * 1025]).param == "stop.1"


def test_logprobs() -> None:
    assert parse().job.logprobs is None and parse(logprobs=False).job.logprobs is None
    assert parse(logprobs=True).job.logprobs == 0
    assert parse(logprobs=True, top_logprobs=5).job.logprobs == 5
    assert refused(logprobs=False, top_logprobs=0).param == "top_logprobs"


def test_a_models_own_defaults_stand_behind_what_is_sent() -> None:
    own = {"m": {"temperature": 0.7, "top_k": 20}}
    body = {"model": "m", "messages": [USER]}

    def sampling(**fields: Any) -> Any:
        sent = json.dumps({**body, **fields}).encode()
        return schema.parse(sent, request="r", account="a", defaults=lambda model: own.get(model, {})).job.sampling

    assert (sampling().temperature, sampling().top_k, sampling().top_p) == (0.7, 20, 1.0)
    assert (sampling(temperature=None).temperature, sampling(temperature=0, top_k=0).top_k) == (0.7, 0)
    assert sampling(temperature=0).temperature == 0
    assert sampling(model="other").temperature == 1.0


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", 2.5), ("top_p", 0.0), ("top_k", -1), ("top_k", 1000), ("beams", 2)]
)
def test_a_models_own_defaults_keep_the_fields_ranges(name: str, value: float) -> None:
    schema.check_defaults("a/b", {"temperature": 0, "top_p": 1, "top_k": 999, "repetition_penalty": 5})
    with pytest.raises(BadSetting, match=f"^{name} of the generation_config.json of a/b must be "):
        schema.check_defaults("a/b", {name: value})


def test_two_names_of_one_limit() -> None:
    assert parse(max_tokens=5, max_completion_tokens=5).job.max_tokens == 5
    assert parse(max_completion_tokens=0).job.max_tokens == 0
    error = refused(max_tokens=5, max_completion_tokens=6)
    assert error.param == "max_completion_tokens"
    assert error.message == "max_completion_tokens must be max_tokens when both are given, not 6 beside 5."


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
        "reasoning_effort": "low",
        "verbosity": "low",
        "modalities": ["text"],
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "reasoning": {"enabled": False},
        "chat_template_kwargs": {"enable_thinking": False},
        "fail_fast": True,
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


def test_numbers_are_floats_where_the_job_says_so() -> None:
    sampling = parse(temperature=0, presence_penalty=-0.0, top_p=1).job.sampling
    assert isinstance(sampling.temperature, float) and math.copysign(1, sampling.presence_penalty) == -1
