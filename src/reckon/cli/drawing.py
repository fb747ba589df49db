"""Whether a picture can be drawn, which is asked before anything is measured. ``bench/plot.py`` draws, and needs matplotlib."""

from pathlib import Path
from types import ModuleType

from reckon.errors import BadSetting


def drawing(plot: Path) -> ModuleType:
    """``bench/plot.py``. Raises BadSetting for another kind of file, and where matplotlib is missing."""
    if plot.suffix != ".png":
        raise BadSetting(f"plot must end in .png, not {str(plot)!r}")
    try:
        from reckon.bench import plot as module
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise BadSetting("--plot needs matplotlib: install reckon with the extra 'plots'") from None
    return module
