"""The one exception that reaches the user as a single line."""


class UserError(Exception):
    """Input that the user can mend: a file, a key, an argument, a checkpoint.

    The message is one line that says what is wrong, where (file and line, or key and value) and what is
    allowed.  Commands print it as ``error: <message>`` and exit with status 2; anything else that escapes
    a command is a bug and keeps its traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
