"""The Usage tab's numbers are the ledger's, for the key that is signed in and the page's model; charts are drawn from them."""

import re
import time
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from api.desk import CHAT
from fakes import say
from pages.site import OWN, Site, words
from reckon.ledger.prices import dollars
from reckon.ledger.tables import requests
from reckon.ledger.usage import Slot, Totals, totals
from reckon.pages.charts import BOTTOM, LEFT, RIGHT, TOP, ceiling, chart
from reckon.pages.usage import SPANS, filled


async def use(site: Site, *answers: str) -> None:
    client = site.client(signed_in=True)
    for answer in answers:
        site.engine.enqueue(*say(*answer.split()))
        body = {"model": "fake/model", "messages": [{"role": "user", "content": f"Say {answer}"}]}
        assert (await client.post(CHAT, json=body, headers=OWN)).status_code == 200


def cells(html: str, row: str) -> list[str]:
    """The texts of a row's cells."""
    return [words(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]


def shown(html: str) -> tuple[list[list[str]], list[str]]:
    """The table's rows, and its last, the sum since the key exists."""
    table = html.split('id="usage-table"')[1].split("</table>")[0]
    body, foot = table.split("<tbody>")[1].split("</tbody>")
    return [cells(html, row) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)], cells(html, foot)


async def test_who_is_not_signed_in_is_sent_to_sign_in(site: Site) -> None:
    response = await site.get("/fake/model/usage")
    assert (response.status_code, response.headers["location"]) == (303, "/signin?next=/fake/model/usage")


async def test_nothing_used_is_said(site: Site) -> None:
    html = (await site.get("/fake/model/usage", signed_in=True)).text
    assert "Nothing in this span." in html
    assert "Requests: none." in html
    assert shown(html)[1][1:5] == ["0", "0", "0", "$0.00"]


@pytest.mark.parametrize("span", SPANS)
async def test_the_numbers_are_the_ledgers(site: Site, span: str) -> None:
    await use(site, "one two three", "one", "one two")
    sums = site.ledger.run_now(lambda db: totals(db, key_id=site.account.key_id))
    assert sums.requests == 3
    html = (await site.get(f"/fake/model/usage?range={span}", signed_in=True)).text
    rows, total = shown(html)
    expected = [str(sums.requests), str(sums.prompt_tokens), str(sums.completion_tokens), dollars(sums.cost_nano)]
    assert total[1:5] == expected
    assert [sum(int(row[place]) for row in rows) for place in (1, 2, 3)] == [int(value) for value in expected[:3]]
    figures = dict(re.findall(r'<span class="soft">([^<]+)</span> <b>([^<]+)</b>', html))
    assert figures["Requests"] == expected[0]
    assert figures["Tokens"] == str(sums.prompt_tokens + sums.completion_tokens)
    assert figures["Cost"] == dollars(sums.cost_nano)
    assert float(figures["Tokens per second"].replace(",", "")) > 0
    assert html.count("<td>stop</td>") == 3


async def test_only_this_key_and_this_model_count(site: Site, make_site: Any) -> None:
    await use(site, "one two")
    other = make_site(home=site.config.home)
    html = (await other.get("/fake/model/usage", signed_in=True)).text
    assert shown(html)[1][1] == "0"
    assert shown((await site.get("/reckon/abacus/usage", signed_in=True)).text)[1][1] == "0"
    for client in other.clients:
        await client.aclose()


async def test_what_was_before_the_span_is_in_the_sum_only(site: Site) -> None:
    await use(site, "one two", "three")
    site.ledger.run_now(lambda db: db.execute(sa.update(requests).values(settled=time.time() - 2 * 3600)))
    await use(site, "four five six")
    html = (await site.get("/fake/model/usage?range=hour", signed_in=True)).text
    rows, total = shown(html)
    assert (sum(int(row[1]) for row in rows), total[1]) == (1, "3")
    day = shown((await site.get("/fake/model/usage?range=day", signed_in=True)).text)[0]
    assert [row[1] for row in day] == ["1", "2"]  # newest first
    assert shown((await site.get("/fake/model/usage?range=century", signed_in=True)).text)[0] == day


def test_empty_slots_are_filled_in() -> None:
    slots = [Slot(120, Totals(1), 1.0, 5.0)]
    whole = filled(slots, SPANS["hour"], 0)
    assert len(whole) == 60
    assert [slot.start for slot in whole[:4]] == [0, 60, 120, 180]
    assert whole[2] is slots[0]
    assert sum(slot.totals.requests for slot in whole) == 1


@given(st.lists(st.just(0.0) | st.floats(1e-9, 1e12), min_size=1, max_size=80))
def test_bars_stay_in_the_picture_and_keep_their_proportions(values: list[float]) -> None:
    drawn = chart("T", "t", values, [str(number) for number in range(len(values))], str)
    for bar in drawn.bars:
        assert LEFT <= bar.x < bar.x + bar.width <= RIGHT + 1e-6
        assert TOP - 1e-6 <= bar.y <= BOTTOM
        assert bar.y + bar.height == pytest.approx(BOTTOM)
    tall = {bar.label: bar.height for bar in drawn.bars}
    highest = max(values)
    for number, value in enumerate(values):
        if value > highest * 1e-6:
            assert tall[str(number)] == pytest.approx(max(tall.values()) * value / highest)


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 3), (1, 1.5), (2.5, 3), (12, 15), (700, 900), (1e-5, 1.5e-5), (100, 150), (31, 60)]
)
def test_axes_end_at_round_numbers(highest: float, top: float) -> None:
    assert ceiling(highest) == pytest.approx(top)


def test_an_axis_of_whole_numbers_has_whole_numbers() -> None:
    assert ceiling(1, whole=True) == 3
    assert ceiling(7, whole=True) == 9
