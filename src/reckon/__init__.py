"""reckon: an inference cloud in a box that can be checked."""

__version__ = "0.1.0"
