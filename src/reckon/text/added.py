"""The tokens a checkpoint has besides its vocabulary: control tokens and markers. Knows files and ids, not how text is split.

``tokenizer`` and ``template`` read them from here, so that both mean the same tokens.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from reckon.errors import UnsupportedModel


class AddedToken(msgspec.Struct, frozen=True):
    """``special`` tokens steer the model and have no text in an answer; the others (``<tool_call>``) are text as well."""

    id: int
    content: str
    special: bool = False
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False


class _TokenizerFile(msgspec.Struct):
    added_tokens: list[AddedToken] = []


class _Entry(msgspec.Struct):
    content: str
    special: bool = False
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False


class _ConfigFile(msgspec.Struct):
    added_tokens_decoder: dict[str, _Entry] = {}


_File = TypeVar("_File", _TokenizerFile, _ConfigFile)


def read_added_tokens(directory: Path) -> tuple[AddedToken, ...]:
    """The added tokens of tokenizer.json, then those that only tokenizer_config.json has.

    Raises UnsupportedModel when tokenizer.json is missing or not valid, or when a token swallows what stands around it.
    """
    path = directory / "tokenizer.json"
    tokens = {token.content: token for token in _decode(path, _TokenizerFile).added_tokens}
    config = directory / "tokenizer_config.json"
    if config.exists():
        for number, entry in _decode(config, _ConfigFile).added_tokens_decoder.items():
            fields = (entry.content, entry.special, entry.lstrip, entry.rstrip, entry.single_word)
            tokens.setdefault(entry.content, AddedToken(_id(number, config), *fields))
    for token in tokens.values():
        if token.lstrip or token.rstrip or token.single_word:
            rule = "lstrip, rstrip and single_word must be false"
            raise UnsupportedModel(f"{path}: added token {token.id} {token.content!r} is not supported: {rule}")
    return tuple(tokens.values())


def _id(number: str, path: Path) -> int:
    if not number.isdecimal():
        raise UnsupportedModel(f"{path}: the keys of added_tokens_decoder must be token ids, not {number!r}")
    return int(number)


def _decode(path: Path, kind: type[_File]) -> _File:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise UnsupportedModel(
            f"{path.parent} has no {path.name}: only checkpoints of the `tokenizers` format are served"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnsupportedModel(f"{path} is not a valid tokenizer file: {error}") from None
