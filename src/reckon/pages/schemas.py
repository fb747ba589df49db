"""A JSON Schema as a tree that folds: rows for a template, from the same value that the API answers. Knows no HTTP."""

import json
from dataclasses import dataclass
from typing import Any

OPEN_DEPTH = 2
"""Levels that are unfolded at first."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value at its place. ``key`` is None in arrays; ``text`` is a leaf's JSON; ``size`` counts children."""

    key: str | None
    text: str
    kind: str
    open: bool
    brackets: str
    size: str
    children: tuple["Node", ...]


def tree(value: Any, key: str | None = None, depth: int = 0) -> Node:
    if isinstance(value, dict) and value:
        children = tuple(tree(item, name, depth + 1) for name, item in value.items())
        return Node(key, "", "object", depth < OPEN_DEPTH, "{}", _size(len(children), "key"), children)
    if isinstance(value, list | tuple) and value:
        children = tuple(tree(item, None, depth + 1) for item in value)
        return Node(key, "", "array", depth < OPEN_DEPTH or len(children) < 4, "[]", _size(len(children), "item"), children)
    kind = "string" if isinstance(value, str) else "word" if value is None or isinstance(value, bool) else "number"
    return Node(key, json.dumps(value, ensure_ascii=False), kind, False, "", "", ())


def _size(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
