"""Runs on galaxies that do not fit into memory: a source yields them in parts.

A source of galaxies has ``len`` and a method ``samples``, which yields one sample after the other,
always the same ones in the same order: a catalogue of `~dustest.io.open_catalog`, a
`~dustest.simulate.SimulatedSet`, or an object of the user's own; a list of such sources is one.
"""

from contextlib import closing

import numpy as np
from astropy.table import vstack

from dustest.data.checks.identifiers import has_ids, row_numbers
from dustest.data.collected_warnings import CollectedWarnings
from dustest.data.containers.result_files import WITH_PARTS, ResultWriter, open_result
from dustest.data.errors import InputError
from dustest.data.files.paths import replacing
from dustest.data.messages import argument, shown
from dustest.data.progress import progress_bar
from dustest.data.worker_processes import count_workers
from dustest.estimators.run.runner import chunk_rows

__all__ = ["check_output", "estimate_parts", "regroup", "with_row_numbers"]

_PART_BYTES = 2**24
"""Size of the data of a part in memory for each worker, if that is enough for two batches."""
_PART_ROWS = 8192
"""Greatest number of rows of a part for each worker."""
_BATCHES = 2, 16
"""Least and greatest number of batches of a part for each worker: workers without one wait for the
others at the end of a part."""


def check_output(output, file_format):
    """Raise an error if the result of a source has no file, or one that is not written in parts.

    Parameters
    ----------
    output : str, path-like or None
        File of the result.
    file_format : str or None
        Its format.

    Raises
    ------
    InputError
        If it is not FITS or Parquet.
    """
    if output is None:
        msg = (
            "output must be given for galaxies that are read in parts, since their result may "
            f"not fit into memory: pass {argument('output', 'result.parquet')}"
        )
        raise InputError(msg)
    if file_format not in WITH_PARTS.values():
        msg = f"output must end in .fits or .parquet to be written in parts, got {str(output)!r}"
        raise InputError(msg)


def estimate_parts(source, estimator, estimate, output, *, n_jobs=None, progress=None):
    """Estimate the galaxies of a source, and write the result part by part.

    Parameters
    ----------
    source : object or sequence of object
        Source of n galaxies, or several.
    estimator : DustEstimator
        The estimator, whose batches decide the length of the parts.
    estimate : callable
        ``estimate(sample, start, bar)`` returns the result of a part that begins at row
        ``start``, and updates the progress bar.
    output : str or path-like
        File of the result, which is complete or absent.
    n_jobs : int, optional
        Number of worker processes, as in joblib: with more of them, parts are larger.
    progress : bool, optional
        Whether to show progress.

    Returns
    -------
    result : OpenedResult
        The result, on disc.

    Raises
    ------
    InputError
        If the sources yield other numbers of rows than they say, or other columns in one sample
        than in another. Sources that list their columns are checked before anything is computed.

    Warns
    -----
    DustestWarning
        The warnings of all parts, each once.
    """
    sources = source if isinstance(source, list | tuple) else [source]
    _check_columns(sources)
    n_rows = sum(map(len, sources))
    collected, start = CollectedWarnings(), 0
    sizes = chunk_rows(estimator), estimator.rows_at_once
    samples = regroup(_samples(sources), *sizes, count_workers(n_jobs))
    options = {"total": n_rows, "desc": type(estimator).__name__, "unit": "galaxy"}
    with (
        progress_bar(None, progress, **options) as bar,
        replacing(output) as partial,
    ):
        with ResultWriter(partial) as writer, closing(samples) as parts:
            while True:
                with collected.part():
                    sample = next(parts, None)
                    if sample is None:
                        break
                    table = estimate(sample, start, bar)
                collected.count(len(sample))
                writer.append(table)
                start += len(sample)
                # Rows of an earlier run, and those without data, were not counted.
                bar.update(start - bar.n)
                # Memory for the next part.
                del sample, table
        if start != n_rows:
            msg = f"a source of {n_rows} galaxies must yield as many, got {start}"
            raise InputError(msg)
    collected.give(stacklevel=4)
    return open_result(output)


def _check_columns(sources):
    """Raise an error if sources that list their columns have others than the first."""
    first = None
    for where, source in _named(sources):
        names = getattr(source, "colnames", None)
        if names is not None:
            first = first or (where, names)
            _compare_columns(first, (where, names))


def _named(sources):
    """Pairs of a description and a source."""
    for number, source in enumerate(sources, start=1):
        name = getattr(getattr(source, "path", None), "name", None)
        yield f"source {number}" + (f" ({name})" if name else ""), source


def _samples(sources):
    """Samples of one source after the other, which have the columns of the first."""
    first = None
    for where, source in _named(sources):
        for sample in source.samples():
            first = first or (where, sample.colnames)
            _compare_columns(first, (where, sample.colnames))
            yield sample


def _compare_columns(first, other):
    """Raise an error if a source has other columns than the first one."""
    (known, expected), (where, names) = first, other
    lacking = [name for name in expected if name not in names]
    added = [name for name in names if name not in expected]
    if lacking or added:
        changes = ("lacks", lacking), ("adds", added)
        words = " and ".join(f"{word} {shown(some)}" for word, some in changes if some)
        msg = (
            f"all samples must have the same columns, but one of {where} {words}, compared with "
            f"the first of {known}: make them equal, or give each source its own output"
        )
        raise InputError(msg)


def regroup(samples, chunk, rows_at_once=1, n_workers=1):
    """Regroup samples, so that galaxies are run together as those of one sample are.

    Parameters
    ----------
    samples : iterable of GalaxySample
        Samples of any length.
    chunk : int
        Number of rows that are run together.
    rows_at_once : int, optional
        Number of rows of a batch.
    n_workers : int, optional
        Number of worker processes, each of which has at least two batches of a part.

    Yields
    ------
    sample : GalaxySample
        Samples of one length, a multiple of ``chunk``; the last may be shorter.
    """
    waiting, n_waiting, n_rows = [], 0, None
    for given in samples:
        sample = given
        if n_rows is None and len(sample):
            n_chunks = -(-n_workers * _rows_of_worker(sample, rows_at_once) // chunk)
            n_rows = chunk * n_chunks
        while len(sample):
            waiting.append(sample[: n_rows - n_waiting])
            sample = sample[n_rows - n_waiting :]
            n_waiting += len(waiting[-1])
            if n_waiting == n_rows:
                n_waiting = 0
                yield _joined(waiting)
    if waiting:
        yield _joined(waiting)


def _rows_of_worker(sample, rows_at_once):
    """Number of rows of a part for each worker."""
    row_bytes = sum(getattr(column, "nbytes", 0) for column in sample.itercols()) // len(sample)
    n_rows = min(_PART_BYTES // max(row_bytes, 1), _PART_ROWS)
    return rows_at_once * int(np.clip(n_rows // rows_at_once, *_BATCHES))


def _joined(samples):
    """One sample of several with the same columns; the list is empty then."""
    first = samples[0]
    joined = vstack(samples, metadata_conflicts="silent") if len(samples) > 1 else first
    samples.clear()
    return joined


def with_row_numbers(sample, start):
    """Number the rows of a part whose galaxies have no identifiers.

    Parameters
    ----------
    sample : GalaxySample
        Galaxies, numbered from 0; changed in place.
    start : int
        Number of the first in the source.

    Returns
    -------
    sample : GalaxySample
        The same.
    """
    if not has_ids(sample):
        sample["id"] = row_numbers(len(sample), first=start)
    return sample
