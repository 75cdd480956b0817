"""`benchmark`: run estimators on a set, and write their card."""

from datetime import UTC, datetime

import numpy as np

from dustest.data.errors import InputError
from dustest.estimators import DustEstimator
from dustest.studies.benchmarks.benchmark_record import Benchmark
from dustest.studies.benchmarks.benchmark_registry import BENCHMARKS
from dustest.studies.benchmarks.cache import cache_folder, digest_of_table, package_versions
from dustest.studies.benchmarks.card import BenchmarkCard
from dustest.studies.benchmarks.method_runs import run_method
from dustest.studies.benchmarks.ready_methods import ready_methods
from dustest.studies.benchmarks.scoring import (
    BASELINE,
    flag_shares,
    score_baseline,
    score_method,
)

__all__ = ["benchmark"]

_ENOUGH = 400.0
"""Effective sample size of a fit that is precise."""


def benchmark(
    estimator,
    name="default",
    *,
    against=None,
    folder=None,
    catalogs=None,
    n_jobs=None,
    progress=None,
):
    """Run an estimator on a standard set of galaxies, beside the baseline and other methods.

    Parameters
    ----------
    estimator : DustEstimator or dict of str to DustEstimator
        The estimator, fitted if it learns, or several by name.
    name : str or Benchmark, optional
        Set of galaxies: a name out of ``BENCHMARKS``, or a record.
    against : dict of str to DustEstimator, optional
        Methods to compare with; by default `ready_methods`, the installed ones that need no
        training and the trained models that come with dustest. Empty for the baseline alone.
    folder : str or path-like, optional
        Folder for simulated galaxies and results, by default in the user's cache folder. What is
        there is used if it is of the same galaxies, estimators and versions, and an interrupted
        run resumes.
    catalogs : str or path-like, optional
        Folder of the published catalogues, by default that of the environment variable
        ``DUSTEST_TEST_DATA``.
    n_jobs : int, optional
        Number of processes, as in ``estimate``.
    progress : bool, optional
        Whether to show progress, as in ``estimate``.

    Returns
    -------
    card : BenchmarkCard
        Its ``scores``, ``speeds``, ``flags``, ``plot`` and ``save``; ``left_out`` names other
        methods that did not run, with the reason.

    Raises
    ------
    InputError
        If an argument is invalid, or the estimator cannot estimate the galaxies.
    CatalogMissingError
        If the set is a catalogue that is not at hand.

    Notes
    -----
    Quantities are A_V, log sSFR and log mass, where the estimator gives them: estimators with a
    parameter ``extra`` need ``extra=("log_mass",)``. The baseline predicts the median of the truth
    for every galaxy. Scores of posteriors are computed from 100 draws of each.

    No estimator may have learned from galaxies with the seed of the set.

    Examples
    --------
    >>> from dustest import MeurerEstimator
    >>> from dustest.studies import benchmark
    >>> card = benchmark(MeurerEstimator(), "heavy")  # doctest: +SKIP
    >>> print(card)  # doctest: +SKIP
    >>> card.save("meurer.json")  # doctest: +SKIP
    """
    record = name if isinstance(name, Benchmark) else BENCHMARKS.find(name, "name")
    own = _by_name(estimator)
    kept = cache_folder(folder)
    options = {"n_jobs": n_jobs, "progress": progress}
    galaxies = record.galaxies(kept, catalogs, **options)
    others = against
    if others is None:
        others = ready_methods(getattr(record, "survey", None))
    others = {key: one for key, one in _by_name(others, "against").items() if key not in own}
    runs = {key: run_method(one, galaxies.sample, kept, **options) for key, one in own.items()}
    left_out = {}
    for key, one in others.items():
        # No error of another method must stop the benchmark of an estimator.
        try:
            runs[key] = run_method(one, galaxies.sample, kept, **options)
        except Exception as error:  # noqa: BLE001
            left_out[key] = f"{type(error).__name__}: {error}"
    rows = score_baseline(galaxies)
    for key, run in runs.items():
        rows += score_method(key, run.table, galaxies)
    return BenchmarkCard(
        _about(galaxies),
        rows,
        {key: _about_run(run) for key, run in runs.items()},
        tuple(own),
        left_out,
    )


def _by_name(estimators, argument="estimator"):
    """Estimators by name; a single one has that of its class."""
    if isinstance(estimators, DustEstimator):
        return {type(estimators).__name__: estimators}
    is_dict = isinstance(estimators, dict)
    for name, one in estimators.items() if is_dict else [("", estimators)]:
        if isinstance(name, str) and name not in ("", BASELINE) and isinstance(one, DustEstimator):
            continue
        got = f"{name!r}: {one!r:.80}" if is_dict else f"{one!r:.80}"
        msg = (
            f"{argument} must be a DustEstimator, or a dict of them by a name other than "
            f"{BASELINE!r}, got {got}"
        )
        raise InputError(msg)
    return dict(estimators)


def _about(galaxies):
    """Description of the galaxies of a card."""
    return galaxies.about | {
        "is_truth": galaxies.is_truth,
        "digest": digest_of_table(galaxies.sample, galaxies.truth),
        "versions": package_versions(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _about_run(run):
    """Description, speed and flags of a method."""
    speed = {"galaxies_per_second": len(run.table) / run.speed["seconds"]} | run.speed
    speed |= {"ess": np.nan, "ess_400": np.nan}
    if "ess" in run.table.colnames:
        found = np.asarray(run.table["ess"], dtype=float)
        found = found[np.isfinite(found)]
        if found.size:
            speed |= {"ess": float(np.median(found)), "ess_400": float(np.mean(found >= _ENOUGH))}
    return {"about": run.about, "speed": speed, "flags": flag_shares(run.table)}
