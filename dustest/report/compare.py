"""`compare`, which runs estimators side by side."""

import platform
import re
import warnings
from datetime import UTC, datetime
from numbers import Integral
from pathlib import Path

from astropy.table import Table

from dustest.data.coerce import as_sample
from dustest.data.errors import DustestError, DustestWarning, InputError
from dustest.data.files import installed_version
from dustest.data.messages import argument
from dustest.data.results import DustTable
from dustest.report.comparison import Comparison
from dustest.validation.comparison import compare_tables, comparison_pairs, flag_counts
from dustest.validation.matching import match_rows, truth_table

__all__ = ["compare"]

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
    outlier_limit=None,
    n_bootstrap=200,
    random_state=None,
    notes=(),
):
    """Run estimators on the same galaxies and compare what they say.

    An estimator that fails does not take the others down: it becomes a warning and an entry
    of ``failures``.

    Parameters
    ----------
    estimators : dict of str to DustEstimator or DustTable
        Anything with a method ``estimate``, or results made before, by the name to show.
        Results may cover a part of the sample; rows are paired by id then.
    sample : GalaxySample or anything that `~dustest.data.as_sample` takes, optional
        Galaxies. Not needed where all results were made before.
    reference : str, optional
        Name of the estimator that the others are compared with; by default all pairs are.
    truth : Table, optional
        True values: a column for each known quantity, and ``id``; without ids its rows are
        those of the sample.
    quantities : sequence of str, optional
        Quantities to compare; by default all that at least two sides give.
    limits : dict of str to int, optional
        How many galaxies, from the first, an estimator gets that is too slow for all.
    output : str or path-like, optional
        Folder for the results, ``<name>.ecsv`` for each estimator that runs.
    resume : bool, optional
        Go on with an earlier run that had the same ``output``.
    n_jobs : int, optional
        Number of processes, counted as joblib does.
    progress : bool, optional
        Whether to show progress bars; by default on a terminal.
    outlier_limit : float, optional
        Residual beyond which a galaxy is an outlier, in the unit of each quantity; by default
        3 NMAD about the median.
    n_bootstrap : int, optional
        Number of resamples behind the errors of the metrics.
    random_state : None, int or `~numpy.random.Generator`, optional
        Seed of these resamples. Estimators have their own.
    notes : sequence of str, optional
        What a reader of the report should know.

    Returns
    -------
    comparison : Comparison
        Tables, metrics, flags, figures and the report.

    Raises
    ------
    InputError
        If the sample, the truth or a name cannot be used.
    DustestError
        If no estimator gave a result.

    Warns
    -----
    DustestWarning
        If an estimator failed.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest import compare
    >>> from dustest.data import DustTable
    >>> one = DustTable.from_quantities([1, 2, 3], {"A_V": [0.2, 0.5, 0.9]})
    >>> two = DustTable.from_quantities([1, 2, 3], {"A_V": [0.3, 0.5, 1.0]})
    >>> truth = QTable({"A_V": [0.2, 0.4, 0.8]})
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
        "random_state": random_state,
        "progress": progress,
    }
    _check_names(estimators, reference, truth)
    limits = _checked_limits(limits, estimators)
    # Comparing nothing checks the options now, not after hours of fitting.
    compare_tables({}, **metric_options | {"random_state": None})
    sample = None if sample is None else as_sample(sample)
    ready = {name: _ready_table(name, made, sample) for name, made in estimators.items()}
    truth = None if truth is None else _truth_of(truth, sample, ready)
    to_run = {name: made for name, made in estimators.items() if ready[name] is None}
    files = _output_files(to_run, output, resume)
    options = {
        name: {"n_jobs": n_jobs, "progress": progress} | files.get(name, {}) for name in to_run
    }
    samples = {name: sample[: limits.get(name)] for name in to_run}
    made, failures = _run_all(to_run, samples, options)
    tables = {name: made.get(name, ready[name]) for name in estimators if name not in failures}
    return _comparison(
        tables, failures, truth=truth, reference=reference, notes=notes, **metric_options
    )


def _check_names(estimators, reference, truth):
    """Refuse names that do not work before anything long runs."""
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
    limits = dict(limits or {})
    for name, rows in limits.items():
        if name not in estimators or not isinstance(rows, Integral) or rows < 1:
            msg = (
                f"limits must give a positive number of galaxies for names out of "
                f"{list(estimators)}, got {name!r}: {rows!r}"
            )
            raise InputError(msg)
    return limits


def _ready_table(name, made, sample):
    """A table made before, cut to the sample's galaxies; None for what has yet to run."""
    if not isinstance(made, Table):
        if not callable(getattr(made, "estimate", None)):
            msg = (
                f"estimators[{name!r}] must be a DustTable or have a method estimate, "
                f"got {type(made).__name__}"
            )
            raise InputError(msg)
        if sample is None:
            msg = f"sample must be given for {name} to run on, got None"
            raise InputError(msg)
        return None
    if not {"id", "flags"} <= set(made.colnames):
        msg = f"estimators[{name!r}] must have the columns of a DustTable, got {made.colnames}"
        raise InputError(msg)
    table = DustTable(made, copy=False)
    if sample is None:
        return table
    rows, _ = match_rows(table["id"], sample["id"], names=(name, "the sample"))
    return table[rows]


def _truth_of(truth, sample, ready):
    """The truth with ids: its own, else those of the sample or of the results."""
    if sample is not None:
        return truth_table(truth, {"the sample": sample})
    return truth_table(truth, ready)


def _output_files(names, output, resume):
    """Where each estimator keeps its results, as arguments of ``estimate``."""
    if output is None:
        return {}
    unsafe = [name for name in names if not re.fullmatch(r"\w[\w .+-]*", name)]
    if unsafe:
        msg = f"names of estimators must do as file names where output is given, got {unsafe}"
        raise InputError(msg)
    folder = Path(output)
    files = {name: folder / f"{name}.ecsv" for name in names}
    existing = [path.name for path in files.values() if path.exists()]
    if existing and not resume:
        msg = (
            f"output {str(folder)!r} holds results already ({', '.join(existing)}); pass "
            f"{argument('resume', True)} to go on with them, or choose another folder"
        )
        raise InputError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    return {name: {"output": path, "resume": resume} for name, path in files.items()}


def _run_all(estimators, samples, options):
    """Results and reasons of failures, each by name."""
    tables, failures = {}, {}
    for name, estimator in estimators.items():
        try:
            tables[name] = _run(estimator, samples[name], options[name])
        # Whatever goes wrong inside one estimator, a stranger's too, must not cost the others.
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


def _comparison(tables, failures, *, truth, reference, notes, **options):
    """The comparison of the results that there are."""
    if not tables:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
        msg = f"no estimator gave a result: {reasons}"
        raise DustestError(msg)
    reference = None if reference in failures else reference
    return Comparison(
        tables=tables,
        metrics=compare_tables(tables, truth=truth, reference=reference, **options),
        flags=flag_counts(tables),
        truth=truth,
        reference=reference,
        failures=failures,
        notes=(notes,) if isinstance(notes, str) else tuple(notes),
        meta=_provenance(),
    )


def _provenance():
    """When, and with which versions."""
    versions = {name: installed_version(name) for name in _PACKAGES}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return {"created": created, **versions, "python": platform.python_version()}
