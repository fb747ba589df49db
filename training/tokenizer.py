"""The tokenizer: byte-level BPE in Qwen2's manner, small enough to be a small part of the model.

Digits stand alone, so that a number is read and written digit by digit. All 256 bytes are tokens, so any
text can be encoded. Special tokens come last, as Qwen2 has them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import click
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from training.corpus.mixture import conversation
from training.corpus.slips import plain
from training.recipe import BUILD, Recipe
from training.template import TEMPLATE, render

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Not special: a server that skips special tokens must still show them, for they hold a tool call's text.
TOOL = ("<tool_call>", "</tool_call>")
# Qwen2's rule for where words end. transformers rebuilds it by itself, so it must be the same here.
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONVERSATIONS = 30_000


def build(recipe: Recipe, conversations: int = CONVERSATIONS) -> Tokenizer:
    """Learn the merges from the training side of the corpus and from the template's own words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary - len(SPECIAL) - len(TOOL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(recipe, conversations), trainer)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in TOOL])
    if tokenizer.get_vocab_size() != recipe.vocabulary:
        raise ValueError(f"the vocabulary has {tokenizer.get_vocab_size()} tokens, not {recipe.vocabulary}")
    return tokenizer


def texts(recipe: Recipe, conversations: int) -> Iterator[str]:
    """What the merges are learnt from."""
    rng = Random(f"tokenizer {recipe.seed}")
    for _ in range(conversations):
        talk = conversation(rng, "train")
        yield plain(
            render(talk.messages, tools=talk.tools) if talk.tools else "\n".join(said["content"] for said in talk.messages)
        )
    # The turns' headings are in every prompt.
    yield from ["system\n", "user\n", "assistant\n"] * conversations


def special_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """The id of every added token."""
    return {added.content: number for number, added in tokenizer.get_added_tokens_decoder().items()}


def tokenizer_config(tokenizer: Tokenizer, recipe: Recipe) -> dict[str, Any]:
    """``tokenizer_config.json`` as the Qwen2 family publishes it, chat template included."""
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    return {
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(number): {"content": token, **flags, "special": token in SPECIAL}
            for token, number in special_ids(tokenizer).items()
        },
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "bos_token": None,
        "chat_template": TEMPLATE.read_text(),
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": recipe.context,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }


def write(recipe: Recipe, build_dir: Path) -> None:
    """Build the tokenizer into the build folder, unless this recipe's is there already."""
    target = build_dir / "tokenizer.json"
    if target.exists():
        return
    build_dir.mkdir(parents=True, exist_ok=True)
    tokenizer = build(recipe)
    tokenizer.save(str(target))
    (build_dir / "tokenizer_config.json").write_text(json.dumps(tokenizer_config(tokenizer, recipe), indent=2) + "\n")


@click.command()
@click.option("--build-dir", type=click.Path(path_type=Path), default=BUILD, help="Where the tokenizer is written.")
def main(build_dir: Path) -> None:
    """Learn the tokenizer from the corpus."""
    write(Recipe(), build_dir)


if __name__ == "__main__":
    main()
