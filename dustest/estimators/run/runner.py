"""Running of a method on a sample: batches, workers, failures, flags and progress."""

import time
import warnings
from dataclasses import dataclass, field, replace
from functools import partial

import joblib
import numpy as np

from dustest.data.errors import DustestError, RowsWarning
from dustest.data.flags import FLAGS
from dustest.data.kinds import KINDS
from dustest.data.progress import progress_bar
from dustest.data.registry import pack
from dustest.data.worker_processes import (
    WorkerLimits,
    compute_unordered,
    count_workers,
    unpack_once,
)
from dustest.estimators.run.batch import ExtraColumn
from dustest.estimators.run.contract import blank_columns, checked_estimates
from dustest.estimators.run.files.row_records import KEY_BYTES
from dustest.estimators.run.magnification import demagnify
from dustest.estimators.run.summary import Rows, Summary, summarise
from dustest.estimators.run.workers import (
    Failure,
    borrowed_worker,
    run_in_workers,
)

__all__ = ["chunk_rows", "declared_columns", "run"]

_SPECTRUM = "spectrum_wavelength"
_CHUNK, _LARGE_CHUNK = 2**12, 2**15
"""Numbers of galaxies that are sorted by redshift together, if the redshift is required; the
larger one is that of isolated estimators, which compute the most for each redshift."""

_THREADS = 4
"""Smallest number of threads of an estimator that runs in threads: while one waits for the slowest
core to finish a layer of its network, the others continue."""

_WORTH_WORKERS = 4.0
"""Seconds of further work from which worker processes are started: each takes about a second."""

_WORTH_SENDING = 0.25
"""Seconds of processor time of a batch from which the others are sent to the workers of a cluster:
for faster methods, sending the data takes longer than the work."""

_BLOCK_BYTES = 2**23
"""Size of the data in memory at once: arrays of more than about 32 MB are newly allocated by the
system, which takes longer than filling them, and smaller ones fit better in the cache."""

_UNFINISHED = FLAGS["TIMED_OUT"].value | FLAGS["FAILED"].value
"""Flags of rows that are not stored."""


def run(estimator, sample, summary, *, seed, n_jobs=None, progress=None, store=None):
    """Estimate every galaxy of a sample.

    Parameters
    ----------
    estimator : DustEstimator
        The estimator, fitted.
    sample : GalaxySample
        Checked sample of n galaxies.
    summary : Summary
        Summaries of the draws to keep.
    seed : int
        Seed of the run.
    n_jobs : int, optional
        Number of worker processes, as in joblib.
    progress : bool or bar, optional
        Whether to show a progress bar; by default on terminals and in notebooks. A bar of a
        longer run is updated.
    store : ResultStore, optional
        Store of finished rows.

    Returns
    -------
    rows : Rows
        Results of n galaxies, in the order of the sample, with NaN and a flag for rows without an
        estimate.
    """
    declared = declared_columns(estimator, sample, summary.n_draws)
    result = _Assembly(len(sample), extra=blank_columns(declared, len(sample)))
    # Only a store needs the fingerprint, which digests the learned state.
    shelf = None
    if store is not None:
        shelf = _Shelf(store, _fingerprint(estimator, sample, summary, seed), len(sample))
    parameters = estimator._parameters_of(sample.bands) if summary.n_draws else None
    compute = _Compute(summary, declared, estimator._wanted, parameters)
    look = _look_over if shelf is None else shelf.look_over
    if shelf is None or shelf.is_empty:
        todo = _blocks(np.arange(len(sample)), chunk_rows(estimator))
    else:
        # Rows that are not in the store were checked when they were searched for.
        todo, look = _plan(estimator, sample, result, shelf), _take_all
    tasks = _tasks(estimator, sample, todo, result.flags, seed, look)
    left = sum(map(len, todo))
    label = type(estimator).__name__
    with progress_bar(None, progress, total=left, desc=label, unit="galaxy") as bar:
        for index, outcome in _execute(estimator, compute, tasks, n_jobs, left):
            result.put(index, outcome)
            if shelf is not None and isinstance(outcome, Rows):
                shelf.put(index, outcome)
            bar.update(len(index))
            left -= len(index)
        bar.update(left)
    result.warn_of_failures(sample)
    return Rows(result.values, result.flags, result.extra)


def chunk_rows(estimator):
    """Number of galaxies that are run together.

    Parameters
    ----------
    estimator : DustEstimator
        The estimator.

    Returns
    -------
    n_rows : int
        A multiple of the numbers of galaxies of most batches.
    """
    return _LARGE_CHUNK if estimator.isolated else _CHUNK


