"""Simulated galaxies on disc: written in chunks by any number of workers, read chunk by chunk.

A folder holds ``simulation.json``, which says what was simulated, and for each chunk of rows a
table of what is observed, a table of the truth and a marker. Chunks begin at fixed rows, so a
run that was stopped, and one that asks for more rows, go on with what is there.
"""

import json
import os
import threading
import time
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import joblib
from astropy.table import vstack
from threadpoolctl import threadpool_limits

from dustest.data.errors import DustestError, InputError, ReadError
from dustest.data.progress import progress_bar
from dustest.data.registry import pack, unpack
from dustest.simulate._arguments import check_whole
from dustest.simulate._chunks import split_rows, write_json

__all__ = ["SimulatedSet", "read_simulation", "write_chunks"]

_HEADER = "simulation.json"
_LAYOUT = 1
_PARTIAL = ".*.partial.*"
_NAMED_DIFFERENCES = 3
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class SimulatedSet:
    """Simulated galaxies in a folder, read as they are asked for.

    Made by `read_simulation` and by a simulator that writes to disc. Iterating gives the pairs
    (sample, truth) of one chunk after the other, so that memory does not grow with the number
    of galaxies. Every table is checked against its digest as it is read.

    Parameters
    ----------
    path : `~pathlib.Path`
        Folder of the simulation.
    manifest : dict
        What was simulated: parameters, seed and version.
    n_rows : int
        Number of galaxies, which is also ``len``.
    chunk_rows : int
        Rows of a chunk; the last may have fewer.
    """

    path: Path
    manifest: dict
    n_rows: int
    chunk_rows: int

    def __len__(self):
        return self.n_rows

    def __iter__(self):
        for chunk in self._chunks():
            yield chunk.read("sample"), chunk.read("truth")

    def truth(self):
        """Truth of all galaxies, without reading what is observed.

        Returns
        -------
        truth : RowTable
            One row a galaxy.

        Raises
        ------
        ReadError
            If a file is missing or damaged.
        """
        return _joined([chunk.read("truth") for chunk in self._chunks()])

    def read(self, start=0, stop=None):
        """Some galaxies, in memory.

        Parameters
        ----------
        start : int, optional
            First row.
        stop : int, optional
            Row after the last; by default all from ``start`` on.

        Returns
        -------
        sample : GalaxySample
            What is observed of the galaxies.
        truth : RowTable
            Their truth, row by row.

        Raises
        ------
        InputError
            If there are no such rows.
        ReadError
            If a file is missing or damaged.
        """
        start = check_whole(start, "start", minimum=0)
        stop = self.n_rows if stop is None else check_whole(stop, "stop", minimum=0)
        if not start < stop <= self.n_rows:
            msg = (
                f"start and stop must name rows of the {self.n_rows} that there are, start before "
                f"stop, got {start} and {stop}"
            )
            raise InputError(msg)
        wanted = [c for c in self._chunks() if c.start < stop and c.stop > start]
        return tuple(
            _joined([_part(chunk, kind, start, stop) for chunk in wanted])
            for kind in ("sample", "truth")
        )

    def _chunks(self):
        """Where the rows are."""
        return split_rows(self.path, self.n_rows, self.chunk_rows)


def read_simulation(path):
    """Open simulated galaxies that were written to disc.

    Parameters
    ----------
    path : str or path-like
        Folder of the simulation.

    Returns
    -------
    simulated : SimulatedSet
        The galaxies. Nothing but the description of the set is read yet.

    Raises
    ------
    ReadError
        If there is no simulation in the folder, or not all of its chunks are written.

    Examples
    --------
    >>> from dustest.simulate.stream import read_simulation
    >>> for sample, truth in read_simulation("training-set"):  # doctest: +SKIP
    ...     model.partial_fit(sample, truth["A_V"])
    """
    folder = Path(path)
    header = _read_header(folder)
    if header is None:
        msg = f"path must be a folder with a simulation, got {str(path)!r}, without {_HEADER}"
        raise ReadError(msg)
    simulated = SimulatedSet(folder, header["manifest"], header["n"], header["chunk_rows"])
    missing = [chunk for chunk in simulated._chunks() if not chunk.is_marked()]
    if missing:
        msg = (
            f"the simulation in {str(path)!r} is not complete: {sum(map(len, missing))} of "
            f"{len(simulated)} rows are missing; run it again, it goes on where it stopped"
        )
        raise ReadError(msg)
    return simulated


