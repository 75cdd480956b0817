"""Crash-safe store of the results of long runs.

The key of a row is made from its data, the estimator with its parameters and learned state, the
versions and the seed. A changed input is therefore a new row. SQLite in write-ahead mode keeps
every finished batch if the run is killed. Every row has a checksum: damaged rows are computed
again.
"""

import json
import sqlite3
import warnings
import zlib
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dustest.data.errors import DustestWarning, InputError
from dustest.data.files.paths import remove_partial_files, replacing
from dustest.data.identity.differences import describe_differences
from dustest.data.messages import argument
from dustest.estimators.run.files.locked_database import clear_errors, is_damage, lock_database
from dustest.estimators.run.files.row_records import RowLayout

__all__ = ["SCHEMA", "ResultStore", "open_store", "store_path"]

SCHEMA = 3
"""Part of every fingerprint: rows of stores with another number are not used. Version 0.1 had
none."""

_ANY_ROW = {"batch": "SELECT 1 FROM batch LIMIT 1", "result": "SELECT 1 FROM result LIMIT 1"}
"""Queries for any row, by table; ``result`` is that of earlier schemas."""
_TABLES = {*_ANY_ROW, "run"}

_SETUP = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
DROP TABLE IF EXISTS result;
CREATE TABLE IF NOT EXISTS batch
    (id INTEGER PRIMARY KEY, layout BLOB NOT NULL, records BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_INSERT = "INSERT INTO batch (layout, records) VALUES (?, ?)"
_SEED, _IDENTITY = "seed of schema 3", "identity of schema 3"
"""Names in the table ``run``."""


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
def open_store(output, resume, progress=None):
    """Open the store of a run, and keep other runs from the same output.

    Parameters
    ----------
    output : str, path-like or None
        File of the final table; None for a run without a store.
    resume : bool
        Whether rows of an earlier run may be used. If so, a run in another process or thread with
        the same output is waited for, at most ten minutes.
    progress : bool, optional
        Whether a message says that another run is waited for; by default if standard error is a
        terminal.

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
        If the store cannot be opened, or is damaged so that it cannot be read at all.
    WriteError
        If another run has the same output, or the disk is full.

    Notes
    -----
    A new store without rows is removed if an exception leaves the block.
    """
    if output is None:
        yield None
        return
    output, path = Path(output), store_path(output)
    if output.exists() and not path.exists():
        raise InputError(_no_run(output, path))
    with clear_errors(path):
        connection = lock_database(path, wait=resume, progress=progress)
        with closing(ResultStore(path, connection)) as store:
            _check_kept(store, output, path, resume)
            for file in (output, path):
                remove_partial_files(file)
            try:
                yield store
                store.complete()
            except BaseException:
                if not store.is_written:
                    # Under the lock. Nothing was written, so that SQLite has no further file.
                    # Some systems keep files that are open.
                    with suppress(OSError):
                        path.unlink()
                raise


def _no_run(output, path):
    """Message on an output that no run wrote."""
    return (
        f"output {str(output)!r} exists, and there is no run to resume, which would be in "
        f"{path.name} beside it: remove it, or choose another output"
    )


def _check_kept(store, output, path, resume):
    """Raise an error if results or other files would be replaced."""
    tables = store.tables()
    if tables - _TABLES:
        msg = (
            f"output {str(output)!r} needs the file {path.name}, which is a database of others: "
            "choose another output"
        )
        raise InputError(msg)
    if output.exists() and not tables:
        raise InputError(_no_run(output, path))
    if not resume and (output.exists() or store.has_rows()):
        msg = (
            f"output {str(output)!r} holds results already; pass {argument('resume', True)} "
            f"to resume that run, or remove it and {path.name}"
        )
        raise InputError(msg)


class ResultStore:
    """Rows by key in a database that no other run has.

    Parameters
    ----------
    path : `~pathlib.Path`
        File of the database.
    connection : `sqlite3.Connection`
        Result of `lock_database`.

    Attributes
    ----------
    is_written : bool
        Whether anything was written, by this run or an earlier one.
    """

    def __init__(self, path, connection):
        self._path = path
        self._connection = connection
        self._entries = {}
        self._is_set_up = False
        self._index = None
        self.is_written = False

    def close(self):
        """Close the database, for the next run."""
        self._connection.close()

    def tables(self):
        """Names of everything in the database.

        Returns
        -------
        names : set of str
            Empty if nothing was written.
        """
        found = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
        )
        names = {name for (name,) in found}
        self.is_written = bool(names)
        return names

    def has_rows(self):
        """Whether there are rows, of this schema or an earlier one.

        Returns
        -------
        bool
            True if there are, or if a part of the file is damaged.
        """
        queries = [query for table, query in _ANY_ROW.items() if table in self.tables()]
        try:
            return any(self._connection.execute(query).fetchone() for query in queries)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return True

    def has_earlier_rows(self):
        """Whether there are rows of earlier runs.

        Returns
        -------
        bool
            True if there are.
        """
        if self._index is None and not self.has_rows():
            self._index = _Index()
        return self._index is None or not self._index.is_empty

    def complete(self):
        """Make the tables if nothing was written, so that the run can be resumed."""
        with self._transaction():
            pass

    def base_seed(self, fresh):
        """Seed of the earlier run, or ``fresh``, which is stored with the first rows.

        Parameters
        ----------
        fresh : int
            Seed for a new run.

        Returns
        -------
        seed : int
            Seed of this run.

        Warns
        -----
        DustestWarning
            If the seed of the earlier run is damaged.
        """
        found = self._stored_entries().get(_SEED)
        if found is not None:
            number = _intact(found)
            if number is not None:
                return int(number)
            msg = (
                f"the seed of the earlier run in {self._path.name} is damaged: all rows are "
                "computed again, with another seed"
            )
            warnings.warn(msg, DustestWarning, stacklevel=3)
        self._entries[_SEED] = _with_checksum(str(int(fresh)))
        return int(fresh)

    def compare_identity(self, identity):
        """Compare this run with the last one; it is stored with the first rows.

        Parameters
        ----------
        identity : dict
            Everything that rows depend on besides their data, as JSON can represent it.

        Returns
        -------
        differences : str
            What the last run had instead; empty if it is equal, or nothing is known of it.
        """
        text = json.dumps(identity)
        self._entries[_IDENTITY] = _with_checksum(text)
        found = _intact(self._stored_entries().get(_IDENTITY, ""))
        return "" if found is None else describe_differences(json.loads(found), json.loads(text))

    def _stored_entries(self):
        """Entries of the table ``run``, by name."""
        if "run" not in self.tables():
            return {}
        return {
            str(name): str(value)
            for name, value in self._connection.execute("SELECT name, value FROM run")
        }

    def find(self, keys):
        """Find rows of earlier runs.

        The first call reads every stored batch once. Further calls, for the parts of a long
        catalogue, read the batches with their rows; rows that were stored since are not found.

        Parameters
        ----------
        keys : ndarray of uint8 of shape (n, 20)
            Keys of rows.

        Yields
        ------
        positions : ndarray of int of shape (m,)
            Positions in ``keys``.
        rows : Rows
            m rows.

        Warns
        -----
        DustestWarning
            If a part of the store is damaged. The rest is written to a new file.
        """
        if self._index is None and "batch" not in self.tables():
            self._index = _Index()
            return
        lookup, damage = _Lookup(keys), _Damage()
        is_first = self._index is None
        index = _Index() if is_first else self._index
        numbers = self._numbers(damage) if is_first else index.find(keys)
        for number, layout, records in self._batches(numbers, damage):
            if is_first:
                index.add(number, records["key"])
            positions, places = lookup.find(records["key"])
            if len(positions):
                yield positions, layout.rows(records[places])
        self._index = index
        if damage:
            self._write_anew()
            # The batches have other numbers there.
            self._index = None
            warnings.warn(damage.message(self._path), DustestWarning, stacklevel=5)

    def put(self, keys, rows):
        """Store rows; they survive the end of the process when this returns.

        Parameters
        ----------
        keys : ndarray of uint8 of shape (n, 20)
            Keys of the rows.
        rows : Rows
            n rows.
        """
        layout = RowLayout.of(rows)
        batch = (layout.content, layout.pack(keys, rows))
        with self._transaction() as connection:
            connection.execute(_INSERT, batch)

    @contextmanager
    def _transaction(self):
        """One transaction; the first one makes the tables and stores the entries of the run."""
        connection = self._connection
        if not self._is_set_up:
            connection.executescript(_SETUP)
            self._is_set_up = self.is_written = True
        with connection:
            connection.execute("BEGIN")
            connection.executemany("REPLACE INTO run VALUES (?, ?)", self._entries.items())
            yield connection
        self._entries = {}

    def _batches(self, numbers, damage):
        """Number, layout and intact records of batches; counts those that are damaged."""
        for number in numbers:
            try:
                found = self._connection.execute(
                    "SELECT layout, records FROM batch WHERE id = ?", (number,)
                ).fetchone()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                damage.n_batches += 1
                continue
            if found is not None and (batch := damage.intact(*found)) is not None:
                yield number, *batch

    def _numbers(self, damage):
        """Numbers of the batches."""
        try:
            return [number for (number,) in self._connection.execute("SELECT id FROM batch")]
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
        # Pages can be unreadable whose batches are found one by one.
        damage.n_batches += 1
        (last,) = self._connection.execute("SELECT max(id) FROM batch").fetchone()
        return range(1, last + 1)

    def _write_anew(self):
        """Replace the database by one with the intact rows."""
        entries = self._stored_entries()
        with replacing(self._path) as partial:
            with closing(ResultStore(partial, lock_database(partial, wait=False))) as fresh:
                fresh._copy(self._batches(self._numbers(_Damage()), _Damage()), entries)
            with suppress(sqlite3.Error):
                # No page of the damaged file is left to be written into the new one.
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.close()
        self._connection = lock_database(self._path, wait=True)
        self._is_set_up = False

    def _copy(self, batches, entries):
        """Store batches of another store, and its entries."""
        self._entries = entries
        with self._transaction() as connection:
            for _, layout, records in batches:
                connection.execute(_INSERT, (layout.content, records.tobytes()))