def declared_columns(estimator, sample, n_draws):
    """Further columns of the result of a run.

    Parameters
    ----------
    estimator : DustEstimator
        The estimator.
    sample : GalaxySample
        The galaxies.
    n_draws : int
        Number of draws that are kept; the fitted data are kept with them.

    Returns
    -------
    dict of str to ExtraColumn
        By name.
    """
    columns = estimator._extra_columns(sample.bands)
    if n_draws:
        columns = columns | estimator._data_columns(sample.bands)
    has_spectra = _SPECTRUM in sample.colnames
    n_pixels = sample[_SPECTRUM].shape[1] if has_spectra else 0
    return {
        name: column.with_pixels(n_pixels)
        for name, column in columns.items()
        if n_pixels or not column.of_spectrum
    }


def _fingerprint(estimator, sample, summary, seed):
    """Everything that rows depend on besides their data, for the store."""
    usable = estimator.usable_kinds
    kinds = [kind for kind in KINDS.values() if kind.is_in(sample)]
    kinds = [kind for kind in kinds if usable is None or kind.name in usable]
    items = [item for kind in kinds if kind.per for item in kind.items_in(sample)]
    fingerprint = estimator._fingerprint(seed, [*(kind.name for kind in kinds), *items])
    if summary.points:
        fingerprint = f"{fingerprint} points={','.join(summary.points)}"
    if not summary.n_draws:
        return fingerprint
    return f"{fingerprint} draws={summary.n_draws}{' prior' * summary.prior}"


class _Shelf:
    """Rows in a store by their number in the sample."""

    def __init__(self, store, fingerprint, n_rows):
        self.is_empty = not store.has_earlier_rows()
        self._store = store
        self._fingerprint = fingerprint
        self._keys = np.zeros((n_rows, KEY_BYTES), np.uint8)
        self._is_missing = np.zeros(n_rows, dtype=bool)

    def look_over(self, estimator, sample, index, batch, flags):
        """As `_look_over`; the rows that can be estimated are then wanted."""
        wanted = _look_over(estimator, sample, index, batch, flags)
        if len(wanted) < len(index):
            index, batch = index[wanted], batch[wanted]
        if len(wanted):
            keys = b"".join(batch.row_keys(self._fingerprint))
            self._keys[index] = np.frombuffer(keys, np.uint8).reshape(-1, KEY_BYTES)
            self._is_missing[index] = True
        return wanted

    def take(self):
        """Number in the sample of the wanted rows that are stored, with these rows."""
        wanted = np.flatnonzero(self._is_missing)
        for positions, rows in self._store.find(self._keys[wanted]):
            self._is_missing[wanted[positions]] = False
            yield wanted[positions], rows

    def missing(self, index):
        """Those of some rows that are wanted and not stored."""
        return index[self._is_missing[index]]

    def put(self, index, rows):
        """Store rows, without those that failed, which are tried again when a run is resumed."""
        good = (rows.flags & _UNFINISHED) == 0
        if good.any():
            self._store.put(self._keys[index[good]], rows if good.all() else rows[good])


def _plan(estimator, sample, result, shelf):
    """Rows that are not stored, in chunks; stored rows are put into the result."""
    chunks = _blocks(np.arange(len(sample)), chunk_rows(estimator))
    for chunk in chunks:
        for block in _blocks(chunk, _block_size(sample)):
            batch = estimator._batch(sample, _rows(block))
            shelf.look_over(estimator, sample, block, batch, result.flags)
    for index, rows in shelf.take():
        result.put(index, rows)
    missing = [shelf.missing(chunk) for chunk in chunks]
    return [index for index in missing if len(index)]


def _look_over(estimator, sample, index, batch, flags):
    """Positions in a batch of the rows that can be estimated; sets the flags of all rows."""
    in_range = _redshift_in_range(estimator, batch)
    has_data = _has_required(estimator, batch)
    flags[index] = _input_flags(estimator, batch, in_range, has_data)
    if "flags" in sample.colnames:
        flags[index] |= sample["flags"][index]
    return np.flatnonzero(in_range & has_data)


def _take_all(estimator, sample, index, batch, flags):  # noqa: ARG001 - as `_look_over`
    """Positions in a batch of rows that were checked before."""
    return np.arange(len(index))


