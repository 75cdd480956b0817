"""`compare`, which runs several estimators on the same galaxies."""

import platform
import re
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from numbers import Integral
from os import PathLike
from pathlib import Path

from dustest.data.checks.identifiers import has_ids
from dustest.data.checks.numbers import check_number, check_whole
from dustest.data.checks.tables import as_table, is_table_like
from dustest.data.containers.conversion import as_sample
from dustest.data.containers.result_files import OpenedResult, open_result
from dustest.data.containers.results import DustTable
from dustest.data.containers.reweighting import DRAWS
from dustest.data.errors import DustestError, DustestWarning, InputError
from dustest.data.files.paths import installed_version, writable_folder
from dustest.data.identity.seeds import as_generator
from dustest.data.messages import argument, did_you_mean, shown
from dustest.data.quantities import (
    QUANTITIES,
    core_quantities,
    percentile_columns,
    quantity_column,
)
from dustest.report.comparison import Comparison
from dustest.validation.comparison import compare_pairs, comparison_pairs, flag_counts
from dustest.validation.matching import (
    TRUTH,
    check_overlap,
    checked_truth,
    identified,
    match_rows,
)
from dustest.validation.posteriors.paired_differences import compare_scores

__all__ = ["compare"]

_SAMPLE = "the sample"
_OPENED = (".fits", ".parquet")
_PACKAGES = ("dustest", "numpy", "scipy", "astropy", "matplotlib")


def compare(
    estimators,
    sample=None,
    *,
    reference=None,
    truth=None,
    quantities=None,
    limits=None,
    output=None,
    resume=False,
    n_jobs=None,
    progress=None,
    draws=0,
    outlier_limit=None,
    n_bootstrap=200,
    random_state=None,
    notes=(),
):
    """Run estimators on the same galaxies and compare their results.

    If one estimator fails, the others still run; the failure is a warning and an entry of
    ``failures``.

    Parameters
    ----------
    estimators : dict of str to DustEstimator, DustTable, Table, data frame, OpenedResult or path
        Estimators (any object with a method ``estimate``) or existing results, by name. Of those
        of `~dustest.data.open_result`, and of the paths of FITS and Parquet files, only the
        columns that are compared are read: medians, percentiles, draws and flags. Results
        need a column for a quantity, such as ``A_V``, and may have a part of the sample only;
        rows are paired by identifier, for any usual name of its column.
    sample : GalaxySample or anything that `~dustest.data.as_sample` takes, optional
        Galaxies. Not needed if all results exist.
    reference : str, optional
        Name of the estimator that the others are compared with; by default all pairs are.
    truth : Table, data frame or dict of columns, optional
        True values: a column for each known quantity, and identifiers (``id``, ``ID``,
        ``source_id``, ``NUMBER``, ...), by which rows are paired. Only if neither table has
        identifiers are rows paired by position, with a warning and a note.
    quantities : sequence of str, optional
        Quantities to compare; by default all that at least two tables have.
    limits : dict of str to int, optional
        Number of galaxies, from the first, for estimators that are too slow for all.
    output : str or path-like, optional
        Folder for the results, with ``<name>.ecsv`` for each estimator that runs.
    resume : bool, optional
        Resume an earlier run with the same ``output``.
    n_jobs : int, optional
        Number of processes, as in joblib.
    progress : bool, optional
        Whether to show progress bars; by default on terminals and in notebooks.
    draws : int, optional
        Number of joint draws of the posterior to keep for each galaxy, by the estimators that
        have one; with them, pages of galaxies show the fits.
    outlier_limit : float or `~astropy.units.Quantity`, optional
        Residual beyond which a galaxy is an outlier, in the unit of each quantity; by default
        3 NMAD about the median.
    n_bootstrap : int, optional
        Number of resamples for the errors of the metrics.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of these resamples. Estimators have their own seeds.
    notes : sequence of str, optional
        Notes for the report.

    Returns
    -------
    comparison : Comparison
        Tables, metrics, flags, figures and the report.

    Raises
    ------
    InputError
        If the sample, the truth, a name or the output is invalid. This is checked before anything
        runs.
    DustestError
        If no estimator returned a result.

    Warns
    -----
    DustestWarning
        If an estimator failed, or rows are paired by position.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest import compare
    >>> from dustest.data import DustTable
    >>> one = DustTable.from_quantities([1, 2, 3], {"A_V": [0.2, 0.5, 0.9]})
    >>> two = DustTable.from_quantities([1, 2, 3], {"A_V": [0.3, 0.5, 1.0]})
    >>> truth = QTable({"ID": [3, 2, 1], "A_V": [0.8, 0.4, 0.2]})
    >>> result = compare({"one": one, "two": two}, truth=truth, random_state=1)
    >>> print(result.metrics["estimator", "against", "quantity", "n"])
    estimator against quantity  n
    --------- ------- -------- ---
          one   truth      A_V   3
          two   truth      A_V   3
          one     two      A_V   3
    """
    metric_options = {
        "quantities": quantities,
        "outlier_limit": outlier_limit,
        "n_bootstrap": n_bootstrap,
        "random_state": as_generator(random_state),
        "progress": progress,
    }
    _check_names(estimators, reference, truth)
    limits = _checked_limits(limits, estimators)
    # Comparing nothing checks the options now, not after hours of fitting.
    compare_pairs({}, [], **metric_options | {"random_state": None})
    estimators = {name: _read_opened(made, quantities) for name, made in estimators.items()}
    sample = None if sample is None else as_sample(sample)
    ready, truth, found = _pair(estimators, truth, sample)
    samples = {name: sample[: limits.get(name)] for name, made in ready.items() if made is None}
    pairs = partial(comparison_pairs, with_truth=truth is not None)
    check_overlap(ready | samples | {TRUTH: truth}, pairs(estimators, reference=reference))
    options = _run_options(samples, output, resume, n_jobs=n_jobs, progress=progress)
    if check_whole(draws, "draws", minimum=0):
        for name in options:
            if getattr(estimators[name], "uncertainty", "none") != "none":
                options[name] |= {"draws": draws}
    made, failures = _run_all(estimators, samples, options)
    tables = {name: made.get(name, ready[name]) for name in estimators if name not in failures}
    _check_any(tables, failures)
    reference = None if reference in failures else reference
    known = tables if truth is None else tables | {TRUTH: truth}
    metrics = compare_pairs(known, pairs(tables, reference=reference), **metric_options)
    return Comparison(
        *(tables, metrics, flag_counts(tables), truth, reference, failures),
        notes=(*found, *_as_tuple(notes)),
        meta=_provenance(),
        differences=_differences(tables, truth, reference, metric_options),
    )


