from typing import Any

from msgspec.structs import replace

from api.desk import Desk
from fakes import READY, FakeEngine
from reckon.engines.pool import Pool


async def test_health_is_for_everyone(desk: Desk) -> None:
    desk.engine.state = replace(READY, running=2, waiting=1, restarts=3)
    response = await desk.client(headers={}).get("/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "models": {
            "fake/model": {
                "ready": True,
                "progressing": True,
                "state": "ready",
                "running": 2,
                "waiting": 1,
                "restarts": 3,
                "held_blocks": 0,
            }
        },
    }


async def test_one_engine_that_does_not_move_is_enough_to_be_unwell(desk: Desk) -> None:
    for state in (replace(READY, ready=False, state="loading"), replace(READY, progressing=False)):
        desk.engine.state = state
        response = await desk.client().get("/health")
        assert (response.status_code, response.json()["status"]) == (503, "unavailable")
        assert response.json()["models"]["fake/model"]["state"] == state.state


async def test_the_keys_own_usage(make_desk: Any) -> None:
    desk = make_desk()
    none = (await desk.client().get("/v1/usage")).json()
    assert (none["requests"], none["cost"]) == (0, 0)
    await desk.chat()
    await desk.client().post("/v1/chat/completions", json={}, headers={"content-type": "application/json"})
    assert (await desk.client().get("/v1/usage")).json() == {
        "object": "usage",
        "key": "tester",
        "requests": 1,
        "prompt_tokens": 1,
        "cached_tokens": 0,
        "completion_tokens": 2,
        "cost": (120 + 2 * 180) / 1e9,
    }


async def test_metrics(desk: Desk) -> None:
    desk.engine.state = replace(READY, running=2, waiting=1, restarts=3)
    await desk.chat()
    desk.engine.counters().preemptions = 4
    found = await desk.metrics()
    label = '{model="fake/model"}'
    assert found["reckon_engine_ready" + label] == 1
    assert (found["reckon_running" + label], found["reckon_waiting" + label]) == (2, 1)
    assert (found["reckon_engine_restarts" + label], found["reckon_engine_preemptions" + label]) == (3, 4)
    assert found["reckon_time_to_first_token_seconds_count" + label] == 1
    assert found["reckon_inter_token_seconds_count" + label] == 1
    assert found['reckon_outcomes_total{model="fake/model",outcome="stop"}'] == 1
    for kind, count in {"prompt": 1, "cached": 0, "completion": 2}.items():
        assert found[f'reckon_tokens_total{{kind="{kind}",model="fake/model"}}'] == count
        assert found[f'reckon_engine_tokens{{kind="{kind}",model="fake/model"}}'] == count
        assert found[f'reckon_ledger_tokens{{kind="{kind}"}}'] == count
    assert found["reckon_ledger_cost_nano_dollars"] == 480
    assert found["reckon_ledger_requests"] == 1


async def test_an_engine_that_does_not_count_has_no_counts(desk: Desk) -> None:
    class Uncounted:
        def __init__(self) -> None:
            self.card = desk.engine.card

        def health(self) -> Any:
            return READY

    engine: Any = Uncounted()
    assert Pool({"a/b": engine, "c/d": FakeEngine()}).counters().keys() == {"c/d"}


async def test_two_apps_have_metrics_of_their_own(make_desk: Any) -> None:
    one, other = make_desk(), make_desk()
    await one.chat()
    assert "reckon_outcomes_total" not in "".join(await other.metrics())
