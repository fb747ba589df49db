"""How many of a letter are in a word: the word is spelt aloud and the letter counted as it comes."""

from random import Random

from training.corpus.calculation import final
from training.corpus.conversation import Talk, exchange
from training.corpus.phrasing import decorate
from training.corpus.pieces import BEGINNINGS, INSIDE
from training.corpus.split import Split, draw, split_of, word_key
from training.corpus.words import WORDS

QUESTIONS = (
    "How many {c}'s are in {w}?", "How many {c}'s are there in {w}?", "How many {c}s are in {w}?",
    "How many times does {c} appear in {w}?", "How many letters {c} are in the word {w}?",
    "How many times is the letter {c} in {w}?", "Count the {c}'s in {w}.", "Count the letter {c} in {w}.",
    "How often does the letter {c} occur in {w}?", "How many {c}'s does {w} have?",
    "How many of the letter {c} are in the word {w}?",
)  # fmt: skip
ALL = (
    "How many letters are in {w}?", "How many letters does {w} have?", "Count the letters in {w}.",
    "How many letters are in the word {w}?", "How long is the word {w}?",
)  # fmt: skip
ONSETS = "b c d f g h j k l m n p r s t v w z ch sh th st tr pr br cl gr pl sp str qu".split()  # noqa: SIM905
VOWELS = "a e i o u a e i o u ee oo ea ou ai y io".split()  # noqa: SIM905
CODAS = " n r s t l d m ck ng st nt ll ss ry x mp ble".split(" ")  # noqa: SIM905
ENDINGS = "s ed er ing ly ness ful less able ment y es".split()  # noqa: SIM905
REAL, JOINED = 0.3, 0.55


def letters(rng: Random, split: Split) -> Talk:
    """A letter of a word, or all of them. Held-out words are real ones."""
    word = draw(rng, split, any_word if split == "train" else real_word, word_key)
    quoted = rng.choice(("{}", '"{}"', '"{}"', "'{}'")).format(word)
    if split == "train" and word.startswith(BEGINNINGS) and rng.random() < 0.5:
        quoted = word
    if rng.random() < 0.2:
        return exchange(decorate(rng, rng.choice(ALL).replace("{w}", quoted)), spelt(word, None))
    letter = rng.choice(word) if rng.random() < 0.85 else rng.choice("abcdefghijklmnopqrstuvwxyz")
    question = rng.choice(QUESTIONS).replace("{w}", quoted).replace("{c}", letter)
    return exchange(decorate(rng, question), spelt(word, letter))


def any_word(rng: Random) -> str:
    """A word, parts of two, or what sounds like one: only variety teaches how every piece of a word is spelt."""
    kind = rng.random()
    if kind < REAL:
        return real_word(rng)
    if kind < REAL + JOINED:
        return joined(rng)
    count = rng.choice((1, 2, 2, 3, 3, 4))
    return "".join(
        rng.choice(ONSETS) + rng.choice(VOWELS) + (rng.choice(CODAS) if rng.random() < 0.5 else "") for _ in range(count)
    )


def joined(rng: Random) -> str:
    """A word with an ending, the front of one and the back of another, or either with a piece that few words hold.

    Some words are one token. How such a token is spelt can only be learnt where it stands in other words. Of the words that
    are held out only parts are taken, and those that are such a piece.
    """
    front, back, ending, kind = real_word(rng), real_word(rng), rng.choice(ENDINGS), rng.random()
    if kind < 0.25 and split_of(word_key(front)) == "train":
        return front + ending
    if kind < 0.5:
        return rng.choice(BEGINNINGS) + rng.choice((ending, back[(len(back) + 1) // 2 :]))
    if kind < 0.6:
        return rng.choice(INSIDE) + ending
    if kind < 0.75:
        return part(rng, front) + rng.choice(INSIDE)
    return part(rng, front) + back[rng.randrange(1, len(back)) :]


def part(rng: Random, word: str) -> str:
    """The front of a word, not all of it."""
    return word[: rng.randrange(1, len(word))]


def real_word(rng: Random) -> str:
    """A word of English."""
    return rng.choice(WORDS)


def spelt(word: str, letter: str | None) -> str:
    """The letters one by one, each that counts with its number."""
    count, parts = 0, []
    for character in word:
        counts = letter is None or character == letter
        count += counts
        parts.append(f"{character} {count}" if counts else character)
    task = "it" if letter is None else f"it and count {letter}"
    return f"I spell {task}: {', '.join(parts)}.\nThat makes {count}.\n{final(count)}"
