"""Scores of results: a row for each method, quantity and point estimate."""

import numpy as np
from astropy.table import QTable
from sklearn.metrics import r2_score

from dustest.data.flags import FLAGS
from dustest.data.quantities import POINTS, QUANTITIES, point_column
from dustest.validation import paired_bootstrap, posterior_scores

__all__ = ["BASELINE", "SCORED", "SCORE_COLUMNS", "flag_shares", "score_baseline", "score_method"]

BASELINE = "baseline"
"""Name of the baseline: the median of the truth for every galaxy."""
SCORED = ("A_V", "log_sSFR", "log_mass")
"""Quantities that are scored."""
_NEAR_ZERO = 0.05
_DIGITS = 6
_TEXT = ("method", "quantity", "point")
_OF_POINTS = ("mae", "mae_err", "ratio", "ratio_err", "bias", "bias_err", "rmse", "r2", "low")
_OF_POSTERIORS = ("coverage_68", "coverage_68_err", "coverage_90", "coverage_90_err")
_OF_POSTERIORS += ("crps", "crps_err", "width_68")
SCORE_COLUMNS = dict.fromkeys(_TEXT, str) | {"n": int}
SCORE_COLUMNS |= dict.fromkeys((*_OF_POINTS, *_OF_POSTERIORS), float)
"""Columns of the scores, and their types."""
_SEED = 201000
"""Seed of bootstraps."""


def score_method(name, table, galaxies):
    """Score the results of a method.

    Parameters
    ----------
    name : str
        Name of the method.
    table : DustTable
        Its results, a row for each galaxy.
    galaxies : BenchmarkGalaxies
        The galaxies.

    Returns
    -------
    rows : list of dict
        Columns of `SCORE_COLUMNS` by name, for each quantity and point estimate of `SCORED` that
        the method gives; none if the values of the galaxies have no meaning.
    """
    rows = []
    for quantity in SCORED if galaxies.is_scored else ():
        truth = _values(galaxies.truth, quantity)
        if truth is None or not np.isfinite(truth).any():
            continue
        for point in POINTS:
            values = _values(table, point_column(quantity, point))
            if values is None or not np.isfinite(values).any():
                continue
            row = dict(zip(_TEXT, (name, quantity, point), strict=True))
            row |= _point_scores(quantity, values, truth)
            if point == "median" and galaxies.is_truth:
                row |= _posterior(galaxies.truth, table, quantity)
            rows.append(row)
    return [_with_blanks(row) for row in rows]


def score_baseline(galaxies):
    """Score the baseline: the median of the truth for every galaxy, with its distribution.

    Parameters
    ----------
    galaxies : BenchmarkGalaxies
        The galaxies.

    Returns
    -------
    rows : list of dict
        As of `score_method`.
    """
    known = {name: _values(galaxies.truth, name) for name in SCORED}
    known = {name: v for name, v in known.items() if v is not None and np.isfinite(v).any()}
    table = QTable({"id": galaxies.truth["id"]})
    for name, values in known.items():
        unit, n = QUANTITIES[name].unit, len(values)
        used = values[np.isfinite(values)]
        table[name] = np.full(n, np.median(used))
        table[f"{name}_draws"] = np.broadcast_to(np.sort(used), (n, len(used)))
        if unit is not None:
            table[name], table[f"{name}_draws"] = (
                table[name] << unit,
                table[f"{name}_draws"] << unit,
            )
    return score_method(BASELINE, table, galaxies)


def flag_shares(table):
    """Compute the share of galaxies with each flag, and without an estimate.

    Parameters
    ----------
    table : DustTable
        Results.

    Returns
    -------
    shares : dict of str to float
        By name of the flag, for flags that occur; ``"any"``, and ``"no A_V"``.
    """
    bits = np.asarray(table["flags"])
    shares = {name: float(np.mean(bits & flag.value > 0)) for name, flag in FLAGS.items()}
    shares = {name: share for name, share in shares.items() if share}
    missing = float(np.mean(~np.isfinite(_values(table, "A_V"))))
    return {"any": float(np.mean(bits != 0)), "no A_V": missing} | shares


def _values(table, name):
    """A column as floats without a unit; None if there is none."""
    if name not in table.colnames:
        return None
    column = table[name]
    return np.ma.filled(np.asarray(getattr(column, "value", column), dtype=float), np.nan)


def _point_scores(quantity, values, truth):
    """Scores of point estimates."""
    used = np.isfinite(values) & np.isfinite(truth)
    values, truth = values[used], truth[used]
    error = values - truth
    compared = paired_bootstrap(
        np.abs(error), np.abs(truth - np.median(truth)), random_state=_SEED
    )
    n = len(truth)
    scale = 1.0 / np.sqrt(max(n, 1))
    return {
        "n": n,
        "mae": np.mean(np.abs(error)),
        "mae_err": np.std(np.abs(error)) * scale,
        "ratio": compared["change"] + 1.0,
        "ratio_err": compared["change_err"],
        "bias": np.mean(error),
        "bias_err": np.std(error) * scale,
        "rmse": np.sqrt(np.mean(error**2)),
        "r2": r2_score(truth, values) if n > 1 else np.nan,
        "low": np.mean(values < _NEAR_ZERO) if quantity == "A_V" else np.nan,
    }


def _posterior(truth, table, quantity):
    """Scores of posteriors; none for bare values."""
    drawn = f"{quantity}_draws" in table.colnames
    low = _values(table, f"{quantity}_p16")
    if not drawn and (low is None or not np.isfinite(low).any()):
        return {}
    scores = posterior_scores(truth, table, quantity, random_state=_SEED)[0]
    return {name: float(scores[name]) for name in _OF_POSTERIORS}


def _with_blanks(row):
    """A row with all columns, as plain numbers."""
    found = {name: row.get(name, np.nan) for name in SCORE_COLUMNS}
    plain = {name: kind(found[name]) for name, kind in SCORE_COLUMNS.items()}
    return {k: round(v, _DIGITS) if isinstance(v, float) else v for k, v in plain.items()}