def _read_opened(made, quantities):
    """The columns that are compared of a result on disc; anything else unchanged."""
    if isinstance(made, str | PathLike) and Path(made).suffix.lower() in _OPENED:
        made = open_result(made)
    if not isinstance(made, OpenedResult):
        return made
    wanted = QUANTITIES if quantities is None else {*core_quantities(), *quantities}
    names = {"id", "flags"}
    for name in wanted:
        names |= {name, *percentile_columns(name), DRAWS.format(name)}
    return made.read([name for name in made.colnames if name in names])


def _differences(tables, truth, reference, options):
    """Differences of the scores of pairs of estimators; None without a truth."""
    if truth is None:
        return None
    names = {
        "quantities": "quantity",
        "n_bootstrap": "n_bootstrap",
        "random_state": "random_state",
    }
    own = {own: options[name] for name, own in names.items()}
    some = {name: table for name, table in tables.items() if len(table)}
    return compare_scores(truth, some, reference=reference if reference in some else None, **own)


def _as_tuple(notes):
    """Notes as a tuple, where they may be one text."""
    return (notes,) if isinstance(notes, str) else tuple(notes)


def _check_names(estimators, reference, truth):
    """Raise an error for invalid names before anything runs."""
    if not isinstance(estimators, dict) or not estimators:
        msg = f"estimators must be a dict of name to estimator or table, got {estimators!r}"
        raise InputError(msg)
    not_text = [name for name in estimators if not isinstance(name, str) or not name]
    if not_text:
        msg = f"names of estimators must be text, got {not_text}"
        raise InputError(msg)
    comparison_pairs(estimators, reference=reference, with_truth=truth is not None)


def _checked_limits(limits, estimators):
    """Numbers of galaxies by name."""
    if limits is not None and not isinstance(limits, Mapping):
        msg = f"limits must be a dict of name to number of galaxies, got {limits!r}"
        raise InputError(msg)
    for name, rows in (limits or {}).items():
        if name not in estimators:
            guess = did_you_mean(name, estimators)
            msg = f"limits must have names out of {list(estimators)}, got {name!r}: {guess}"
            raise InputError(msg.rstrip(": "))
        expected = "a positive number of galaxies"
        check_number(rows, f"limits[{name!r}]", 1, kind=Integral, expected=expected)
    return dict(limits or {})


