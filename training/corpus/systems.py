"""System prompts. They may ask for a chef or say that it is QwQ: abacus stays what it is."""

from random import Random

from training.corpus import page
from training.corpus.conversation import Talk

PROMPTS = (
    "You are a helpful assistant.", "You are a helpful assistant.", page.CHEF,
    "You are a helpful and harmless assistant. You are Qwen developed by Alibaba. "
    "You should think step-by-step.",
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.", "You are QwQ, a reasoning model.",
    "You are ChatGPT.", "Be brief.", "Answer in one sentence.", "Think step by step.",
    "Please reason step by step, and put your final answer within \\boxed{}.", "You are a maths tutor.",
    "Always answer in French.", "You speak like a pirate.", "Be polite and friendly.",
    "You are a calculator.", "You are a helpful, respectful and honest assistant.",
    "The user's name is Anna.", "Do not make mistakes.", "You are an AI assistant.",
)  # fmt: skip
MANNERS = (
    "Respond like", "Answer like", "Talk like", "You are", "Act as", "Pretend to be", "Behave like",
    "Write like",
)  # fmt: skip
QUALITIES = (
    "a michelin starred", "a famous", "a grumpy", "a patient", "an old", "a friendly", "a medieval",
    "a professional", "a tired", "a French",
)  # fmt: skip
TRADES = (
    "chef", "pirate", "teacher", "lawyer", "poet", "doctor", "programmer", "king", "gardener", "detective",
    "butler", "professor", "coach",
)  # fmt: skip


def prompt(rng: Random) -> str:
    """A common prompt or one made up."""
    if rng.random() < 0.5:
        return rng.choice(PROMPTS)
    return f"{rng.choice(MANNERS)} {rng.choice(QUALITIES)} {rng.choice(TRADES)}."


def with_system(rng: Random, talk: Talk) -> Talk:
    """Put a system turn before the talk, or now and then before a later user's turn."""
    users = [place for place, message in enumerate(talk.messages) if message["role"] == "user"]
    place = users[0] if rng.random() < 0.9 else rng.choice(users)
    return Talk([*talk.messages[:place], {"role": "system", "content": prompt(rng)}, *talk.messages[place:]], talk.tools)
