"""Batches as a pure function of the seed and the step: a run is repeated or resumed without stored data.

Conversations of like length share a batch, padded on the right. That wastes few tokens and needs no mask
between neighbours, as joining them into one long row would: attention then runs in its fast causal form,
and every conversation starts at position 0, as it does when served.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.chatml import Example, encode
from training.corpus.mixture import conversation
from training.recipe import Recipe

# Conversations are sorted by length within a window of this many steps: wide enough to find like lengths.
WINDOW = 32


@dataclass(frozen=True)
class Batch:
    """Inputs and what follows each of them; a target of -100 is not to be learnt."""

    inputs: NDArray[np.int64]  # [rows, longest - 1]
    targets: NDArray[np.int64]  # [rows, longest - 1]
    tokens: int  # Without the padding.


class Batches:
    """The training batches of a recipe, by step. One window is kept at a time."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer) -> None:
        if recipe.tokens_per_step < recipe.longest:
            raise ValueError("a batch must have room for the longest conversation, or some would be empty")
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.number = -1
        self.window: list[list[Example]] = []

    def __getitem__(self, step: int) -> Batch:
        number, place = divmod(step, WINDOW)
        if number != self.number:
            self.window = self.make_window(number)
            self.number = number
        return collate(self.window[place])

    def make_window(self, number: int) -> list[list[Example]]:
        """WINDOW groups of examples of like length, each of about ``tokens_per_step`` tokens."""
        rng = Random(f"batches {self.recipe.seed} {number}")
        examples: list[Example] = []
        wanted = WINDOW * self.recipe.tokens_per_step
        while wanted > 0:
            example = encode(conversation(rng, "train", finishing=self.recipe.finishing), self.tokenizer)
            if len(example.ids) <= self.recipe.longest:
                examples.append(example)
                wanted -= len(example.ids)
        examples.sort(key=lambda example: len(example.ids))
        groups = cut(examples, WINDOW)
        rng.shuffle(groups)
        return groups


def cut(examples: list[Example], count: int) -> list[list[Example]]:
    """Cut a list into ``count`` groups of about equally many tokens."""
    ends = np.cumsum([len(example.ids) for example in examples])
    group = np.minimum((ends - 1) * count // ends[-1], count - 1)
    return [[examples[i] for i in np.flatnonzero(group == place)] for place in range(count)]


def collate(examples: list[Example]) -> Batch:
    """Pad to the longest and shift by one."""
    longest = max(len(example.ids) for example in examples)
    inputs = np.zeros((len(examples), longest - 1), np.int64)
    targets = np.full((len(examples), longest - 1), -100, np.int64)
    for row, example in enumerate(examples):
        length = len(example.ids) - 1
        inputs[row, :length] = example.ids[:-1]
        targets[row, :length] = np.where(example.learnt[1:], example.ids[1:], -100)
    return Batch(inputs, targets, sum(len(example.ids) for example in examples))
