"""One file per command of ``python -m recbole_tagnnpp``: its help text and its function."""