def write_chunks(make, n, path, *, manifest, chunk_rows=256, n_jobs=None, progress=None):
    """Simulate galaxies and write them to disc in chunks.

    Every file is written whole or not at all. Called again on the same folder, it makes what is
    missing or damaged; with a larger ``n``, it adds rows. The bytes of all files are the same
    for any number of workers and however often a run was stopped. One process at a time may
    write to a folder.

    Parameters
    ----------
    make : callable
        ``make(start, stop)`` gives the sample and the truth of the rows ``start`` to
        ``stop - 1``. Each row must depend on its number alone. Every worker gets a copy by
        `cloudpickle`, and keeps it from chunk to chunk, so whatever ``make`` remembers is
        computed once a worker.
    n : int
        Number of rows of the whole set.
    path : str or path-like
        Folder; made if it does not exist.
    manifest : dict
        What identifies the simulation, as JSON can write it.
    chunk_rows : int, optional
        Rows of a chunk.
    n_jobs : int, optional
        Number of worker processes, counted as joblib does; by default everything happens in
        this process.
    progress : bool, optional
        Whether to show a progress bar; by default where standard error is a terminal.

    Returns
    -------
    simulated : SimulatedSet
        The rows.

    Raises
    ------
    InputError
        If the folder holds something else, another simulation or more rows.
    DustestError
        If rows cannot be simulated; what is written stays.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from dustest.data import RowTable, as_sample
    >>> from dustest.simulate.stream import write_chunks
    >>> def make(start, stop):
    ...     truth = RowTable({"A_V": 0.1 * np.arange(start, stop)})
    ...     return as_sample(RowTable({"redshift": np.full(len(truth), 7.0)})), truth
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     simulated = write_chunks(make, 7, folder, manifest={"seed": 1}, chunk_rows=3)
    ...     sample, truth = simulated.read(2, 5)
    >>> len(simulated), simulated.manifest
    (7, {'seed': 1})
    >>> truth["A_V"].round(1).tolist()
    [0.2, 0.3, 0.4]
    """
    folder = Path(path)
    n = check_whole(n, "n")
    chunk_rows = check_whole(chunk_rows, "chunk_rows")
    _claim(folder, {"manifest": _as_json(manifest), "n": n, "chunk_rows": chunk_rows})
    chunks = split_rows(folder, n, chunk_rows)
    todo = [chunk for chunk in chunks if not chunk.is_whole()]
    done = n - sum(map(len, todo))
    with progress_bar(None, progress, total=n, initial=done, unit="galaxy") as bar:
        for n_rows in _execute(make, todo, joblib.effective_n_jobs(n_jobs)):
            bar.update(n_rows)
    return read_simulation(folder)


def _claim(folder, header):
    """Make the folder that of this simulation, or refuse it."""
    stored = _read_header(folder)
    if stored is None:
        _check_empty(folder)
    else:
        _check_same(folder, stored, header)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for litter in folder.glob(_PARTIAL):  # of a run that was killed
            litter.unlink(missing_ok=True)
        write_json(header | {"layout": _LAYOUT}, folder / _HEADER)
    except OSError as error:
        msg = f"path must be a folder that can be written to, got {str(folder)!r}: {error}"
        raise InputError(msg) from error


def _check_empty(folder):
    """Refuse a folder of other things."""
    entries = folder.iterdir() if folder.is_dir() else ()
    if other := next((entry for entry in entries if not entry.match(_PARTIAL)), None):
        msg = (
            f"path must be a new or empty folder, or one of a simulation, but {str(folder)!r} "
            f"holds {other.name!r} and no {_HEADER}; choose another folder"
        )
        raise InputError(msg)


def _check_same(folder, stored, header):
    """Refuse a folder of another simulation, or of more rows."""
    differences = _differences(stored, header)
    if differences:
        more = len(differences) - _NAMED_DIFFERENCES
        named = ", ".join(differences[:_NAMED_DIFFERENCES]) + (f" and {more} more" * (more > 0))
        msg = (
            f"the folder {str(folder)!r} holds another simulation, with {named}; choose another "
            "folder, or the same values to go on with this one"
        )
        raise InputError(msg)
    if header["n"] < stored["n"]:
        msg = (
            f"n must be at least {stored['n']}, the rows of this simulation in {str(folder)!r}, "
            f"got {header['n']}; read a part with read_simulation, or choose another folder"
        )
        raise InputError(msg)


