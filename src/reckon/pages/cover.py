"""A model's cover picture, drawn from its card: a soroban that reads the number of its parameters, in colours of its name.

The same card always gives the same bytes. Knows no HTTP.
"""

import hashlib

from reckon.catalog.card import Card

WIDTH, HEIGHT = 400, 250
COLUMNS = 11
"""The digits of a model of tens of billions of parameters."""
LEFT, TOP, RIGHT, BOTTOM = 34, 36, 366, 214
BEAM = 92
BEAD_HEIGHT = 15
BEAD_GAP = 1.5


def cover(card: Card) -> str:
    """SVG of 400 by 250."""
    name = hashlib.sha256(card.id.encode()).digest()
    hue = name[0] * 360 // 256
    number = card.parameters or int.from_bytes(name[:6]) % 10**COLUMNS
    digits = f"{number:0{COLUMNS}d}"
    step = (RIGHT - LEFT) / len(digits)
    columns = [_column(int(digit), LEFT + step * (place + 0.5), step) for place, digit in enumerate(digits)]
    used = len(digits) - len(str(number))
    marks = [_mark(LEFT + step * (place + 0.5)) for place in range(len(digits)) if (len(digits) - 1 - place) % 3 == 0]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f"{_definitions(hue, name[1] % 50 + 20)}"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#ground)"/>'
        f'<circle cx="{60 + name[2]}" cy="30" r="210" fill="url(#light)"/>'
        f'<g opacity="0.45">{"".join(columns[:used])}</g>{"".join(columns[used:])}'
        f'<g fill="none" stroke="hsl({hue} 40% 88%)" stroke-linecap="round">'
        f'<rect x="{LEFT - 8}" y="{TOP - 10}" width="{RIGHT - LEFT + 16}" height="{BOTTOM - TOP + 20}" rx="12"'
        ' stroke-width="5"/>'
        f'<path d="M{LEFT - 6} {BEAM}H{RIGHT + 6}" stroke-width="5"/></g>{"".join(marks)}</svg>'
    )


def _definitions(hue: int, turn: int) -> str:
    return (
        '<defs><linearGradient id="ground" x1="0" y1="0" x2="1" y2="1">'
        f'<stop stop-color="hsl({hue} 48% 30%)"/><stop offset="1" stop-color="hsl({(hue + turn) % 360} 58% 17%)"/>'
        "</linearGradient>"
        f'<radialGradient id="light"><stop stop-color="hsl({(hue + 330) % 360} 70% 70%)" stop-opacity="0.5"/>'
        f'<stop offset="1" stop-color="hsl({hue} 70% 60%)" stop-opacity="0"/></radialGradient>'
        '<linearGradient id="bead" x1="0" y1="0" x2="0" y2="1">'
        f'<stop stop-color="hsl({(hue + 32) % 360} 90% 86%)"/><stop offset="1" stop-color="hsl({(hue + 18) % 360} 62% 58%)"/>'
        "</linearGradient></defs>"
    )


def _column(digit: int, x: float, step: float) -> str:
    """A rod with one bead of five above the beam and four of one below; those that count touch the beam."""
    pitch = BEAD_HEIGHT + BEAD_GAP
    upper = BEAM - 3 - pitch if digit >= 5 else TOP - 6
    ones = digit % 5
    lower = [BEAM + 4 + pitch * bead if bead < ones else BOTTOM + 7 - pitch * (4 - bead) for bead in range(4)]
    rod = f'<path d="M{x:.1f} {TOP - 8}V{BOTTOM + 8}" stroke="#fff" stroke-opacity="0.35" stroke-width="2"/>'
    return rod + "".join(_bead(x, y, step) for y in (upper, *lower))


def _bead(x: float, y: float, step: float) -> str:
    half, waist = step * 0.46, step * 0.2
    return (
        f'<path d="M{x - half:.1f} {y + BEAD_HEIGHT / 2:.1f}L{x - waist:.1f} {y:.1f}H{x + waist:.1f}L{x + half:.1f}'
        f' {y + BEAD_HEIGHT / 2:.1f}L{x + waist:.1f} {y + BEAD_HEIGHT:.1f}H{x - waist:.1f}Z" fill="url(#bead)"'
        ' stroke="url(#bead)" stroke-width="1.5" stroke-linejoin="round"/>'
    )


def _mark(x: float) -> str:
    """A dot on the beam: here a group of three digits ends."""
    return f'<circle cx="{x:.1f}" cy="{BEAM}" r="1.8" fill="#222"/>'