def _tasks(estimator, sample, todo, flags, seed, look):
    """Seeded batches of some rows, by redshift if it is required."""
    rows_at_once = estimator._rows_of_batch(sample)
    block_size = max(_block_size(sample) // rows_at_once, 1) * rows_at_once
    for unsorted in todo:
        index = unsorted
        if "redshift" in estimator.requires:
            # What a method computes for one redshift is then used for all rows that share it.
            index = index[np.argsort(sample["redshift"][index], kind="stable")]
        for block in _blocks(index, block_size):
            batch = estimator._batch(sample, _rows(block))
            wanted = look(estimator, sample, block, batch, flags)
            if len(wanted):
                yield from _parts(block, batch, wanted, rows_at_once, seed)


def _parts(index, batch, wanted, rows_at_once, seed):
    """Seeded batches of some rows of a larger one, with their numbers."""
    if len(wanted) < len(index):
        index, batch = index[wanted], batch[wanted]
    batch = batch.seeded(seed)
    for start in range(0, len(index), rows_at_once):
        rows = slice(start, start + rows_at_once)
        yield index[rows], batch[rows]


def _block_size(sample):
    """Number of galaxies to load at once."""
    row_bytes = sum(getattr(column, "nbytes", 0) for column in sample.itercols()) // len(sample)
    return int(np.clip(_BLOCK_BYTES // max(row_bytes, 1), 1, _CHUNK))


def _blocks(index, size):
    """Consecutive parts of an array."""
    return [index[start : start + size] for start in range(0, len(index), size)]


def _rows(index):
    """Row numbers, as a slice if they are consecutive: it needs no copy."""
    first, last = int(index[0]), int(index[-1])
    if np.array_equal(index, np.arange(first, last + 1)):
        return slice(first, last + 1)
    return index


def _has_required(estimator, batch):
    """Rows with data of every kind that the estimator requires."""
    usable = np.ones(len(batch), dtype=bool)
    for alternatives in estimator.required_data:
        present = [getattr(batch, f"has_{kind}") for kind in alternatives]
        usable &= np.any(present, axis=0)
    return usable


def _redshift_in_range(estimator, batch):
    """Rows with a redshift that the estimator can use."""
    if estimator.redshift_range is None and "redshift" not in estimator.requires:
        return np.ones(len(batch), dtype=bool)
    low, high = estimator.redshift_range or (0.0, np.inf)
    return (batch.redshift >= low) & (batch.redshift <= high)


def _input_flags(estimator, batch, in_range, has_data):
    """Flags that follow from the data of the rows only."""
    flags = np.zeros(len(batch), dtype=np.int32)
    needed = {kind for alternatives in estimator.required_data for kind in alternatives}
    if "flux" in needed:
        known = np.isfinite(batch.flux)
        if estimator.uses_limits:
            known |= np.isfinite(batch.flux_limit)
        flags[~known.all(axis=1)] |= FLAGS["MISSING_BAND"].value
    flags[~in_range] |= FLAGS["REDSHIFT_OUT_OF_RANGE"].value
    flags[in_range & ~has_data] |= FLAGS["NO_DATA"].value
    return flags


def _execute(estimator, compute, tasks, n_jobs, n_rows):
    """Index and outcome of every batch."""
    n_workers = count_workers(n_jobs)
    if _is_cluster():
        return _by_cluster(estimator, compute, tasks, n_workers)
    if estimator.isolated:
        return _in_workers(estimator, compute, tasks, n_workers)
    if estimator.threaded:
        return _in_threads(estimator, compute, tasks, n_workers)
    return _here(estimator, compute, tasks, n_workers, n_rows)


def _is_cluster():
    """Whether `joblib.parallel_config` chose a backend of others, such as that of dask."""
    backend, _ = joblib.parallel.get_active_backend()
    return type(backend).__module__ != joblib.parallel.ThreadingBackend.__module__


def _here(estimator, compute, tasks, n_workers, n_rows):
    """Outcomes in this process, and in workers as soon as these are worth their start."""
    start, done = time.monotonic(), 0
    for index, batch in tasks:
        yield from _outcomes(partial(compute, estimator), index, batch)
        done += len(index)
        spent = time.monotonic() - start
        if n_workers > 1 and spent * (n_rows - done) > _WORTH_WORKERS * done:
            yield from _in_workers(estimator, compute, tasks, n_workers)


def _in_threads(estimator, compute, tasks, n_workers):
    """Outcomes in threads of this process."""
    parallel = joblib.Parallel(
        max(n_workers, _THREADS), backend="threading", return_as="generator_unordered"
    )
    attempt = joblib.delayed(_outcomes)
    for outcomes in parallel(attempt(partial(compute, estimator), *task) for task in tasks):
        yield from outcomes


def _by_cluster(estimator, compute, tasks, n_workers):
    """Outcomes in the workers of the backend that the caller chose, if they are worth sending."""
    if estimator.isolated:
        yield from _on_cluster(estimator, compute, tasks, n_workers)
    for index, batch in tasks:
        start = time.thread_time()
        yield from _outcomes(partial(compute, estimator), index, batch)
        if time.thread_time() - start > _WORTH_SENDING:
            yield from _on_cluster(estimator, compute, tasks, n_workers)
        elif estimator.threaded:
            yield from _in_threads(estimator, compute, tasks, n_workers)


def _on_cluster(estimator, compute, tasks, n_workers):
    """Outcomes in the workers of the backend that the caller chose."""
    options = estimator.isolated, WorkerLimits.of(estimator)
    calls = ((*options, *task) for task in tasks)
    setup = pack((estimator, compute))
    for outcomes in compute_unordered(_attempt_remotely, calls, n_workers, setup):
        yield from outcomes


def _attempt_remotely(setup, isolated, limits, index, batch):
    """Indices and outcomes of a batch in a worker of a cluster."""
    if isolated:
        with borrowed_worker(setup, limits) as worker:
            return _outcomes(worker.compute, index, batch)
    estimator, compute = unpack_once(setup)
    return _outcomes(partial(compute, estimator), index, batch)


def _in_workers(estimator, compute, tasks, n_workers):
    """Outcomes of batches in own processes; a batch that fails is repeated row by row."""
    options = {"n_workers": n_workers, "limits": WorkerLimits.of(estimator)}
    again = []
    for index, batch, outcome in run_in_workers(estimator, compute, tasks, **options):
        if _is_final(outcome, batch):
            yield index, outcome
        else:
            again += _single_rows(index, batch)
    if again:
        for index, _, outcome in run_in_workers(estimator, compute, again, **options):
            yield index, outcome


def _is_final(outcome, batch):
    """Whether a batch need not be repeated row by row."""
    return isinstance(outcome, Rows) or (len(batch) == 1 and not outcome.died)


def _outcomes(compute, index, batch):
    """Indices and outcomes of a batch; a batch that fails is repeated row by row."""
    outcome = compute(batch)
    if _is_final(outcome, batch):
        return [(index, outcome)]
    return [(number, compute(row)) for number, row in _single_rows(index, batch)]


def _single_rows(index, batch):
    """Batches of one row."""
    return [(index[i : i + 1], batch[i : i + 1]) for i in range(len(batch))]


@dataclass(frozen=True)
class _Compute:
    """Computes a batch with the method and summarises it."""

    summary: Summary
    declared: dict
    wanted: tuple
    parameters: dict | None

    def __call__(self, estimator, batch):
        try:
            batch = replace(batch, keeps_data=bool(self.summary.n_draws))
            estimates = estimator._estimates(batch)
            name = type(estimator).__name__
            estimates = checked_estimates(
                estimates, self.declared, len(batch), name, self.parameters
            )
            log_prior = estimator._log_priors(batch, estimates) if self.summary.prior else {}
            if estimator.magnified:
                estimates = demagnify(estimates, batch, self.declared | (self.parameters or {}))
            return summarise(estimates, self.summary, batch.seed, self.wanted, log_prior)
        except DustestError:
            raise
        except Exception as error:  # noqa: BLE001 - a failed row is a flag and stops no other row
            return Failure("FAILED", _reason(error, estimator))


def _reason(error, estimator):
    """Why a batch failed, in one line."""
    limit = estimator.memory_limit
    if limit is not None and isinstance(error, MemoryError):
        return f"it needs more memory than memory_limit = {limit}: {error}".rstrip(": ")
    return f"{type(error).__name__}: {error}"


@dataclass
class _Assembly:
    """Result columns of n galaxies, filled as rows are finished."""

    n_rows: int
    values: dict = field(default_factory=dict)
    extra: dict = field(default_factory=dict)
    failures: list = field(default_factory=list)

    def __post_init__(self):
        self.flags = np.zeros(self.n_rows, dtype=np.int32)

    def put(self, index, outcome):
        """Fill in an outcome."""
        if isinstance(outcome, Failure):
            self.failures.append((int(index[0]), outcome.reason))
            self.flags[index] |= FLAGS[outcome.flag].value
            return
        self.flags[index] |= outcome.flags
        for kind in ("values", "extra"):
            columns = getattr(self, kind)
            for name, part in getattr(outcome, kind).items():
                columns[name] = _with_room(columns.get(name), part, self.n_rows)
                columns[name][index] = part

    def warn_of_failures(self, sample):
        """Warn once of all rows that failed."""
        if self.failures:
            row, reason = min(self.failures)
            msg = (
                "{count} of {n_rows} galaxies failed and are flagged; the first is row {row} "
                "(id {id}): {reason}"
            )
            first = {"row": row, "id": sample["id"][row], "reason": reason}
            warning = RowsWarning(msg, len(self.failures), self.n_rows, first)
            warnings.warn(warning, stacklevel=4)


def _with_room(column, part, n_rows):
    """A column that can contain a part: longer text and larger numbers need another type."""
    if column is None:
        return ExtraColumn(shape=part.shape[1:], dtype=part.dtype).blank(n_rows)
    if column.dtype == part.dtype:
        return column
    return column.astype(np.promote_types(column.dtype, part.dtype), copy=False)
