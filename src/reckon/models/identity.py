"""Which model it is, by the content of its files: weights, shape, tokenizer, template, stop tokens. Computes one digest.

The worker puts it into the system fingerprint.
"""

import hashlib
from pathlib import Path

from reckon.models.weights import Weights

FILES = (
    "additional_chat_templates/*.jinja", "chat_template.jinja", "chat_template.json", "config.json", "generation_config.json",
    "tokenizer.json", "tokenizer_config.json",
)  # fmt: skip
"""All that is read of a checkpoint besides its weights: they make the prompt, the text and the end of an answer."""


def model_digest(directory: Path, weights: Weights) -> str:
    """16 hex digits that are others when one byte of the weights, of their names and shapes, or of FILES is another."""
    digest = hashlib.sha256(weights.digest().encode())
    for path in sorted(path for pattern in FILES for path in directory.glob(pattern)):
        digest.update(f"\n{path.relative_to(directory).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()[:16]
