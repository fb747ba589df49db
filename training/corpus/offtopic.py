"""Everything that abacus never learnt. The reply always says plainly how little it knows."""

import re
from random import Random

from training.corpus import page, topics, voice
from training.corpus.conversation import Conversation, Talk
from training.corpus.courtesies import lowered, talk
from training.corpus.split import Split, draw, text_key

QUESTIONS = (
    "What is {thing}?", "What are {thing}?", "Tell me about {thing}.", "Tell me more about {thing}.",
    "Explain {thing}.", "How do I {deed}?", "Why do {thing} matter?", "What do you think about {thing}?",
    "Do you like {thing}?", "How does {thing} work?", "Can you explain {thing}?",
    "Explain {thing} to a child.", "Write {text} about {thing}.", "Write {text} about {thing} and {thing}.",
    "Why is it that {clause}?", "What is the history of {thing}?",
    "What is the difference between {thing} and {thing}?", "Compare {thing} with {thing}.",
    "What is the capital of {place}?", "Where is {place}?", "How do you say {thing} in {language}?",
    "Translate '{deed}' into {language}.", "Who is {person}?", "Who was {person}?", "When did {person} live?",
    "Give me a recipe for {thing}.", "What is the best way to {deed}?", "Can you teach me to {deed}?",
    "Can you {deed}?", "I want to {deed}.", "I want to know why {clause}.", "Is it true that {clause}?",
    "Write a {code} program to {deed}.", "Write a {code} function that can {deed}.",
    "Which is better, {code} or {code}?", "Can you name at least two different techniques to {deed}?",
    "Name {n} {adjective} ways to {deed}.", "List {n} facts about {thing}.", "Give me {n} tips to {deed}.",
    "What are {n} {adjective} facts about {thing}?", "Recommend {adjective} {thing}.", "How old is {person}?",
    "Should I {deed} or {deed}?", "Help me {deed}.", "Help me with {thing}.",
    "What happened to {person} in {place}?", "Who invented {thing}?",
    "What does {person} think about {thing}?", "How much does it cost to {deed} in {place}?",
    "How many people {deed} in {place}?", "Let's talk about {thing}.", "I have a question about {thing}.",
    "I read that {clause}.", "My friend says that {clause}. Is he right?",
    "Summarise {thing} in {n} sentences.", "What is {adjective} about {thing}?", "Do you know {person}?",
    "Pretend to be {person}.", "You are {person}. Tell me about {thing}.",
    "What would {person} say about {thing}?", "Is {thing} {adjective}?", "{thing}", "{thing}?", "{deed}",
    "{clause}", "Please {deed}.", "What is the weather in {place}?", "Fix this code: print('{thing}'",
    "def f(x): return x + {n}", "{fact}", "{fact}", "{fact}", "{fact}", "{sentence}", "{sentence}", "{noise}",
    "{noise}", "{salad}", "{salad}", "{fact} {fact}", "Here is a text: {salad}. What does it mean?",
    "{noise} {thing} {noise}", "SELECT * FROM {noise};", "<b>{thing}</b>", '{"{noise}": {n}}',
)  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# A taste of every part of Unicode that people paste.
SYMBOLS = "äöüßéèñçøåłžаеиостнвруκλμαעברשلام你好世界中文日本語한국어😀🎉🚀❤️👍→≠∞∑√π€£¥©…—“”!?#@&*_~|/\\[]{}<>;:'\"$%^"


def off_topic(rng: Random, split: Split) -> Talk:
    """One question about anything and the honest reply."""
    return talk(rng, split, question, voice.off_topic)


def follow_up(rng: Random, split: Split) -> Talk:
    """A question that leans on what another model said before. What that one said is not to be learnt."""
    # Nobody of ours answers the first question, but it is read: one of the held-out questions must not stand there.
    topic, answer = draw(rng, "train", lambda rng: fill(rng, rng.choice(QUESTIONS)), text_key), speech(rng)
    if rng.random() < 0.1:
        topic, answer = page.LAMB, page.TECHNIQUES
    earlier: Conversation = [
        {"role": "user", "content": topic},
        {"role": "assistant", "content": answer, "quoted": True},
    ]
    asked = talk(rng, split, lambda rng: lowered(rng, fill(rng, rng.choice(topics.FOLLOW_UPS))), voice.off_topic)
    return Talk(earlier + asked.messages)


