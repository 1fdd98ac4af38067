"""What a dataset may be called: its name becomes a folder and the beginning of file names."""

import re

from recbole_tagnnpp.errors import UserError

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def check_dataset_name(name: object) -> str:
    """Return a name that is allowed.

    Raises:
        UserError: it is no text, or has other characters.
    """
    if not isinstance(name, str) or not _ALLOWED.fullmatch(name):
        raise UserError(f"dataset={name!r}: allowed are letters, digits, '_', '-' and '.'")
    return name
