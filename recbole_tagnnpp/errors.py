"""The one exception that reaches the user as a single line, and others as one."""

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """Input that the user can mend: a file, a key, an argument, a checkpoint.

    The message is one line that says what is wrong, where (file and line, or key and value) and what is
    allowed.  Commands print it as ``error: <message>`` and exit with status 2; anything else that escapes
    a command is a bug and keeps its traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def suggestion(word: str, known: Sequence[str], shown: Iterable[str] | None = None) -> str:
    """What a message about an unknown word ends with: the known one that is near, or else all of them.

    Args:
        word: as the user wrote it.
        known: words that may be meant.
        shown: words to list where none is near, default ``known``.
    """
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known if shown is None else shown)}"


def describe_problem(problem: BaseException) -> str:
    """One line about any exception, for a list of what failed."""
    text = " ".join(str(problem).split())[:300]
    return text if isinstance(problem, UserError) and text else f"{type(problem).__name__}: {text}".rstrip(": ")


def lacks_memory(problem: BaseException) -> bool:
    """Whether an allocation was refused, of main memory or of a GPU's."""
    # torch has an exception of its own for a GPU that is full, but a plain RuntimeError for main memory
    is_refused = isinstance(problem, RuntimeError) and "DefaultCPUAllocator" in str(problem)
    return is_refused or isinstance(problem, MemoryError) or type(problem).__name__ == "OutOfMemoryError"


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8; what a terminal of another encoding hands over cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
