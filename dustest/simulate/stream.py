"""Simulated galaxies on disc: written in chunks by any number of workers, read chunk by chunk.

A folder contains ``simulation.json``, which describes the simulation, and for each chunk of rows a
table of observed columns, a table of the truth and a marker. Chunks begin at fixed rows, so that a
run that was interrupted resumes with the existing chunks, and a larger one adds chunks.
"""

import hashlib
import json
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from astropy.table import vstack
from threadpoolctl import threadpool_limits

from dustest.data.checks.numbers import check_n_jobs, check_whole
from dustest.data.errors import DustestError, InputError, ReadError
from dustest.data.files.paths import as_path
from dustest.data.identity.differences import describe_differences
from dustest.data.progress import progress_bar
from dustest.data.registry import pack, unpack
from dustest.data.worker_processes import (
    compute_unordered,
    count_workers,
    end_with_parent,
    unpack_once,
)
from dustest.simulate._chunks import count_missing_rows, split_rows, write_json

__all__ = ["SimulatedSet", "read_simulation", "shared_folder", "write_chunks"]

_HEADER = "simulation.json"
_LAYOUT = 1
_ENTRIES = {"manifest": dict, "n": int, "chunk_rows": int}
_DIGEST = "sha256"
_PARTIAL = ".*.partial.*"
_SHARED = ".shared.partial.d"


@dataclass(frozen=True)
class SimulatedSet:
    """Simulated galaxies in a folder, read on request.

    `read_simulation` and `GalaxySimulator.stream` return it. Iterating gives the pairs (sample,
    truth) of one chunk after the other, so that memory use does not grow with the number of
    galaxies. Every table is checked against its digest when it is read.

    Parameters
    ----------
    path : `~pathlib.Path`
        Folder of the simulation.
    manifest : dict
        Description of the simulation: parameters, seed and version.
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

    def samples(self):
        """Read the observed columns of one chunk after the other.

        Yields
        ------
        sample : GalaxySample
            Galaxies of a chunk.

        Raises
        ------
        ReadError
            If a file is missing or damaged.
        """
        for chunk in self._chunks():
            yield chunk.read("sample")

    def truth(self):
        """Truth of all galaxies, without reading the observed columns.

        Returns
        -------
        truth : RowTable
            One row per galaxy.

        Raises
        ------
        ReadError
            If a file is missing or damaged.
        """
        return _concatenate([chunk.read("truth") for chunk in self._chunks()])

    def read(self, start=0, stop=None):
        """Read some galaxies.

        Parameters
        ----------
        start : int, optional
            First row.
        stop : int, optional
            Row after the last; by default the end of the simulation.

        Returns
        -------
        sample : GalaxySample
            Observed columns of the galaxies.
        truth : RowTable
            Their truth, row by row.

        Raises
        ------
        InputError
            If these rows do not exist.
        ReadError
            If a file is missing or damaged.
        """
        start = check_whole(start, "start", minimum=0)
        stop = self.n_rows if stop is None else check_whole(stop, "stop", minimum=0)
        if not start < stop <= self.n_rows:
            msg = (
                f"start and stop must be among the {self.n_rows} rows of the simulation, start "
                f"before stop, got {start} and {stop}"
            )
            raise InputError(msg)
        wanted = [c for c in self._chunks() if c.start < stop and c.stop > start]
        return tuple(
            _concatenate([_read_rows(chunk, kind, start, stop) for chunk in wanted])
            for kind in ("sample", "truth")
        )

    def _chunks(self):
        """Chunks of the simulation."""
        return split_rows(self.path, self.n_rows, self.chunk_rows)


def read_simulation(path):
    """Open a simulation on disc.

    Parameters
    ----------
    path : str or path-like
        Folder of the simulation.

    Returns
    -------
    simulated : SimulatedSet
        The galaxies. Only the description of the simulation is read at this point.

    Raises
    ------
    ReadError
        If there is no simulation in the folder, or some chunks are missing.

    Examples
    --------
    >>> from dustest.simulate.stream import read_simulation
    >>> for sample, truth in read_simulation("training-set"):  # doctest: +SKIP
    ...     model.partial_fit(sample, truth["A_V"])
    """
    folder = as_path(path, "path", "folder")
    header = _read_header(folder)
    if header is None:
        msg = f"path must be a folder with a simulation, got {str(path)!r}, without {_HEADER}"
        raise ReadError(msg)
    simulated = SimulatedSet(folder, header["manifest"], header["n"], header["chunk_rows"])
    missing = count_missing_rows(folder, header["n"], header["chunk_rows"])
    if missing:
        msg = (
            f"the simulation in {str(path)!r} is not complete: {missing} of "
            f"{len(simulated)} rows are missing; run it again to resume"
        )
        raise ReadError(msg)
    return simulated


def shared_folder(path):
    """Folder for files that the workers of a simulation share while they run.

    Parameters
    ----------
    path : str or path-like
        Folder of the simulation.

    Returns
    -------
    shared : `~pathlib.Path`
        Argument of `write_chunks`.

    Examples
    --------
    >>> from dustest.simulate.stream import shared_folder
    >>> shared_folder("set").parent.name
    'set'
    """
    return as_path(path, "path", "folder") / _SHARED


def write_chunks(
    make, n, path, *, manifest, chunk_rows=256, shared=None, n_jobs=None, progress=None
):
    """Simulate galaxies and write them to disc in chunks.

    Every file is written completely or not at all. Called again with the same folder, it makes
    missing and damaged chunks; with a larger ``n``, it adds rows. The files are identical, byte by
    byte, for any number of workers and any number of interruptions. Only one process at a time may
    write to a folder; on systems with file locks others raise an error.

    Parameters
    ----------
    make : callable
        ``make(start, stop)`` returns the sample and the truth of the rows ``start`` to
        ``stop - 1``. Each row must depend on its number only. Every worker receives a copy by
        `cloudpickle` and keeps it for all its chunks, so that whatever ``make`` caches is computed
        once per worker.
    n : int
        Number of rows of the whole set.
    path : str or path-like
        Folder; created if it does not exist.
    manifest : dict
        Description of the simulation that JSON can represent.
    chunk_rows : int, optional
        Rows of a chunk.
    shared : `~pathlib.Path`, optional
        The `shared_folder` of ``path``, if ``make`` uses it. It exists, without files, before the
        first rows are made, and is removed at the end.
    n_jobs : int, optional
        Number of worker processes, as in joblib; by default all rows are made in this process.
    progress : bool, optional
        Whether to show a progress bar; by default on terminals and in notebooks.

    Returns
    -------
    simulated : SimulatedSet
        The rows.

    Raises
    ------
    InputError
        If the folder contains other files, another simulation or more rows, or another process
        writes to it.
    DustestError
        If rows cannot be simulated; finished chunks are kept.

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
    folder = as_path(path, "path", "folder")
    check_n_jobs(n_jobs)
    n = check_whole(n, "n")
    chunk_rows = check_whole(chunk_rows, "chunk_rows")
    header = {"manifest": _as_json(manifest), "n": n, "chunk_rows": chunk_rows}
    if _is_complete(folder, header):
        return read_simulation(folder)
    with _claim(folder):
        _prepare(folder, header)
        chunks = split_rows(folder, n, chunk_rows)
        todo = [chunk for chunk in chunks if not chunk.is_whole()]
        done = n - sum(map(len, todo))
        options = {"total": n, "initial": done, "desc": "simulation", "unit": "galaxy"}
        with _exists(shared), progress_bar(None, progress, **options) as bar:
            for n_rows in _execute(make, todo, count_workers(n_jobs)) if todo else ():
                bar.update(n_rows)
    return read_simulation(folder)


