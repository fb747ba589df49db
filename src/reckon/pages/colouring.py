"""Source text as HTML whose parts have classes, for the style sheet to colour. Pygments escapes what it is given."""

from functools import lru_cache

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name


@lru_cache(maxsize=256)
def coloured(text: str, language: str) -> Markup:
    """``language`` is one of pygments' short names."""
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    return Markup(highlight(text, lexer, HtmlFormatter(nowrap=True, classprefix="c-")))