def _differences(stored, header):
    """What differs between two simulations, in words."""
    there, here = (
        {"chunk_rows": each["chunk_rows"], **_flat(each["manifest"])} for each in (stored, header)
    )
    return [
        f"{name} {_shown(there, name)} instead of {_shown(here, name)}"
        for name in sorted(there | here)
        if (name in there, there.get(name)) != (name in here, here.get(name))
    ]


def _flat(record, prefix=""):
    """Values of nested dictionaries by dotted name."""
    flat = {}
    for key, value in record.items():
        inner = _inner(value)
        flat |= {prefix + key: value} if inner is None else _flat(inner, f"{prefix}{key}.")
    return flat


def _inner(value):
    """The dictionary that a value is or, as in the meta of tables, holds as JSON; else None."""
    try:
        value = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _shown(values, name):
    """A value for a sentence."""
    return json.dumps(values[name]) if name in values else "absent"


def _as_json(manifest):
    """The manifest as it comes back from the file."""
    try:
        return json.loads(json.dumps(dict(manifest), allow_nan=False))
    except (TypeError, ValueError) as error:
        msg = f"manifest must be a dict of what JSON can write, got {manifest!r}: {error}"
        raise InputError(msg) from error


def _read_header(folder):
    """Description of the simulation in a folder, or None where there is none."""
    path = folder / _HEADER
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
        known = header["layout"] == _LAYOUT and {"manifest", "n", "chunk_rows"} <= set(header)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"cannot read {str(path)!r}: {error!r}; remove its folder, or choose another"
        raise ReadError(msg) from error
    if not known:
        msg = f"{str(path)!r} was written by another version of dustest; choose another folder"
        raise ReadError(msg)
    return header


def _execute(make, todo, n_workers):
    """Write chunks; gives the number of rows of each as it is done."""
    pickled = pack(make)
    if n_workers == 1:
        fresh = unpack(pickled)  # as in a worker, without what it remembers from elsewhere
        yield from (_write(fresh, chunk) for chunk in todo)
        return
    parallel = joblib.Parallel(n_jobs=n_workers, batch_size=1, return_as="generator_unordered")
    calls = (joblib.delayed(_write_in_worker)(pickled, chunk, os.getpid()) for chunk in todo)
    try:
        yield from parallel(calls)
    except BrokenExecutor as error:
        msg = (
            f"a worker process died, perhaps for want of memory ({type(error).__name__}); what is "
            "written stays: run again, with fewer workers, to go on"
        )
        raise DustestError(msg) from error


def _write_in_worker(pickled, chunk, caller):
    """Write a chunk in a worker process, and only say how many rows it has."""
    if os.getppid() == caller:  # and not a thread of the caller
        _follow(caller)
    return _write(_unpickled(pickled), chunk)


@lru_cache(maxsize=1)
def _follow(parent):
    """Let this process end with its parent: idle workers of a killed run would keep memory."""
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent):
    """Wait for the parent to end, then end at once (runs in a thread)."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


@lru_cache(maxsize=1)
def _unpickled(pickled):
    """The maker of rows, kept from chunk to chunk with all that it remembers."""
    return unpack(pickled)


def _write(make, chunk):
    """Simulate and write a chunk; gives its number of rows.

    One thread everywhere: sums in another order would round differently.
    """
    try:
        with threadpool_limits(1):
            chunk.write(*make(chunk.start, chunk.stop))
    except Exception as error:
        msg = (
            f"rows {chunk.start} to {chunk.stop - 1} could not be simulated "
            f"({type(error).__name__}: {error}); what is written in {str(chunk.folder)!r} stays"
        )
        raise DustestError(msg) from error
    return len(chunk)


def _part(chunk, kind, start, stop):
    """Those rows of a chunk that lie within limits."""
    return chunk.read(kind)[max(start - chunk.start, 0) : stop - chunk.start]


def _joined(parts):
    """Tables of the same columns as one, with the meta of the first."""
    meta = parts[0].meta
    for part in parts:
        part.meta = {}
    joined = vstack(parts)
    joined.meta = meta
    return joined