def _ready_table(name, made, sample):
    """An existing table; None for an estimator."""
    what = f"estimators[{name!r}]"
    if isinstance(made, type):
        msg = (
            f"{what} must be an estimator or a table, and {made.__name__} is a class: pass "
            f"{made.__name__}()"
        )
        raise InputError(msg)
    if is_table_like(made):
        table = as_table(made, what)
        if not any(quantity_column(quantity, table.colnames) for quantity in QUANTITIES):
            msg = (
                f"{what} must have the columns of a DustTable, such as A_V, got "
                f"{shown(table.colnames)}"
            )
            raise InputError(msg)
        return table
    if not callable(getattr(made, "estimate", None)):
        remedy = (
            f": pass DustTable.read({str(made)!r})" if isinstance(made, str | PathLike) else ""
        )
        got = f"{type(made).__name__}{remedy}"
        msg = f"{what} must be a DustTable or have a method estimate, got {got}"
        raise InputError(msg)
    if sample is None:
        msg = f"sample must be given for {name} to run on, got None"
        raise InputError(msg)
    return None


def _pair(estimators, truth, sample):
    """Existing results, cut to the sample, and the truth, all with ids; and notes on them."""
    ready = {name: _ready_table(name, made, sample) for name, made in estimators.items()}
    given = {name: table for name, table in ready.items() if table is not None}
    if truth is not None:
        given[TRUTH] = checked_truth(truth)
    if sample is not None:
        given[_SAMPLE] = sample
    named = identified(given)
    notes = []
    if len(named) > 1 and not any(has_ids(table) for table in named.values()):
        notes.append("Rows are paired by position, since no table has identifiers.")
    cut = dict.fromkeys(ready)
    for name in filter(named.__contains__, ready):
        cut[name], left_out = _cut(name, _as_results(named[name]), sample)
        notes += left_out
    return cut, named.get(TRUTH), notes


def _as_results(table):
    """A table with all columns of a `DustTable`."""
    if isinstance(table, DustTable):
        return table
    contract = [n for name in QUANTITIES for n in (name, *percentile_columns(name))]
    present = {name: table[name] for name in contract if name in table.colnames}
    extra = [name for name in table.colnames if name not in (*contract, "id", "flags")]
    return DustTable.from_quantities(
        table["id"],
        present,
        flags=table["flags"] if "flags" in table.colnames else None,
        extra={name: table[name] for name in extra},
        meta=table.meta,
    )


def _cut(name, table, sample):
    """Rows of a table that are in the sample, and a note on the others."""
    if sample is None:
        return table, []
    rows, _ = match_rows(table["id"], sample["id"], names=(name, _SAMPLE))
    n_others = len(table) - len(rows)
    if n_others == 0:
        return table[rows], []
    return table[rows], [f"{n_others} of {len(table)} rows of {name} are not in the sample."]


def _run_options(names, output, resume, **options):
    """Arguments of ``estimate`` by estimator, with the file for its results."""
    files = {} if output is None else _output_files(names, output, resume)
    return {name: options | files.get(name, {}) for name in names}


def _output_files(names, output, resume):
    """Arguments that save the results of each estimator in a folder."""
    unsafe = [name for name in names if not re.fullmatch(r"\w[\w .+-]*", name)]
    if unsafe:
        msg = f"names of estimators must be valid file names if output is given, got {unsafe}"
        raise InputError(msg)
    if not isinstance(output, str | PathLike):
        msg = f"output must be the path of a folder, got {output!r}"
        raise InputError(msg)
    folder = Path(output)
    files = {name: folder / f"{name}.ecsv" for name in names}
    existing = [path.name for path in files.values() if path.exists()]
    if existing and not resume:
        msg = (
            f"output {str(folder)!r} holds results already ({', '.join(existing)}); pass "
            f"{argument('resume', True)} to resume, or choose another folder"
        )
        raise InputError(msg)
    writable_folder(folder)
    return {name: {"output": path, "resume": resume} for name, path in files.items()}


def _run_all(estimators, samples, options):
    """Results of the estimators with a sample, and reasons of failures, each by name."""
    tables, failures = {}, {}
    for name, sample in samples.items():
        try:
            tables[name] = _run(estimators[name], sample, options[name])
        # No error of one estimator, including those of other packages, must stop the others.
        except Exception as error:  # noqa: BLE001
            failures[name] = f"{type(error).__name__}: {error}"
            warnings.warn(f"{name} gave no result: {failures[name]}", DustestWarning, stacklevel=3)
    return tables, failures


def _run(estimator, sample, options):
    """Results of one estimator, one row for each galaxy."""
    table = estimator.estimate(sample, **options)
    if not isinstance(table, DustTable) or len(table) != len(sample):
        msg = f"estimate must return a DustTable of {len(sample)} rows, got {type(table).__name__}"
        raise DustestError(msg)
    return table


def _check_any(tables, failures):
    """Raise an error if no estimator returned a result."""
    if not tables:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
        msg = f"no estimator gave a result: {reasons}"
        raise DustestError(msg)


def _provenance():
    """Date and versions."""
    versions = {name: installed_version(name) for name in _PACKAGES}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return {"created": created, **versions, "python": platform.python_version()}
