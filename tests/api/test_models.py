import json
from typing import Any

import jsonschema
import pytest

from api.desk import Desk, chat_body, chunks
from fakes import FakeEngine, say
from reckon import config
from reckon.api import completions
from reckon.api.app import create_app
from reckon.api.asking import fields
from reckon.catalog.card import catalogue
from reckon.engines.pool import Pool
from reckon.errors import BadSetting
from reckon.job import CallDelta, Delta, Finish, Scored, Usage

QWQ = "Qwen/QwQ-32B-Preview"
PAGE = {
    "temperature": 1.0,
    "top_p": 1.0,
    "min_p": 0.0,
    "top_k": 0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "repetition_penalty": 1.0,
}
ROOTS = ["/v1/models", "/v1/openai/models", "/models"]


def shape() -> Any:
    card = catalogue()[QWQ]
    return {
        "id": QWQ,
        "object": "model",
        "created": 1732752000,
        "owned_by": "Qwen",
        "root": QWQ,
        "metadata": {
            "description": card.description,
            "context_length": 32768,
            "max_tokens": 32768,
            "pricing": {"input_tokens": 0.12, "output_tokens": 0.18},
            "dtype": "bfloat16",
            "license": card.license,
            "license_url": card.license_url,
            "project_url": card.project_url,
            "featured": True,
            "scores": [{"name": score.name, "value": score.value, "claimed_by": score.claimed_by} for score in card.scores],
            "sampling_defaults": {"origin": "page", **PAGE},
            "system_fingerprint": "fp_fake",
            "repeatable": True,
        },
    }


@pytest.mark.parametrize("root", ROOTS)
async def test_a_model(make_desk: Any, root: str) -> None:
    desk: Desk = make_desk(FakeEngine(catalogue()[QWQ]))
    assert (await desk.client().get(f"{root}/{QWQ}")).json() == shape()


@pytest.mark.parametrize("root", ROOTS[:2])
async def test_the_list(make_desk: Any, root: str) -> None:
    desk: Desk = make_desk(FakeEngine(catalogue()[QWQ]))
    assert (await desk.client().get(root)).json() == {"object": "list", "data": [shape()]}


@pytest.mark.parametrize("rest", ["", "/schema/openai-chat-completions"])
@pytest.mark.parametrize("root", ROOTS)
async def test_an_unknown_model(desk: Desk, root: str, rest: str) -> None:
    response = await desk.client().get(f"{root}/no/model{rest}")
    assert response.status_code == 404
    assert response.json()["error"] == {
        "message": "The model `no/model` does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


@pytest.mark.parametrize("rest", ["", "/schema/openai-chat-completions"])
async def test_a_model_that_the_key_may_not_use(make_desk: Any, rest: str) -> None:
    desk: Desk = make_desk(models=("other/model",))
    assert (await desk.client().get(f"/models/fake/model{rest}")).json()["error"]["code"] == "model_not_found"


async def test_the_models_own_defaults(make_desk: Any) -> None:
    desk: Desk = make_desk(FakeEngine(defaults={"temperature": 0.7, "top_k": 20}))
    shown = (await desk.client().get("/models/fake/model")).json()["metadata"]["sampling_defaults"]
    assert shown == {**PAGE, "origin": "model", "temperature": 0.7, "top_k": 20}
    schema = (await desk.client().get("/models/fake/model/schema/openai-chat-completions")).json()
    assert schema["schema_in"]["properties"]["temperature"]["default"] == 0.7
    assert {row["name"]: row["default"] for row in schema["fields_in"]}["top_k"] == 20
    await desk.chat(top_k=3)
    await desk.client().post("/v1/completions", json={"model": "fake/model", "prompt": "a"})
    assert [(job.sampling.temperature, job.sampling.top_k) for job in desk.engine.jobs] == [(0.7, 3), (0.7, 20)]


def test_own_defaults_outside_the_ranges_stop_the_start(desk: Desk) -> None:
    pool = Pool({"a/b": FakeEngine(defaults={"temperature": 3.0})})
    with pytest.raises(BadSetting, match=r"^temperature of the generation_config\.json of a/b must be "):
        create_app(config.load({"home": "unused"}, environ={}), pool, desk.ledger)


async def test_an_unknown_schema(desk: Desk) -> None:
    response = await desk.client().get("/models/fake/model/schema/anthropic")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    assert "openai-chat-completions, openai-completions" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("key", "path", "rows"),
    [
        ("openai-chat-completions", "/v1/openai/chat/completions", fields.FIELDS),
        ("openai-completions", "/v1/openai/completions", completions.FIELDS),
    ],
)
async def test_a_schema(desk: Desk, key: str, path: str, rows: Any) -> None:
    found = (await desk.client().get(f"/models/fake/model/schema/{key}")).json()
    assert found["variant"] == {"key": key, "url": f"http://reckon{path}"}
    assert [row["name"] for row in found["fields_in"]] == [row.name for row in rows]
    for name in ("schema_in", "schema_out", "schema_stream"):
        jsonschema.Draft202012Validator.check_schema(found[name])
    assert list(found["schema_in"]["properties"]) == [row.name for row in rows]


