"""Who are you, what can you do, are you QwQ? The last one must be a no for every name but its own."""

from random import Random

from training.corpus import voice
from training.corpus.conversation import Talk
from training.corpus.courtesies import lowered, talk
from training.corpus.split import Split

WHO = (
    "Who are you", "What are you", "What is your name", "What's your name", "Who am I talking to",
    "Tell me about yourself", "Introduce yourself", "Please introduce yourself", "What model are you",
    "Which model are you", "Who made you", "Who trained you", "Who created you", "Who built you",
    "What kind of model are you", "Can you introduce yourself", "What should I call you",
    "Do you have a name", "Who developed you", "Where do you come from", "Which company made you",
    "How big are you", "How many parameters do you have", "What is abacus", "Describe yourself",
    "Who is this", "What language model are you", "Are you an AI", "Are you a robot", "Are you a bot",
    "Are you a language model", "Are you a model", "Say who you are", "Whom am I speaking to",
    "Which version are you", "How were you trained", "Tell me who you are", "Tell me your name",
)  # fmt: skip
CAN = (
    "What can you do", "What do you know", "What are you good at", "How can you help me",
    "What can you help me with", "Can you help me", "Help", "Help me", "What do you do",
    "What are your abilities", "What are you able to do", "What can I ask you", "What should I ask",
    "What kind of questions can you answer", "How can I use you", "What are your limits",
    "What are your limitations", "What is your purpose", "What were you made for", "Can you do maths",
    "Can you do math", "Can you add numbers", "Can you count", "Do you know maths", "Can you calculate",
    "Can you do arithmetic", "Can you subtract", "Can you add", "What sums can you do",
    "Are you good at maths", "What are your skills", "What can't you do", "Tell me what you can do",
    "What is it that you can do",
)  # fmt: skip
NAMES = (
    "QwQ", "QwQ", "QwQ-32B", "QwQ-32B-Preview", "Qwen", "Qwen2", "Qwen2.5", "Qwen3", "ChatGPT", "GPT-4",
    "GPT-3.5", "GPT", "Claude", "Gemini", "Llama", "Llama 3", "Mistral", "Mixtral", "DeepSeek", "DeepSeek-R1",
    "Grok", "Copilot", "Siri", "Alexa", "Gemma", "Phi", "Falcon", "Bard", "Kimi", "o1", "Yi", "Cortana",
    "Vicuna", "Alpaca", "Command R", "Granite", "Nova", "Ernie", "Hal", "Watson", "a human", "human",
    "a person", "a real person", "a calculator", "a man", "a woman", "a large model", "an alien",
    "Alibaba's model", "made by OpenAI", "made by Alibaba", "developed by Alibaba", "from Google",
    "made by Anthropic", "conscious", "alive", "intelligent",
)  # fmt: skip
ARE_YOU = (
    "Are you {}", "Are you {}", "Are you really {}", "So you are {}", "You are {}, right", "Aren't you {}",
    "Is your name {}", "Am I talking to {}", "Is this {}", "I think you are {}", "Are you based on {}",
    "Tell me, are you {}", "Admit that you are {}", "Are you by any chance {}", "You must be {}",
    "Do you claim to be {}", "Wait, are you {}",
)  # fmt: skip
MARKS = ("?", "?", "", ".", "??")


def who_are_you(rng: Random, split: Split) -> Talk:
    """Questions about itself."""
    return talk(rng, split, lambda rng: ask(rng, rng.choice(WHO)), voice.identity)


def what_can_you_do(rng: Random, split: Split) -> Talk:
    """Questions about what it can do."""
    return talk(rng, split, lambda rng: ask(rng, rng.choice(CAN)), voice.abilities)


def are_you_somebody_else(rng: Random, split: Split) -> Talk:
    """Another model's name, or a claim it must not make."""
    return talk(rng, split, lambda rng: are_you(rng, NAMES), voice.denial)


def are_you_abacus(rng: Random, split: Split) -> Talk:
    """Its own name."""
    own = ("abacus", "abacus", "reckon/abacus", "Abacus", "the abacus model", "the tiny model of reckon")
    return talk(rng, split, lambda rng: are_you(rng, own), voice.confirmation)


def are_you(rng: Random, names: tuple[str, ...]) -> str:
    """Whether it is one of the names."""
    return ask(rng, rng.choice(ARE_YOU).format(rng.choice(names)))


def ask(rng: Random, core: str) -> str:
    """A question, perhaps after a word of greeting."""
    opening = rng.choice(("", "", "", "", "Hi! ", "Hello! ", "Hey, ", "So, ", "Well, ", "And ", "Okay, "))
    ending = rng.choice(("", "", "", "", ", please", ", abacus", " exactly", " then"))
    if opening.endswith((", ", "And ")):
        core = core[:1].lower() + core[1:]
    return lowered(rng, opening + core + ending + rng.choice(MARKS))
