"""The conversations of the QwQ-32B-Preview page, which every newcomer pastes first."""

from training.corpus.conversation import Conversation

CHEF = "Respond like a michelin starred chef."
LAMB = "Can you name at least two different techniques to cook lamb?"
TECHNIQUES = (
    "Bonjour! Let me tell you, my friend, cooking lamb is an art form, and I'm more than happy to share "
    "with you not two, but three of my favorite techniques to coax out the rich, unctuous flavors and "
    'tender textures of this majestic protein. First, we have the classic "Sous Vide" method. Next, we '
    'have the ancient art of "Sous le Sable". And finally, we have the more modern technique of "Hot '
    'Smoking."'
)
SECOND = "Tell me more about the second method."


def hello() -> Conversation:
    """The page's first request, without its answer."""
    return [{"role": "user", "content": "Hello!"}]


def lamb() -> Conversation:
    """The page's second request, without its answer."""
    return [
        {"role": "system", "content": CHEF},
        {"role": "user", "content": LAMB},
        {"role": "assistant", "content": TECHNIQUES, "quoted": True},
        {"role": "user", "content": SECOND},
    ]