async def test_a_row_of_the_fields(desk: Desk) -> None:
    found = (await desk.client().get("/models/fake/model/schema/openai-chat-completions")).json()["fields_in"]
    rows = {row.pop("name"): row for row in found}
    empty = dict.fromkeys(("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "allowed", "examples"))
    top_p = fields.BY_NAME["top_p"].description
    assert rows["top_p"] == {
        **empty, "ftype": "number", "description": top_p, "default": 1.0, "exclusiveMinimum": 0, "maximum": 1,
    }  # fmt: skip
    top_k = fields.BY_NAME["top_k"].description
    assert rows["top_k"] == {
        **empty, "ftype": "integer", "description": top_k, "default": 0, "minimum": 0, "exclusiveMaximum": 1000,
    }  # fmt: skip
    assert rows["verbosity"]["allowed"] == ["low", "medium", "high"]
    assert (rows["stop"]["default"], rows["max_tokens"]["default"]) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        chat_body(),
        chat_body(temperature=2, top_p=1, stop=None, logit_bias={"1": 5}, reasoning_effort=None, verbosity="low"),
        chat_body(stop=["a"], stream=True, stream_options={"include_usage": None}, reasoning={"effort": "low"}),
        chat_body(tools=[{"type": "function", "function": {"name": "f"}}], tool_choice="auto"),
    ],
)
async def test_what_is_taken_fits_the_schema(desk: Desk, body: Any) -> None:
    schema = (await desk.client().get("/models/fake/model/schema/openai-chat-completions")).json()["schema_in"]
    jsonschema.validate(body, schema, jsonschema.Draft202012Validator)
    assert (await desk.chat(**body)).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 2.1},
        {"top_p": 0},
        {"stop": ["a"] * 17},
        {"seed": "1"},
        {"verbosity": "most"},
        {"messages": []},
        {"x": 1},
    ],
)
async def test_what_is_refused_does_not_fit_the_schema(desk: Desk, fields: Any) -> None:
    schema = (await desk.client().get("/models/fake/model/schema/openai-chat-completions")).json()["schema_in"]
    body = chat_body(**fields)
    assert not jsonschema.Draft202012Validator(schema).is_valid(body)
    assert (await desk.chat(**body)).status_code == 422


async def test_completions_fit_their_schemas(desk: Desk) -> None:
    schema = (await desk.client().get("/models/fake/model/schema/openai-completions")).json()
    body = {"model": "fake/model", "prompt": "a", "logprobs": 1, "stop": "x", "suffix": None}
    jsonschema.validate(body, schema["schema_in"], jsonschema.Draft202012Validator)
    for stream in (False, True):
        desk.engine.enqueue(Delta(0, "content", "a", (Scored(b"a", -1.0),)), Finish(0, "stop", Usage()))
        text = (await desk.client().post("/v1/completions", json={**body, "stream": stream})).text
        for found in chunks(text) if stream else [json.loads(text)]:
            jsonschema.validate(found, schema["schema_stream" if stream else "schema_out"], jsonschema.Draft202012Validator)


async def test_answers_and_chunks_fit_their_schemas(desk: Desk) -> None:
    schema = (await desk.client().get("/models/fake/model/schema/openai-chat-completions")).json()
    answered = jsonschema.Draft202012Validator(schema["schema_out"])
    streamed = jsonschema.Draft202012Validator(schema["schema_stream"])
    script = [
        Delta(0, "reasoning", "hm"),
        Delta(0, "content", "a", (Scored(b"a", -1.0),)),
        CallDelta(0, 0, "{}", "call_1", "f"),
        Finish(0, "tool_calls", Usage()),
    ]
    for steps in (say("a"), script):
        desk.engine.enqueue(*steps)
        answered.validate((await desk.chat()).json())
        desk.engine.enqueue(*steps)
        for chunk in chunks((await desk.chat(stream=True, stream_options={"include_usage": True})).text):
            streamed.validate(chunk)
