"""Statements that every request makes: compiled once for each dialect, then given to the driver as they are.

SQLAlchemy takes several times as long to prepare and wrap one of them as SQLite takes to run it. They are written in its
language all the same, and take part in its transactions, so that both databases are served by one text.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError


class _Compiled(NamedTuple):
    """For one dialect. ``order``: the names of the values, where the driver takes them by place. ``read``: a row's columns to
    Python, where the driver does not do that itself."""

    text: str
    order: tuple[str, ...] | None
    read: tuple[Callable[[Any], Any] | None, ...]


class Statement:
    """``columns`` are those that an insert or an update sets by name; a select has none.

    Values are passed by name, as the driver takes them: numbers, text, booleans, None. A select has no columns of floats, which
    one driver's wrapper wants to know more about. Errors are SQLAlchemy's, but they mark no connection as lost: the pool finds
    that out.
    """

    def __init__(self, clause: sa.Select[Any] | sa.Insert | sa.Update | sa.TextClause, *columns: str) -> None:
        self._clause = clause
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def one(self, db: Connection, **values: Any) -> tuple[Any, ...] | None:
        """The first row of a select, or None."""
        compiled = self._of(db.dialect)
        row = self._execute(db, compiled, values, lambda cursor: cursor.fetchone())
        if row is None:
            return None
        return tuple(value if read is None else read(value) for read, value in zip(compiled.read, row, strict=True))

    def run(self, db: Connection, **values: Any) -> int:
        """How many rows were changed."""
        return int(self._execute(db, self._of(db.dialect), values, lambda cursor: cursor.rowcount))

    def _execute(self, db: Connection, compiled: _Compiled, values: dict[str, Any], found: Callable[[Any], Any]) -> Any:
        parameters = values if compiled.order is None else tuple(values[name] for name in compiled.order)
        errors = db.dialect.loaded_dbapi.Error
        try:
            return found(_driver(db).execute(compiled.text, parameters))
        except errors as error:
            raise DBAPIError.instance(compiled.text, parameters, error, errors, dialect=db.dialect) from error

    def _of(self, dialect: Dialect) -> _Compiled:
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = self._compile(dialect)
        return self._compiled[dialect.name]

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled: Any = self._clause.compile(dialect=dialect, column_keys=self._columns or None)
        order = compiled.positiontup
        columns = self._clause.selected_columns if isinstance(self._clause, sa.Select) else ()
        read = tuple(column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns)
        return _Compiled(str(compiled), None if order is None else tuple(order), read)


_driver = attrgetter("connection.dbapi_connection")
"""The driver's own connection, on which the transaction runs."""
