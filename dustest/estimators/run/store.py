"""Crash-safe store of the results of long runs, one row at a time.

The key of a row is made from its data, the estimator with its parameters and learned state, the
versions and the seed. A changed input is therefore a new row. SQLite in write-ahead mode keeps
every finished row if the run is killed.
"""

import json
import sqlite3
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path

import numpy as np

from dustest.data.errors import InputError, ReadError
from dustest.data.messages import argument
from dustest.estimators.run.summary import Rows

__all__ = ["SCHEMA", "ResultStore", "open_store", "result_keys", "store_path"]

SCHEMA = 2
"""Part of every fingerprint: rows of stores with another number are not used. Version 0.1 had
none."""

_SETUP = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
CREATE TABLE IF NOT EXISTS result (key BLOB PRIMARY KEY, payload TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE name = 'result'"
_HAS_OTHERS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name NOT IN ('result', 'run')"


def store_path(output):
    """Path of the store of a run.

    Parameters
    ----------
    output : str or path-like
        File of the final table.

    Returns
    -------
    path : `~pathlib.Path`
        ``output`` with ``.sqlite`` appended.
    """
    output = Path(output)
    return output.with_name(output.name + ".sqlite")


@contextmanager
def open_store(output, resume):
    """Open the store of a run.

    Parameters
    ----------
    output : str, path-like or None
        File of the final table; None for a run without a store.
    resume : bool
        Whether rows of an earlier run may be used.

    Yields
    ------
    store : ResultStore or None
        None if ``output`` is None.

    Raises
    ------
    InputError
        If there are results and ``resume`` is false, or ``output`` is a file without a store,
        which was not written by a run and may not be replaced.
    ReadError
        If the store cannot be opened or is damaged.

    Notes
    -----
    An empty store is removed if an exception leaves the block.
    """
    if output is None:
        yield None
        return
    path = store_path(output)
    try:
        _check_kept(Path(output), path, resume)
        try:
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript(_SETUP)
                yield ResultStore(connection)
        except BaseException:
            if not _holds_rows(path):
                _remove(path)
            raise
    except sqlite3.Error as error:
        msg = (
            f"results cannot be kept in {str(path)!r} ({error}): choose another output, or remove "
            "the file if it is damaged"
        )
        raise ReadError(msg) from error


def _check_kept(output, path, resume):
    """Raise an error if results or other files would be replaced."""
    if _answers(path, _HAS_OTHERS):
        msg = (
            f"output {str(output)!r} needs the file {path.name}, which is a database of others: "
            "choose another output"
        )
        raise InputError(msg)
    if output.exists() and not _answers(path, _HAS_TABLE):
        msg = (
            f"output {str(output)!r} exists, and there is no run to resume, which would be in "
            f"{path.name} beside it: remove it, or choose another output"
        )
        raise InputError(msg)
    if not resume and (output.exists() or _holds_rows(path)):
        msg = (
            f"output {str(output)!r} holds results already; pass {argument('resume', True)} "
            f"to resume that run, or remove it and {path.name}"
        )
        raise InputError(msg)


def _holds_rows(path):
    """Whether there is a store with at least one row."""
    return _answers(path, _HAS_TABLE) and _answers(path, "SELECT 1 FROM result LIMIT 1")


def _answers(path, query):
    """Whether there is a database that returns a row for a query."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchone() is not None


def _remove(path):
    """Remove a store and the further files of SQLite."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


class ResultStore:
    """Rows by key in an open database.

    Parameters
    ----------
    connection : `sqlite3.Connection`
        Database with the tables of this module.
    """

    def __init__(self, connection):
        self._connection = connection

    def base_seed(self, fresh):
        """Seed of the earlier run, or ``fresh``, which is then stored.

        Parameters
        ----------
        fresh : int
            Seed for a new run.

        Returns
        -------
        seed : int
            Seed of this run.
        """
        with self._connection:
            self._connection.execute(
                "INSERT OR IGNORE INTO run VALUES ('seed', ?)", (str(int(fresh)),)
            )
        row = self._connection.execute("SELECT value FROM run WHERE name = 'seed'").fetchone()
        return int(row[0])

    def find(self, keys):
        """Find stored rows.

        Parameters
        ----------
        keys : list of bytes
            Keys of the rows of a batch.

        Returns
        -------
        found : list of int
            Positions in ``keys``.
        rows : list of Rows
            One row each.
        """
        query = "SELECT payload FROM result WHERE key = ?"
        found, rows = [], []
        for position, key in enumerate(keys):
            if (row := self._connection.execute(query, (key,)).fetchone()) is not None:
                found.append(position)
                rows.append(_decode(row[0]))
        return found, rows

    def put(self, keys, rows):
        """Store rows; they are on disc when this returns.

        Parameters
        ----------
        keys : list of bytes
            Keys of the rows.
        rows : Rows
            As many rows.
        """
        records = [(key, _encode(rows, i)) for i, key in enumerate(keys)]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO result VALUES (?, ?)", records)


def result_keys(row_keys, fingerprint):
    """Keys of the rows of one estimator.

    Parameters
    ----------
    row_keys : list of bytes
        Digests of the rows' data.
    fingerprint : str
        Everything else that the result depends on.

    Returns
    -------
    keys : list of bytes
        Digests of both.
    """
    suffix = fingerprint.encode()
    return [blake2b(key + suffix, digest_size=20).digest() for key in row_keys]


def _encode(rows, i):
    """Encode one row as JSON; Python writes floats without loss."""
    record = {
        "values": {name: values[i].tolist() for name, values in rows.values.items()},
        "flags": int(rows.flags[i]),
        "extra": {
            name: [values.dtype.str, values[i].tolist()] for name, values in rows.extra.items()
        },
    }
    return json.dumps(record)


def _decode(payload):
    """Decode one row from JSON."""
    record = json.loads(payload)
    return Rows(
        {name: np.array([values], dtype=float) for name, values in record["values"].items()},
        np.array([record["flags"]], dtype=np.int32),
        {name: np.array([row], dtype=kind) for name, (kind, row) in record["extra"].items()},
    )
