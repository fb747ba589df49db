"""Token ids to text, one token at a time, never half a character. Knows a table of bytes; not where the ids come from.

Made by ``Tokenizer.decoder``, one per choice, and used by the engines.
"""

import codecs
from collections.abc import Callable


class Decoder:
    """``push`` gives the text that is certain by now; joined with ``flush`` it is the text of all the bytes at once."""

    def __init__(self, text_bytes: Callable[[int], bytes]) -> None:
        self.holding = False
        """Whether bytes of a character wait for the rest of it."""
        self._bytes = text_bytes
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """The text of one more token, without a character whose bytes are not all there. Invalid bytes become U+FFFD."""
        data = self._bytes(token)
        if not self.holding:
            try:
                return data.decode()  # most tokens are whole characters
            except UnicodeDecodeError:
                pass
        text = self._utf8.decode(data)
        self.holding = bool(self._utf8.getstate()[0])
        return text

    def flush(self) -> str:
        """What is still held, as U+FFFD; the decoder is as new afterwards."""
        text = self._utf8.decode(b"", final=True)
        self._utf8.reset()
        self.holding = False
        return text
