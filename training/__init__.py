"""How reckon/abacus, the small model in the package, is made: README.md. Nothing here is served."""
