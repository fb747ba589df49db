"""The ways a problem is asked for. Cores name ``{a}`` and ``{b}`` in the order of the operation."""

from random import Random

ADD_EXPRESSIONS = ("{a} + {b}", "{a} + {b}", "{a}+{b}", "{a}+{b}", "{a} plus {b}", "{a} +{b}")
ADD_REQUESTS = (
    "Add {a} and {b}", "Add {a} to {b}", "Add up {a} and {b}", "Sum {a} and {b}",
    "What is the sum of {a} and {b}?", "What do you get if you add {a} and {b}?",
    "If I add {a} to {b}, what do I get?", "What is {a} added to {b}?", "Find the sum of {a} and {b}.",
    "What do {a} and {b} make?", "What do {a} and {b} make together?", "Give me the total of {a} and {b}.",
    "What is the total of {a} and {b}?", "{a} and {b} together, how much is that?",
)  # fmt: skip
SUBTRACT_EXPRESSIONS = ("{a} - {b}", "{a} - {b}", "{a}-{b}", "{a}-{b}", "{a} minus {b}", "{a} − {b}")
SUBTRACT_REQUESTS = (
    "Subtract {b} from {a}", "Take {b} from {a}", "Take {b} away from {a}", "What is {a} take away {b}?",
    "What do you get if you subtract {b} from {a}?", "What is {b} less than {a}?",
    "What is the difference between {a} and {b}?", "How much is {a} less {b}?", "If I take {b} from {a}, what is left?",
    "What is left of {a} after taking away {b}?", "{a} take away {b}",
)  # fmt: skip
QUESTIONS = (
    "{e}", "{e}", "{e}?", "{e} =", "{e}=", "{e} = ?", "{e}=?", "{e} is", "What is {e}?", "What is {e}?",
    "What's {e}?", "How much is {e}?", "How much is {e}?", "Can you work out {e}?",
    "Could you calculate {e}?", "Can you compute {e}?", "Can you tell me what {e} is?",
    "Do you know what {e} is?", "Work out {e}.", "Calculate {e}", "Compute {e}.", "Solve {e}", "Evaluate {e}",
    "Tell me {e}.", "What does {e} equal?", "What does {e} make?", "What does {e} give?",
    "What is the answer to {e}?", "What is the result of {e}?", "I would like to know {e}.", "I need {e}.",
    "Find {e}.", "Can you do {e}?", "Could you help me with {e}?", "Let's try {e}.", "How about {e}?",
    "What about {e}?",
)  # fmt: skip
OPENINGS = (
    "Hi! ", "Hello! ", "Hello, ", "Hey, ", "Please: ", "Quick question: ", "Okay, ", "Now ", "And ", "Next: ",
    "Thanks! ", "Great. ", "Good. ", "Question: ", "Then ", "So, ", "I have a question. ", "A sum for you: ",
    "Good morning! ",
)  # fmt: skip
ENDINGS = (
    " Thanks!", " Thank you.", " Please.", " Think step by step.", " Show your work.",
    " Let's think step by step.", " Please reason step by step, and put your final answer within \\boxed{}.",
    " Explain how you do it.", " Be careful.",
)  # fmt: skip
THINGS = (
    "apples", "books", "coins", "marbles", "pens", "cards", "stamps", "eggs", "sheep", "stones", "tickets",
    "oranges", "cookies", "pencils", "balloons", "flowers", "shells", "toys", "bottles", "chairs", "candles", "plums",
)  # fmt: skip
NAMES = (
    "Anna", "Ben", "Carla", "David", "Emma", "Li", "Maria", "Noah", "Omar", "Priya", "Sam", "Yuki", "Alice", "Bob",
    "Chloe", "Daniel", "Eva", "Felix", "Grace", "Hugo", "Ines", "Jack", "Karim", "Lena", "Marco", "Nina", "Oscar",
    "Paula", "Quinn", "Rosa", "Stefan", "Tara", "Uma", "Victor", "Wendy", "Xavier", "Yara", "Zoe", "Ahmed", "Bella",
    "Carlos", "Diana", "Elias", "Fatima", "George", "Hana", "Igor", "Julia", "Kevin", "Lucy", "Mia", "Nadia", "Oliver",
    "Peter", "Ravi", "Sofia", "Tom", "Ursula", "Vera", "Walter", "Aisha", "Boris", "Clara", "Dmitri", "Ella", "Frank",
    "Greta", "Henry", "Irene", "Jonas", "Kate", "Leo", "Martha", "Nora", "Paul", "Rita", "Simon", "Tina", "Wei", "Zara",
)  # fmt: skip


def ask(rng: Random, expressions: tuple[str, ...], requests: tuple[str, ...], a: int, b: int) -> str:
    """A user's turn: an expression inside a question or a whole request, sometimes dressed in politeness."""
    inside = rng.random() < 0.65
    core = rng.choice(QUESTIONS).replace("{e}", rng.choice(expressions)) if inside else rng.choice(requests)
    core = core.replace("{a}", str(a)).replace("{b}", str(b))
    return dress(rng, core)


def dress(rng: Random, core: str) -> str:
    """Decorated; people also write without capitals, or with nothing else."""
    core = decorate(rng, core)
    roll = rng.random()
    if roll < 0.2:
        return core.lower() if "\\boxed" not in core else core
    return core.upper() if roll < 0.21 else core


def decorate(rng: Random, core: str) -> str:
    """Put an opening before it or an ending after it now and then."""
    if rng.random() < 0.12:
        opening = rng.choice(OPENINGS)
        core = opening + (core if opening.endswith(("! ", ". ")) else core[:1].lower() + core[1:])
    if rng.random() < 0.12:
        core += "." if core[-1].isalnum() else ""
        core += rng.choice(ENDINGS)
    return core