def _with_checksum(text):
    """A text with its checksum at the end."""
    return f"{text} {zlib.crc32(text.encode()):08x}"


def _intact(entry):
    """The text of `_with_checksum`, None if it is damaged."""
    text = entry.rpartition(" ")[0]
    return text if entry and entry == _with_checksum(text) else None


@dataclass
class _Damage:
    """Damaged parts of a store."""

    n_rows: int = 0
    n_batches: int = 0

    def __bool__(self):
        return bool(self.n_rows or self.n_batches)

    def intact(self, content, records):
        """Layout and intact records of a batch, None without any; counts the others."""
        layout = RowLayout.read(content) if isinstance(content, bytes) else None
        if layout is None or not isinstance(records, bytes):
            self.n_batches += 1
            return None
        good = layout.intact(records)
        self.n_rows += -(-len(records) // layout.dtype.itemsize) - len(good)
        return layout, good

    def message(self, path):
        """Text of a warning."""
        counts = {"row": self.n_rows, "batch of rows": self.n_batches}
        plural = {"row": "rows", "batch of rows": "batches of rows"}
        parts = [f"{n} {one if n == 1 else plural[one]}" for one, n in counts.items() if n]
        return (
            f"{' and '.join(parts)} of the earlier run in {path.name} cannot be used, since the "
            "file is damaged: galaxies without a stored result are computed again"
        )


class _Index:
    """Numbers of the batches that may have rows, in eight bytes a row."""

    def __init__(self):
        self._parts = []
        self._sorted = None

    @property
    def is_empty(self):
        """Whether there is no batch."""
        return not self._parts and self._sorted is None

    def add(self, number, keys):
        """Add a batch with the keys of its rows."""
        starts = np.ascontiguousarray(keys[:, :4]).view("<u4")[:, 0]
        self._parts.append((starts, np.full(len(keys), number, dtype=np.uint32)))

    def find(self, keys):
        """Numbers of the batches that may have some keys, in order."""
        if self.is_empty:
            return []
        if self._sorted is None:
            starts, numbers = map(np.concatenate, zip(*self._parts, strict=True))
            order = np.argsort(starts)
            self._sorted, self._parts = (starts[order], numbers[order]), []
        starts, numbers = self._sorted
        wanted = np.unique(np.ascontiguousarray(keys[:, :4]).view("<u4")[:, 0])
        first = np.searchsorted(starts, wanted)
        stop = np.searchsorted(starts, wanted, side="right")
        found = [numbers[a:b] for a, b in zip(first, stop, strict=True) if b > a]
        return np.unique(np.concatenate(found)).tolist() if found else []


class _Lookup:
    """Positions of keys.

    Parameters
    ----------
    keys : ndarray of uint8 of shape (n, 20)
        Keys, perhaps several times.
    """

    def __init__(self, keys):
        self._keys = keys
        starts = _starts(keys)
        self._order = np.argsort(starts, kind="stable")
        self._starts = starts[self._order]

    def find(self, keys):
        """Positions of those of some keys that are there, and their places among these keys."""
        starts = _starts(keys)
        first = np.searchsorted(self._starts, starts)
        counts = np.searchsorted(self._starts, starts, side="right") - first
        places = np.repeat(np.arange(len(keys)), counts)
        steps = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        positions = self._order[first[places] + steps]
        same = (self._keys[positions] == keys[places]).all(axis=1)
        return positions[same], places[same]


def _starts(keys):
    """The first eight bytes of keys, as numbers."""
    return np.ascontiguousarray(keys[:, :8]).view("<u8")[:, 0]
