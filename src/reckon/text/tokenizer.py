"""Text to token ids and back, for byte-level BPE as checkpoints ship it. Knows no chat format: control tokens come as such.

The engines call it: ``encode`` for a rendered prompt, ``decoder`` for an answer.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import tokenizers

from reckon.errors import UnsupportedModel
from reckon.text.added import AddedToken, read_added_tokens
from reckon.text.decoder import Decoder
from reckon.text.trust import Control, Plain, Rendered

NEVER_IN_UTF8 = frozenset({0xC0, 0xC1, *range(0xF5, 0x100)})


def _alphabet() -> dict[str, int]:
    """GPT-2's letters for bytes: printable Latin-1 stands for itself, the other bytes take the code points from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


ALPHABET = _alphabet()
_TO_LATIN1 = dict.fromkeys(range(256), 0xFFFF) | {ord(letter): byte for letter, byte in ALPHABET.items()}


class _Bpe(msgspec.Struct, omit_defaults=True):
    """The ``model`` of tokenizer.json. Dropout is left out: a prompt has one encoding."""

    type: str
    vocab: dict[str, int] = {}
    merges: list[str | tuple[str, str]] = []
    unk_token: str | None = None
    continuing_subword_prefix: str | None = None
    end_of_word_suffix: str | None = None
    fuse_unk: bool = False
    byte_fallback: bool = False
    ignore_merges: bool = False


class _File(msgspec.Struct):
    model: dict[str, Any]
    normalizer: Any = None
    pre_tokenizer: Any = None
    decoder: Any = None


NFC_SHRINKS = 3
"""Composing characters makes a text at most so many times shorter in UTF-8 (a Hangul syllable of three letters)."""


class Tokenizer:
    """``vocab_size`` is one more than the highest id; a model may have further, unused rows. ``special_ids`` have no text."""

    def __init__(self, plain: tokenizers.Tokenizer, pieces: dict[int, bytes], added: tuple[AddedToken, ...]) -> None:
        """``pieces`` are the bytes of the vocabulary's tokens, by id; the added tokens' are their texts."""
        self._plain = plain
        self._control = {token.content: token.id for token in added}
        self.special_ids = frozenset(token.id for token in added if token.special)
        self._bytes = pieces | {token.id: token.content.encode() for token in added}
        self.vocab_size = 1 + max(self._bytes)
        self._longest = max(map(len, self._bytes.values()))

    @classmethod
    def from_directory(cls, directory: Path) -> "Tokenizer":
        """Read tokenizer.json. Raises UnsupportedModel when it is missing, not valid, or not a byte-level BPE."""
        added = read_added_tokens(directory)
        path = directory / "tokenizer.json"
        try:
            file = msgspec.json.decode(path.read_bytes(), type=_File)
            _require_byte_level(file, path)
            model = msgspec.convert(file.model, _Bpe)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnsupportedModel(f"{path} is not a valid tokenizer file: {error}") from None
        model = _without(model, added)
        pieces = _bytes_by_id(model.vocab, path)
        return cls(_build(file, model, path), pieces, added)

    def encode(self, rendered: Rendered) -> list[int]:
        """The prompt's ids: each Control is one token; each Plain is text and cannot become an added token."""
        ids: list[int] = []
        for piece in rendered.pieces:
            match piece:
                case Control(text):
                    ids.append(self._control[text])
                case Plain(text):
                    ids += self.encode_text(text)
        return ids

    def encode_text(self, text: str) -> list[int]:
        """The ids of plain text: added tokens are not looked for, nothing is put before or after."""
        return self._plain.encode(text, add_special_tokens=False).ids

    def fewest_tokens(self, text: str) -> int:
        """A number of tokens that ``text`` cannot come below, without encoding it: refusing a huge prompt must cost little."""
        return len(text.encode("utf-8", "replace")) // (NFC_SHRINKS * self._longest)

    def token_bytes(self, token: int) -> bytes:
        """The bytes a token stands for, a special token's name included; none for an id without a token (unused rows)."""
        return self._bytes.get(token, b"")

    def decoder(self) -> Decoder:
        """A decoder for one answer; special tokens give no text."""
        return Decoder(self._answer_bytes)

    def _answer_bytes(self, token: int) -> bytes:
        return b"" if token in self.special_ids else self.token_bytes(token)


def _types(component: Any) -> Iterator[str]:
    """The types in a normaliser, pre-tokeniser or decoder, those inside a Sequence too."""
    if isinstance(component, dict):
        yield str(component.get("type"))
        for part in (*component.get("pretokenizers", ()), *component.get("decoders", ())):
            yield from _types(part)


def _require_byte_level(file: _File, path: Path) -> None:
    if file.model.get("type") != "BPE" or file.model.get("byte_fallback"):
        kind = f"model.type {file.model.get('type')!r} with byte_fallback {file.model.get('byte_fallback', False)!r}"
        raise UnsupportedModel(f"{path}: only byte-level BPE is supported, this has {kind}")
    for name, component in (("pre_tokenizer", file.pre_tokenizer), ("decoder", file.decoder)):
        types = list(_types(component))
        if "ByteLevel" not in types:
            raise UnsupportedModel(f"{path}: only byte-level BPE is supported, {name} must be ByteLevel, not {types or None}")


def _bytes_by_id(vocab: dict[str, int], path: Path) -> dict[int, bytes]:
    """Every token is bytes, and every byte that UTF-8 can contain has a token, else text would be lost."""
    for letter, byte in ALPHABET.items():
        if letter not in vocab and byte not in NEVER_IN_UTF8:
            raise UnsupportedModel(f"{path}: only byte-level BPE is supported, but byte 0x{byte:02X} has no token")
    pieces = {}
    for letters, number in vocab.items():
        try:
            pieces[number] = letters.translate(_TO_LATIN1).encode("latin-1")
        except UnicodeEncodeError:
            reason = f"only byte-level BPE is supported, but token {number} {letters!r} is not bytes"
            raise UnsupportedModel(f"{path}: {reason}") from None
    return pieces


def _without(model: _Bpe, added: tuple[AddedToken, ...]) -> _Bpe:
    """The model without added tokens that its vocabulary lists too: plain text must not reach them through merges either."""
    hidden = {token.content for token in added if len(token.content) > 1} & model.vocab.keys()
    if not hidden:
        return model
    vocab = {letters: number for letters, number in model.vocab.items() if letters not in hidden}
    pairs = [tuple(merge.split(" ")) if isinstance(merge, str) else merge for merge in model.merges]
    merges: list[str | tuple[str, str]] = [(left, right) for left, right in pairs if not hidden & {left, right, left + right}]
    return msgspec.structs.replace(model, vocab=vocab, merges=merges)


def _build(file: _File, model: _Bpe, path: Path) -> tokenizers.Tokenizer:
    """The `tokenizers` object for plain text: no added tokens, no truncation, nothing put around the text."""
    parts = {"normalizer": file.normalizer, "pre_tokenizer": file.pre_tokenizer, "model": model}
    none = {"truncation": None, "padding": None, "post_processor": None, "decoder": None}
    text = msgspec.json.encode({"version": "1.0", "added_tokens": [], **parts, **none}).decode()
    try:
        return tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # `tokenizers` raises bare Exceptions
        raise UnsupportedModel(f"{path} cannot be loaded: {error}") from None