def _is_complete(folder, header):
    """Whether the folder has this simulation and no more, so that nothing is written."""
    stored = _read_header(folder)
    if stored is None or _differences(stored, header) or stored["n"] != header["n"]:
        return False
    if any(folder.glob(_PARTIAL)):
        return False
    chunks = split_rows(folder, header["n"], header["chunk_rows"])
    # Markers first: they are read at once, and tables of a set that resumes are read only later.
    return all(chunk.is_marked() for chunk in chunks) and all(chunk.is_whole() for chunk in chunks)


@contextmanager
def _claim(folder):
    """Make the folder if it does not exist, and keep other processes from writing to it.

    The system releases the lock when this process ends, even if it is killed.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # no such lock on Windows
        fcntl = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = fcntl and os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise InputError(_unwritable(folder, error)) from error
    if fcntl is None:
        yield
        return
    try:
        _lock(fcntl, descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(fcntl, descriptor, folder):
    """Lock an open folder, or raise an error if another process has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        msg = (
            f"path must be a folder that no other process uses, but another process simulates "
            f"galaxies into {str(folder)!r}: wait until it ends, or choose another folder"
        )
        raise InputError(msg) from error
    except OSError:  # a file system without locks
        return


@contextmanager
def _exists(shared):
    """Make the folder that workers share, if any, and remove it at the end."""
    if shared is None:
        yield
        return
    # A folder that cannot be made, or removed, only takes time.
    with suppress(OSError):
        shared.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def _prepare(folder, header):
    """Use the folder for this simulation, or raise an error."""
    stored = _read_header(folder)
    if stored is None:
        _check_empty(folder)
    else:
        _check_same(folder, stored, header)
    try:
        for litter in folder.glob(_PARTIAL):  # of a run that was killed
            if litter.is_dir():
                shutil.rmtree(litter)
            else:
                litter.unlink(missing_ok=True)
        header |= {"layout": _LAYOUT}
        write_json(header | {_DIGEST: _digest(header)}, folder / _HEADER)
    except OSError as error:
        raise InputError(_unwritable(folder, error)) from error


