"""SQLite databases that one run has for itself."""

import os
import sqlite3
import time
from contextlib import contextmanager

from dustest.data.errors import ReadError, WriteError
from dustest.data.messages import argument
from dustest.data.progress import show_message

__all__ = ["clear_errors", "is_damage", "lock_database"]

_PATIENCE = 600.0
"""Seconds to wait for another run."""
_QUIET = 3.0
"""Seconds of waiting before a message says so."""
_PAUSE = 0.05
"""Seconds between two attempts."""

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def lock_database(path, *, wait, progress=None):
    """Open a database that no other process or thread has open in this way.

    Parameters
    ----------
    path : `~pathlib.Path`
        File, which is made if it does not exist.
    wait : bool
        Whether to wait for another that has it.
    progress : bool, optional
        Whether a message says that another is waited for; by default if standard error is a
        terminal.

    Returns
    -------
    connection : `sqlite3.Connection`
        Connection without implicit transactions. Its lock ends when it is closed, and with the
        process, however that ends.

    Raises
    ------
    WriteError
        If another has it, for more than ten minutes if ``wait`` is true.
    """
    began, is_told = time.monotonic(), False
    while (connection := _try_to_lock(path)) is None:
        waited = time.monotonic() - began
        if not wait or waited > _PATIENCE:
            raise WriteError(_in_use(path, waited if wait else 0))
        if waited > _QUIET and not is_told:
            show_message(f"waiting for another run, which has {path.name} open", progress)
            is_told = True
        time.sleep(_PAUSE)
    return connection


def _in_use(path, waited):
    """Message on a database that another run has open."""
    since = f", for {waited:.0f} s already" if waited else ""
    return (
        f"another run has {str(path)!r} open{since}: choose another output, or wait until that "
        f"run ends and pass {argument('resume', True)}"
    )


def _try_to_lock(path):
    """Connection to a database that no other has, None if one has it."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        before = path.stat().st_ino
        # Of new files. Batches of rows are many times larger than the usual page.
        connection.execute("PRAGMA page_size=16384")
        # The lock remains after the transaction.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        _read_schema(connection)
        # The other may have removed its new file in the meantime.
        if path.stat().st_ino == before:
            return connection
    except FileNotFoundError:
        pass
    except sqlite3.Error as error:
        if _code(error) != sqlite3.SQLITE_BUSY:
            connection.close()
            raise
    connection.close()
    return None


def _read_schema(connection):
    """Read the names of tables, on which messages on a damaged file depend."""
    connection.text_factory = _as_text
    try:
        connection.execute("SELECT 1 FROM sqlite_master")
    except UnicodeDecodeError as error:
        msg = f"malformed database schema: {error}"
        raise sqlite3.DatabaseError(msg) from error


def _as_text(content):
    """Text of the database, which may be damaged."""
    return content.decode(errors="replace")


@contextmanager
def clear_errors(path):
    """Raise errors of SQLite as those of dustest.

    Parameters
    ----------
    path : `~pathlib.Path`
        File of the database.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    ReadError
        If the database cannot be opened or is damaged.
    WriteError
        If it cannot be written, as on a full disk, or may not be.
    """
    try:
        yield
    except sqlite3.Error as error:
        if path.exists() and not os.access(path, os.W_OK):
            msg = (
                f"{str(path)!r} may not be written to: change its rights, or choose another output"
            )
            raise WriteError(msg) from error
        if _code(error) in _FULL:
            msg = (
                f"results cannot be written to {str(path)!r} ({error}): make room on the disk and "
                f"pass {argument('resume', True)}, or choose another output"
            )
            raise WriteError(msg) from error
        msg = (
            f"results cannot be kept in {str(path)!r} ({error}): choose another output, or remove "
            "the file if it is damaged"
        )
        raise ReadError(msg) from error


def is_damage(error):
    """Whether an error of SQLite means that the file is damaged.

    Parameters
    ----------
    error : `sqlite3.Error`
        The error.

    Returns
    -------
    bool
        True if it is.
    """
    return _code(error) in _DAMAGE or isinstance(error, sqlite3.DataError)


def _code(error):
    """Primary result code of an error of SQLite, or None."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
