"""Error budget of A_V: how far it moves when one assumption changes."""

from collections.abc import Mapping

import numpy as np

from dustest.data.containers.conversion import as_sample
from dustest.data.errors import DustestError, InputError
from dustest.data.messages import not_one_of, shown
from dustest.estimators.bagpipes import BagpipesEstimator
from dustest.studies.error_budget_record import REFERENCE, ErrorBudget
from dustest.studies.variations import UNAVAILABLE, Variation, default_variations

__all__ = ["error_budget"]


def error_budget(sample, *, reference=None, variations=None, n_jobs=None, random_state=None):
    """Measure how far A_V of each galaxy moves when one assumption of the estimate changes.

    Parameters
    ----------
    sample : GalaxySample or anything that `~dustest.data.as_sample` takes
        Galaxies.
    reference : DustEstimator, optional
        The estimator whose assumptions are changed, fitted if it learns; by default
        ``BagpipesEstimator()``.
    variations : dict of str to Variation, optional
        Variations by name; by default `default_variations` of the reference.
    n_jobs : int, optional
        Number of processes, as in ``estimate``.
    random_state : int, Generator or None, optional
        Seed of the default reference and of the default variations; estimators that are given
        have their own.

    Returns
    -------
    budget : ErrorBudget
        Its ``galaxies``, ``table``, ``totals`` and ``plot`` show the shifts, and ``left_out``
        names variations that did not run, with the reason.

    Raises
    ------
    InputError
        If the sample or a variation is invalid.
    DustestError
        If the reference has no A_V for any galaxy.

    Notes
    -----
    A variation is left out if its estimator raises an error or has no A_V for any galaxy, for
    instance because the sample lacks images or the estimator lacks a parameter. A variation that
    is compared with another one needs its result.

    A shift is no error: it is the difference between two assumptions, of which both may be wrong.
    Shifts by another method contain the noise of the data that only one of both uses.

    Examples
    --------
    >>> from dustest import MeurerEstimator
    >>> from dustest.io import load_demo
    >>> from dustest.studies import Variation, error_budget
    >>> sample, _ = load_demo()
    >>> budget = error_budget(sample, reference=MeurerEstimator(),
    ...                       variations={"SMC": Variation("dust law", {"dust_law": "SMC"})})
    >>> print(budget.table()["variation", "n", "shift", "moved"])  # doctest: +SKIP
    """
    sample = as_sample(sample)
    if reference is None:
        reference = BagpipesEstimator(random_state=random_state)
    if variations is None:
        variations = default_variations(reference, random_state)
    _check_variations(variations)
    tables = {REFERENCE: _estimate(reference, sample, n_jobs)}
    estimators, left_out = {REFERENCE: reference}, {}
    for name in _in_order(variations):
        against = variations[name].against or REFERENCE
        if against in left_out:
            left_out[name] = f"it is compared with {against!r}, which is left out"
            continue
        # No error of one estimator, including those of other packages, must stop the others.
        try:
            estimators[name] = variations[name].applied_to(estimators[against])
            tables[name] = _estimate(estimators[name], sample, n_jobs)
        except Exception as error:  # noqa: BLE001
            left_out[name] = f"{type(error).__name__}: {error}"
    varied = {one.assumption for one in variations.values()}
    left_out |= {name: reason for name, reason in UNAVAILABLE.items() if name not in varied}
    used = {name: one for name, one in variations.items() if name in tables}
    return ErrorBudget(tables, used, left_out)


def _check_variations(variations):
    """Raise an error for invalid variations."""
    if not isinstance(variations, Mapping):
        msg = f"variations must be a dict of Variation by name, got {variations!r}"
        raise InputError(msg)
    for name, one in variations.items():
        if not isinstance(name, str) or name == REFERENCE or not isinstance(one, Variation):
            msg = (
                "variations must be Variation by a name other than 'reference', got "
                f"{name!r}: {one!r}"
            )
            raise InputError(msg)
        if one.against not in (None, *variations):
            raise InputError(not_one_of("against", one.against, list(variations)))


def _in_order(variations):
    """Names, each after the one that it is compared with."""
    ordered = [None]
    while len(ordered) <= len(variations):
        waiting = {name: one for name, one in variations.items() if name not in ordered}
        ready = [name for name, one in waiting.items() if one.against in ordered]
        if not ready:
            msg = f"against must not lead back to the same variation, got {shown(list(waiting))}"
            raise InputError(msg)
        ordered += ready
    return ordered[1:]


def _estimate(estimator, sample, n_jobs):
    """Results of an estimator, one row for each galaxy, with A_V for some of them."""
    table = estimator.estimate(sample, n_jobs=n_jobs)
    if len(table) != len(sample):
        msg = f"estimate must return a table of {len(sample)} rows, got {len(table)}"
        raise DustestError(msg)
    if not np.isfinite(table["A_V"]).any():
        msg = f"{type(estimator).__name__} has no A_V for any of the {len(sample)} galaxies"
        raise DustestError(msg)
    return table