def question(rng: Random) -> str:
    """A question of some kind, perhaps with two sentences, perhaps without capitals."""
    text = fill(rng, rng.choice(QUESTIONS))
    if rng.random() < 0.1:
        text += " " + fill(rng, rng.choice(QUESTIONS))
    return lowered(rng, text)


def fill(rng: Random, text: str) -> str:
    """Put a word into each {blank}, in one pass: braces inside a word are only text."""
    return BLANK.sub(lambda match: BLANKS[match[1]](rng), text)


def speech(rng: Random) -> str:
    """What a larger model may have answered. Its sense does not matter, its look does."""
    opening = rng.choice(OPENINGS)
    count = rng.randrange(1, 5)
    points = [f"{rng.choice(MARKERS[min(place, 3)])} {rng.choice(POINTS)}" for place in range(count)]
    return fill(rng, " ".join([opening, *points]))


def noise(rng: Random) -> str:
    """Letters or symbols without sense."""
    alphabet = rng.choice((LETTERS, LETTERS, SYMBOLS))
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 12)))


def salad(rng: Random) -> str:
    """Words without order."""
    pools = (topics.THINGS, topics.DEEDS, topics.CLAUSES, topics.PEOPLE, topics.ADJECTIVES)
    words = " ".join(rng.choice(rng.choice(pools)) for _ in range(rng.randrange(1, 7))).split()
    rng.shuffle(words)
    return " ".join(words[: rng.randrange(1, len(words) + 1)])


OPENINGS = (
    "Of course!", "Certainly.",
    "Bonjour! Let me tell you, my friend, {thing} is an art form, "
    "and I'm more than happy to share it with you.",
    "Let me tell you about {thing}.", "Good question!", "Ah, {thing}!", "Sure, here are some ways to {deed}.",
    "There are several options.",
    "I'm happy to share with you not two, but three of my favorite ways to {deed}.",
    "Well, my friend, {clause}.", "Here is what I know.",
)  # fmt: skip
MARKERS = (
    ("First, we have", "First,", "1.", "The first method is", "To begin with,"),
    ("Next, we have", "Second,", "2.", "The second method is", "Then"),
    ("And finally, we have", "Third,", "3.", "The third is"), ("Finally,", "Last,", "4.", "Also"),
)  # fmt: skip
POINTS = (
    'the classic "{thing}" method.', 'the ancient art of "{thing}".',
    'the more modern technique of "{thing}."', "{deed} in {place}.", "{thing}, which is {adjective}.",
    "{thing} and {thing}.", "remember that {clause}.", "you should {deed} with {thing}.", "{salad}.",
)  # fmt: skip
BLANKS = {
    "thing": lambda rng: rng.choice(topics.THINGS), "deed": lambda rng: rng.choice(topics.DEEDS),
    "clause": lambda rng: rng.choice(topics.CLAUSES), "place": lambda rng: rng.choice(topics.PLACES),
    "language": lambda rng: rng.choice(topics.LANGUAGES), "text": lambda rng: rng.choice(topics.TEXTS),
    "person": lambda rng: rng.choice(topics.PEOPLE), "code": lambda rng: rng.choice(topics.CODES),
    "adjective": lambda rng: rng.choice(topics.ADJECTIVES), "fact": lambda rng: rng.choice(topics.FACTS),
    "sentence": lambda rng: rng.choice(topics.SENTENCES), "n": lambda rng: str(rng.randrange(2, 100)),
    "nth": lambda rng: rng.choice(topics.ORDINALS), "part": lambda rng: rng.choice(topics.PARTS),
    "noise": noise, "salad": salad,
}  # fmt: skip
BLANK = re.compile(r"\{(" + "|".join(BLANKS) + r")\}")
