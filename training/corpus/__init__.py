"""What abacus learns from: a file per family of problems, and ``mixture.py``: how much of each."""
