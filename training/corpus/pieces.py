"""What the shipped tokenizer keeps whole and few words hold: how such a token is spelt has to be shown on purpose.

Of the tokens that the words of ``words.py`` are cut into, those that came up in fewer than one word in 250 when words and
joined ones were drawn evenly. Some are words that are held out: these are never asked for themselves in training, but a
token's letters can be learnt only where it is spelt, and so it stands in longer words.
"""

BEGINNINGS = tuple(
    """
    about add af all am an answer any anything arguments as ask asked assistant away between beyond both but by call
    called can cannot carry check comes compare count digit digits does each el else equ far fin first fits fr from
    function functions get group gu has have help here into is it key know larg largest learn learnt left length let
    lett like long longest look ma made make makes many min minus mod model more mu much multiply name need no nothing
    number numbers object of on only or order other out provided put qu read reason rem res result return right round
    see shor sig small so sol some something spe start step strawberry subtract such sum sums tags take te than that the
    them then there this times tra trained user ver very wait we what which whole with within word work your zero
    """.split()  # noqa: SIM905
)
"""One token each after a space."""
INSIDE = tuple(
    """
    ags ait ake ample answer arameters arch are arg arguments ason assistant ather atus ave aw awberry ba bac berry bout
    box boxed btract desc description duct econd ell ello elp ength ere ero ery esc ese eturn from ft function get hat
    hich hone how ich ides ient igit ined ink integer irst ital ite kay kes light loc mall mperature name nat not now
    numb number object ock ole ond ook parameters pare perties ply ponse properties put qui required response result rip
    ription rite rom sk start status ste stem step steps string system teger test text ties tool tools tract type ult
    ulti ultiply unc ure ures urn user utes value vided ween what where xt yond ys
    """.split()  # noqa: SIM905
)
"""One token each after anything else: a quotation mark, or the beginning of a word."""
