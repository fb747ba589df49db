"""``python -m reckon`` is the command line."""

from reckon.cli.main import main

main()
