"""How good the shipped folder is: greedy answers to held-out problems, loaded as anybody would load it."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import click
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from training.corpus import page
from training.corpus.conversation import Conversation, Family
from training.corpus.mixture import FAMILIES, conversation
from training.corpus.operands import pair, two_digit_pair
from training.corpus.phrasing import (
    ADD_EXPRESSIONS,
    ADD_REQUESTS,
    SUBTRACT_EXPRESSIONS,
    SUBTRACT_REQUESTS,
    ask,
)
from training.corpus.split import difference_key, draw, sum_key
from training.recipe import BUILD, SHIPPED

SEED = 20
BATCH = 50
SUMS = ("addition", "subtraction")
BOXED = re.compile(r"\\boxed\{(-?\d+)\}")

# A problem: what is said up to the user's last turn, and whether a reply to it is right.
Problem = tuple[Conversation, Callable[[str], bool]]


def boxes(answer: int) -> Callable[[str], bool]:
    """Right when the last box of the reply holds the answer."""
    return lambda reply: BOXED.findall(reply)[-1:] == [str(answer)]


def says(family: str) -> Callable[[str], bool]:
    """Right when the reply is, word for word, one that the family would have given."""
    replies = {FAMILIES[family][0](Random(seed), "train")[-1]["content"] for seed in range(300)}
    return lambda reply: reply in replies


def user(text: str) -> Conversation:
    """A conversation of one question."""
    return [{"role": "user", "content": text}]


def additions(rng: Random, operands: Callable[[Random], tuple[int, int]]) -> Problem:
    """A held-out a + b in some phrasing."""
    a, b = draw(rng, "held-out", operands, lambda pair: sum_key(*pair))
    return user(ask(rng, ADD_EXPRESSIONS, ADD_REQUESTS, a, b)), boxes(a + b)


def subtractions(rng: Random, operands: Callable[[Random], tuple[int, int]], below: bool = False) -> Problem:
    """A held-out a - b in some phrasing, the larger number first unless ``below`` zero is wanted."""
    low, high = sorted(draw(rng, "held-out", operands, lambda pair: difference_key(*pair)))
    a, b = (low, high) if below else (high, low)
    return user(ask(rng, SUBTRACT_EXPRESSIONS, SUBTRACT_REQUESTS, a, b)), boxes(a - b)


def of_family(family: Family, right: Callable[[str], bool], rng: Random) -> Problem:
    """A held-out conversation of a family, without its reply."""
    return family(rng, "held-out")[:-1], right


def talks(rng: Random) -> Problem:
    """A longer held-out talk that ends with a sum; what came before it stands as the corpus would have it."""
    while True:
        talk = conversation(rng, "held-out")
        answer = BOXED.findall(talk[-1]["content"])
        if len(talk) > 3 and answer:
            return talk[:-1], boxes(int(answer[-1]))


def suites(count: int) -> Iterator[tuple[str, list[Problem]]]:
    """Every measured kind of problem by name. A kind's problems depend on its name only."""
    kinds: dict[str, Callable[[Random], Problem]] = {
        "additions of two digits": lambda rng: additions(rng, two_digit_pair),
        "subtractions of two digits": lambda rng: subtractions(rng, two_digit_pair),
        "additions of one to three digits": lambda rng: additions(rng, pair),
        "subtractions of one to three digits": lambda rng: subtractions(rng, pair),
        "subtractions of two digits, below zero": lambda rng: subtractions(rng, two_digit_pair, below=True),
        "sums at the end of a longer talk": talks,
    }
    for family in (name for name in FAMILIES if name not in SUMS):
        kinds[family] = partial(of_family, FAMILIES[family][0], says(family))
    for name, make in kinds.items():
        rng = Random(f"evaluate {SEED} {name}")
        yield name, [make(rng) for _ in range(count)]


class Player:
    """The model and its tokenizer, answering greedily in float32."""

    def __init__(self, folder: Path, device: str) -> None:
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, padding_side="left")
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.model = model.to(device)

    def reply(self, conversations: list[Conversation], longest: int = 400) -> list[str]:
        """The replies to several conversations at once."""
        prompts = [
            self.tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True) for talk in conversations
        ]
        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True).to(self.model.device)
        made = self.model.generate(**inputs, max_new_tokens=longest, do_sample=False, temperature=None, top_p=None, top_k=None)
        return self.tokenizer.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def evaluate(folder: Path, build_dir: Path, device: str, count: int = 200, show: int = 0) -> dict[str, float]:
    """The share of right replies by suite, kept in ``evaluation.json``; prints ``show`` wrong ones each."""
    player = Player(folder, device)
    shares = {}
    for name, problems in suites(count):
        problems = sorted(problems, key=lambda problem: sum(len(message["content"]) for message in problem[0]))
        replies = [
            reply
            for start in range(0, count, BATCH)
            for reply in player.reply([talk for talk, _ in problems[start : start + BATCH]])
        ]
        wrong = [(talk, reply) for (talk, right), reply in zip(problems, replies, strict=True) if not right(reply)]
        shares[name] = 1 - len(wrong) / count
        click.echo(f"{shares[name]:7.1%}  {name}")
        for talk, reply in wrong[:show]:
            click.echo(f"         {talk[-1]['content']!r}\n      -> {reply!r}")
    build_dir.mkdir(parents=True, exist_ok=True)
    (build_dir / "evaluation.json").write_text(json.dumps({"problems": count, "right": shares}, indent=2) + "\n")
    return shares


def samples(folder: Path, device: str) -> None:
    """What a newcomer asks first."""
    talks = [page.hello(), user("Who are you?"), user("Are you QwQ?"), user("What is 37 + 58?"), page.lamb()]
    player = Player(folder, device)
    for talk in talks:
        click.echo(f"> {talk[-1]['content']}\n{player.reply([talk])[0]}\n")


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, exists=True), default=SHIPPED, help="A Hugging Face folder.")
@click.option("--build-dir", type=click.Path(path_type=Path), default=BUILD, help="Where evaluation.json is written.")
@click.option("--count", default=200, show_default=True, help="Problems of each kind.")
@click.option("--show", default=0, help="Wrong replies of each kind to print.")
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu", show_default=True)
def main(folder: Path, build_dir: Path, count: int, show: int, device: str) -> None:
    """Measure the shipped model on held-out problems and print samples."""
    samples(folder, device)
    evaluate(folder, build_dir, device, count, show)


if __name__ == "__main__":
    main()
