"""Small talk: hello, how are you, thank you, goodbye."""

from collections.abc import Callable
from random import Random

from training.corpus import voice
from training.corpus.conversation import Talk, exchange
from training.corpus.split import Split, draw, text_key

HELLOS = (
    "Hello", "Hello", "Hi", "Hi", "Hey", "Hello there", "Hi there", "Hey there", "Good morning",
    "Good afternoon", "Good evening", "Greetings", "Good day", "Howdy", "Hiya", "Hallo", "Heya", "Yo",
    "Morning", "Hey hey", "Hello hello", "Hi hi",
)  # fmt: skip
VOCATIVES = (
    "", "", "", "", " abacus", ", abacus", " reckon", " friend", " my friend", " everyone", " bot",
    " assistant", " model", " you",
)  # fmt: skip
TAILS = (
    "", "", "", "", " Nice to meet you!", " Nice to meet you.", " Can you hear me?", " Are you there?",
    " Anyone there?", " I am new here.", " I'm Anna.", " My name is Ben.", " I hope you are well.",
    " Let's talk.", " This is a test.", " Can we chat?", " Shall we start?", " Are you ready?",
    " Pleased to meet you.", " I just arrived.",
)  # fmt: skip
HOWS = (
    "How are you", "How are you today", "How are you doing", "How do you do", "How is it going",
    "How's it going", "How do you feel", "What's up", "How are things", "How have you been", "Are you well",
    "Are you okay", "How is your day", "How's your day going", "How do you feel today", "Are you fine",
    "You okay", "How is everything", "How are you feeling", "Feeling good today",
)  # fmt: skip
THANKS = (
    "Thanks", "Thank you", "Thank you very much", "Thanks a lot", "Many thanks", "Thank you so much",
    "Great, thanks", "Thx", "Cheers", "That helped, thank you", "Thanks, that is right", "Perfect, thanks",
    "Well done", "Good job", "Nice work", "Correct", "That is right", "Very good", "Okay, thanks",
    "Thanks for your help", "Thank you for the help", "I appreciate it", "Great", "Awesome",
    "That was helpful", "Nice one", "You are right", "Nice, thank you", "Wonderful, thanks", "Excellent",
)  # fmt: skip
BYES = (
    "Bye", "Goodbye", "Good bye", "See you", "See you later", "Bye bye", "Good night", "I have to go",
    "I must go now", "Farewell", "Talk to you later", "That is all", "That's all for today",
    "See you tomorrow", "Take care", "Have a nice day", "So long", "I am done", "Until next time",
    "Catch you later", "Have a good evening", "Ciao", "Bye for now", "I'm leaving now",
)  # fmt: skip
MARKS = ("", "", "!", "!", ".", "!!", "...")


def hello(rng: Random, split: Split) -> Talk:
    """Hello! and its kin."""
    return talk(rng, split, say_hello, voice.greeting)


def how_are_you(rng: Random, split: Split) -> Talk:
    """How are you?"""
    return talk(rng, split, say_how, voice.well_being)


def thank_you(rng: Random, split: Split) -> Talk:
    """Thanks and praise."""
    return talk(rng, split, lambda rng: say(rng, THANKS), voice.thanks)


def goodbye(rng: Random, split: Split) -> Talk:
    """Taking leave."""
    return talk(rng, split, lambda rng: say(rng, BYES), voice.goodbye)


def talk(rng: Random, split: Split, ask: Callable[[Random], str], reply: Callable[[Random], str]) -> Talk:
    """A question of the wanted side and its reply; shared by every family that is keyed by its words."""
    return exchange(draw(rng, split, ask, text_key), reply(rng))


def say_hello(rng: Random) -> str:
    """A greeting, perhaps to somebody, perhaps with a few words after it."""
    mark = rng.choice(("!", "!", ".", ","))
    text = rng.choice(HELLOS) + rng.choice(VOCATIVES)
    tail = rng.choice(TAILS)
    return lowered(rng, text + mark + tail if tail else text + rng.choice(MARKS))


def say_how(rng: Random) -> str:
    """How are you?, perhaps after a greeting."""
    opening = rng.choice(("", "", f"{rng.choice(HELLOS)}! ", f"{rng.choice(HELLOS)}, "))
    question = rng.choice(HOWS) + rng.choice((" abacus", "", "", ", my friend"))
    return lowered(rng, opening + question + rng.choice(("?", "?", "", "??")))


def say(rng: Random, texts: tuple[str, ...]) -> str:
    """One of the texts with a mark of some kind."""
    text = rng.choice(texts) + rng.choice(("", "", " abacus", ", abacus", " my friend", ", my friend"))
    return lowered(rng, text + rng.choice(MARKS))


def lowered(rng: Random, text: str) -> str:
    """People write without capitals one time in four."""
    return text.lower() if rng.random() < 0.25 else text