def _unwritable(folder, error):
    """Message for a folder that cannot be written to."""
    return f"path must be a folder that can be written to, got {str(folder)!r}: {error}"


def _check_empty(folder):
    """Raise an error if the folder contains other files."""
    entries = folder.iterdir() if folder.is_dir() else ()
    if other := next((entry for entry in entries if not entry.match(_PARTIAL)), None):
        msg = (
            f"path must be a new or empty folder, or one of a simulation, but {str(folder)!r} "
            f"holds {other.name!r} and no {_HEADER}; choose another folder"
        )
        raise InputError(msg)


def _check_same(folder, stored, header):
    """Raise an error if the folder contains another simulation, or more rows."""
    differences = _differences(stored, header)
    if differences:
        msg = (
            f"the folder {str(folder)!r} holds another simulation, with {differences}; choose "
            "another folder, or the same values to resume this one"
        )
        raise InputError(msg)
    if header["n"] < stored["n"]:
        msg = (
            f"n must be at least {stored['n']}, the rows of this simulation in {str(folder)!r}, "
            f"got {header['n']}; read a part with read_simulation, or choose another folder"
        )
        raise InputError(msg)


def _differences(stored, header):
    """Differences between two simulations, as text."""
    return describe_differences(
        *({"chunk_rows": one["chunk_rows"], **one["manifest"]} for one in (stored, header))
    )


def _as_json(manifest):
    """The manifest as it is read back from the file."""
    try:
        return json.loads(json.dumps(dict(manifest), allow_nan=False))
    except (TypeError, ValueError) as error:
        msg = f"manifest must be a dict of what JSON can write, got {manifest!r}: {error}"
        raise InputError(msg) from error


def _read_header(folder):
    """Description of the simulation in a folder, or None if there is none."""
    path = folder / _HEADER
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
        known = header["layout"] == _LAYOUT and set(_ENTRIES) <= set(header)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        msg = f"cannot read {str(path)!r}: {error!r}; remove its folder, or choose another"
        raise ReadError(msg) from error
    if not known:
        msg = f"{str(path)!r} was written by another version of dustest; choose another folder"
        raise ReadError(msg)
    is_valid = all(type(header[name]) is kind for name, kind in _ENTRIES.items())
    # Version 0.1 wrote no digest.
    if not is_valid or _digest(header) != header.get(_DIGEST, _digest(header)):
        msg = f"{str(path)!r} is damaged, or was changed: restore it, or choose another folder"
        raise ReadError(msg)
    if header["n"] < 1 or header["chunk_rows"] < 1:
        msg = f"{str(path)!r} must have at least one row and one row in a chunk: it is damaged"
        raise ReadError(msg)
    return header


def _digest(header):
    """Digest of the description of a simulation."""
    plain = {name: value for name, value in header.items() if name != _DIGEST}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _execute(make, todo, n_workers):
    """Write chunks; yields the number of rows of each when it is finished."""
    pickled = pack(make)
    if n_workers == 1:
        fresh = unpack(pickled)  # as in a worker, without cached values
        yield from (_write(fresh, chunk) for chunk in todo)
        return
    tasks = ((chunk, os.getpid()) for chunk in todo)
    yield from compute_unordered(_write_in_worker, tasks, n_workers, pickled)


def _write_in_worker(pickled, chunk, caller):
    """Write a chunk in a worker process and return only its number of rows."""
    if os.getppid() == caller:  # not in a thread of the caller
        end_with_parent(caller)
    return _write(unpack_once(pickled), chunk)


def _write(make, chunk):
    """Simulate and write a chunk; returns its number of rows.

    It uses one thread: sums in another order would be rounded differently.
    """
    try:
        with threadpool_limits(1):
            chunk.write(*make(chunk.start, chunk.stop))
    except Exception as error:
        msg = (
            f"rows {chunk.start} to {chunk.stop - 1} could not be simulated "
            f"({type(error).__name__}: {error}); finished chunks in {str(chunk.folder)!r} are kept"
        )
        raise DustestError(msg) from error
    return len(chunk)


def _read_rows(chunk, kind, start, stop):
    """Rows of a chunk within limits."""
    return chunk.read(kind)[max(start - chunk.start, 0) : stop - chunk.start]


def _concatenate(parts):
    """Concatenate tables of the same columns, with the meta of the first."""
    meta = parts[0].meta
    for part in parts:
        part.meta = {}
    joined = vstack(parts)
    joined.meta = meta
    return joined
