import pytest

from fakes import CARD, READY, FakeEngine
from reckon.engines.pool import Pool
from reckon.errors import ModelNotFound, UnsupportedModel


def test_an_id_matches_exactly() -> None:
    engine = FakeEngine()
    pool = Pool({"a/b": engine})
    assert pool.find("a/b") is engine
    for wrong in ("A/B", "a/b ", "b", ""):
        with pytest.raises(ModelNotFound) as caught:
            pool.find(wrong)
        assert caught.value.param == "model"
    assert pool.cards() == {"a/b": CARD} and pool.health() == {"a/b": READY}


async def test_all_start_and_close() -> None:
    engines = [FakeEngine(), FakeEngine()]
    pool = Pool({"a": engines[0], "b": engines[1]})
    await pool.start()
    await pool.close()
    assert [(engine.started, engine.closed) for engine in engines] == [(1, 1), (1, 1)]


async def test_one_that_cannot_start_takes_the_others_down() -> None:
    engines = [FakeEngine(), FakeEngine(failure=UnsupportedModel("no such key")), FakeEngine()]
    with pytest.raises(UnsupportedModel):
        await Pool({str(number): engine for number, engine in enumerate(engines)}).start()
    assert [(engine.started, engine.closed) for engine in engines] == [(1, 1), (1, 1), (0, 1)]


async def test_all_are_closed_even_if_one_cannot() -> None:
    class Stuck(FakeEngine):
        async def close(self) -> None:
            raise OSError("stuck")

    last = FakeEngine()
    with pytest.raises(OSError, match="stuck"):
        await Pool({"a": Stuck(), "b": last}).close()
    assert last.closed == 1
