"""A Desk per test, as the API's tests have it."""

from api.conftest import desk, empty_ledger, make_desk

__all__ = ["desk", "empty_ledger", "make_desk"]
