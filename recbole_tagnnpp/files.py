"""Writing files and folders so that a reader never sees half of one."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from recbole_tagnnpp.errors import UserError


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = "w") -> Iterator[IO]:
    """Open a temporary file beside ``path``; on a clean exit flush it to disk and move it into place.

    Args:
        path: final file; its folder is made if it is missing.  A link stays one: the file that it names is replaced.
        mode: ``"w"`` (UTF-8 text, ``\\n`` line ends) or ``"wb"``.

    Raises:
        OSError: the file cannot be written (the old content of ``path`` stays as it was).
        UserError: a folder, a device or a pipe is there.
    """
    check_file_name(path)
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        handle = tempfile.NamedTemporaryFile(mode, dir=path.parent, prefix=f".{path.name}.", delete=False, **text)  # type: ignore[call-overload]  # noqa: SIM115
    except OSError as problem:
        problem.filename = str(path)  # what the user has named
        raise
    try:
        with handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(handle.name, 0o666 & ~umask)
        os.replace(handle.name, path)
    except BaseException as problem:
        if isinstance(problem, OSError) and problem.filename is None:
            problem.filename = str(path)  # a full disk names no file
        with contextlib.suppress(FileNotFoundError):
            os.unlink(handle.name)
        raise


def read_json(path: Path) -> Any:
    """What a JSON file says.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem


def check_file_name(path: Path) -> None:
    """Ask whether a file can be put there, or put in the place of one.

    Raises:
        UserError: a folder, a device or a pipe is there.
    """
    is_open_file = str(path.absolute().parent) in ("/dev", "/dev/fd", "/proc/self/fd")  # /dev/stdout may lead to a file
    if path.exists() and (is_open_file or not path.is_file()):
        raise UserError(f"{path}: is {'a folder' if path.is_dir() else 'no regular file'}; allowed is the name of a file")


@contextlib.contextmanager
def atomic_folder(path: Path, last: str) -> Iterator[Path]:
    """Give a temporary folder in ``path``; on a clean exit its files are moved into ``path``.

    Files already in ``path`` that the new ones do not replace (a raw source, say) are kept, and if the body fails, all
    of them.  The temporary folder always has the same name, so that whoever comes next clears away what a killed process
    has left; the caller sees to it that there is one at a time.

    Args:
        path: the folder, made if it is missing; perhaps a link to another disk, across which files cannot be moved.
        last: name of the file that readers look for first: the old one goes before any file is moved, and the new one is
            moved when all others are in place.
    """
    temporary = path / ".unfinished"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        (path / last).unlink(missing_ok=True)  # while old and new files are mixed
        for file in sorted(temporary.iterdir(), key=lambda file: (file.name == last, file.name)):
            os.replace(file, path / file.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def user_path(text: str) -> Path:
    """A path as a user writes it: ``~`` is the home folder, which shells leave to us behind an equals sign."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~name of somebody unknown
        return Path(text)


def check_folder(folder: Path, key: str) -> None:
    """Ask whether results can go to a folder, or one can be made for them, before the work that makes them.

    Raises:
        UserError: they cannot; names the key that it comes from.
    """
    place = folder.absolute()
    try:
        nearest = next(known for known in (place, *place.parents) if known.exists())
        problem = f"{nearest} is no folder"
        if nearest.is_dir():
            with tempfile.TemporaryDirectory(dir=nearest, prefix=".try-"):  # permissions do not tell of /proc, for one
                return
    except OSError as refused:
        problem = str(refused.strerror)
    raise UserError(f"{key}={folder}: files cannot be written there ({problem}); allowed is a writable folder")


@contextlib.contextmanager
def alone_in(folder: Path, what: str, is_private: bool = False) -> Iterator[None]:
    """Hold a folder's lock, so that the same work is not done twice at once.

    The lock belongs to the process and goes with it, however it ends.

    Args:
        folder: made if it is missing.
        what: what another process that holds the lock does, for the message.
        is_private: nobody but its owner may read the folder.

    Raises:
        UserError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if is_private:
        folder.chmod(0o700)
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout as problem:
        raise UserError(f"{folder}: another process {what}; wait for it or stop it") from problem


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
