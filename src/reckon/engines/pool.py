"""The engines by model id: finds the one that answers, starts and closes all. Knows no HTTP; the API and the CLI call it."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from reckon.catalog.card import Card
from reckon.engines.base import Engine, Health
from reckon.errors import ModelNotFound
from reckon.job import Usage
from reckon.link import Counters


@runtime_checkable
class Counting(Protocol):
    """An engine that counts its tokens since it started; what it counts must agree with the ledger."""

    def counters(self) -> Counters: ...


@runtime_checkable
class Metered(Protocol):
    """A run that can say what it used so far without being stopped."""

    def used(self) -> Usage: ...


class Pool:
    """What is served here. The ids are those that clients send; an id matches exactly or not at all."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._engines = dict(engines)

    def find(self, model: str) -> Engine:
        """The engine that serves ``model``. Raises ModelNotFound."""
        engine = self._engines.get(model)
        if engine is None:
            raise ModelNotFound(f"The model `{model}` does not exist or you do not have access to it.", param="model")
        return engine

    async def start(self) -> None:
        """Start the engines one after the other, so that their progress can be shown. If one cannot, none stays up."""
        try:
            for engine in self._engines.values():
                await engine.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop every engine at once, started or not. The first error is raised when all have been asked."""
        errors = []
        for engine in self._engines.values():
            try:
                await engine.close()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def health(self) -> dict[str, Health]:
        """By model id."""
        return {model: engine.health() for model, engine in self._engines.items()}

    def cards(self) -> dict[str, Card]:
        """What is served, by model id."""
        return {model: engine.card for model, engine in self._engines.items()}

    def defaults(self) -> dict[str, Mapping[str, float]]:
        """The models' own sampling defaults, where they are not the page's, by model id."""
        return {model: engine.defaults for model, engine in self._engines.items()}

    def counters(self) -> dict[str, Counters]:
        """Token counts of the engines that keep them, by model id."""
        return {model: engine.counters() for model, engine in self._engines.items() if isinstance(engine, Counting)}
