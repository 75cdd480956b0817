"""Tables 1 and 2: search for hyperparameters, and errors of predictions."""

import numpy as np
from astropy.table import vstack

from dustest.data.containers.rows import RowTable
from dustest.validation import ssfr_over
from dustest.validation.metrics import compute_metrics

__all__ = [
    "PRINTED",
    "PRINTED_TABLE_1",
    "SCORED",
    "histories",
    "hyperparameters",
    "printed_scores",
    "scores",
    "table_2",
]

SCORED = ("E_BV", "A_V", "R_V", "log_sSFR")
"""Quantities of Table 2, in its order."""
PRINTED = "printed"
_MEASURES = ("bias", "mae", "mse", "sigma", "variance")
_N_BOOTSTRAP = 200

# Fu et al., Table 2: MAE, MSE, sigma, variance, by quantity and number of bands.
_TABLE_2 = {
    ("E_BV", 1): (0.0136, 3.55e-4, 0.0172, 2.95e-4),
    ("E_BV", 3): (0.0131, 2.53e-4, 0.0108, 1.17e-4),
    ("A_V", 1): (0.0891, 1.52e-2, 0.121, 1.47e-2),
    ("A_V", 3): (0.0685, 9.94e-3, 0.0994, 9.89e-3),
    ("R_V", 1): (3.4817, 45.9, 6.2325, 38.84),
    ("R_V", 3): (2.8892, 18.7, 3.4815, 12.12),
    ("log_sSFR", 1): (0.0456, 4.60e-3, 0.0671, 4.50e-3),
    ("log_sSFR", 3): (0.0688, 8.16e-3, 0.0895, 8.01e-3),
}

PRINTED_TABLE_1 = {
    "filters": ("CNN filters", "4 to 64 in each of 1 to 4 layers"),
    "units": ("dense neurons", "8 to 64 in each of 1 to 4 layers"),
    "learning_rate": ("learning rate", "0.0001 to 0.01"),
    "batch_size": ("batch size", "16 to 64"),
}
"""Fu et al., Table 1: hyperparameter and range."""


def printed_scores():
    """Table 2 as published.

    Returns
    -------
    RowTable
        Columns as from `scores`. The absolute bias, which is not published, follows from the mean
        squared error and the variance; its sign is unknown.
    """
    rows = [
        {
            "network": PRINTED,
            "quantity": quantity,
            "n_bands": n_bands,
            "n": 0,
            "bias": np.sqrt(max(mse - variance, 0.0)),
            "mae": mae,
            "mse": mse,
            "sigma": sigma,
            "variance": variance,
        }
        | dict.fromkeys((f"{measure}_err" for measure in _MEASURES), np.nan)
        for (quantity, n_bands), (mae, mse, sigma, variance) in _TABLE_2.items()
    ]
    return RowTable(rows=rows)


def scores(name, n_bands, result, truth, seed):
    """Compute the errors of predictions.

    Parameters
    ----------
    name : str
        Name of the networks.
    n_bands : int
        Number of bands of the images.
    result : DustTable
        n predictions.
    truth : RowTable
        True values, row by row.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    RowTable
        One row per quantity: ``network``, ``quantity``, ``n_bands``, galaxies ``n``, and ``bias``
        (prediction - truth), ``mae``, ``mse``, ``sigma`` and ``variance`` with their bootstrap
        errors ``<name>_err``, in mag, dex or without unit.
    """
    rows = []
    for quantity in SCORED:
        found = compute_metrics(
            result[quantity], truth[quantity], n_bootstrap=_N_BOOTSTRAP, random_state=seed
        )
        names = [column for one in _MEASURES for column in (one, f"{one}_err")]
        known = {"network": name, "quantity": quantity, "n_bands": n_bands, "n": found["n"]}
        rows.append(known | {column: found[column] for column in names})
    return RowTable(rows=rows)


def table_2(parts):
    """Combine all rows of Table 2.

    Parameters
    ----------
    parts : sequence of RowTable
        Tables of `scores`.

    Returns
    -------
    RowTable
        The published rows, followed by these.
    """
    return RowTable(vstack([printed_scores(), *parts], metadata_conflicts="silent"))


def hyperparameters(trials):
    """Table 1: ranges of the search, and values of the best trial.

    Parameters
    ----------
    trials : RowTable
        Trials of the search for the one-band network of E(B-V), from `CNNEstimator.tune`.

    Returns
    -------
    RowTable
        ``hyperparameter``, ``range`` as published and searched, and ``found``.
    """
    best = trials[int(np.nanargmin(trials["val_loss"]))]
    rows = [
        {"hyperparameter": label, "range": limits, "found": _setting(best, name)}
        for name, (label, limits) in PRINTED_TABLE_1.items()
    ]
    return RowTable(rows=rows)


def _setting(trial, name):
    """A setting of a trial as text; for layers, a list."""
    if name in trial.colnames:
        return f"{trial[name]:g}"
    sizes = [int(trial[column]) for column in trial.colnames if column.startswith(f"{name}_")]
    return ", ".join(str(size) for size in sizes if size)


def histories(fits):
    """Results of the star-formation histories for the same galaxies.

    Parameters
    ----------
    fits : dict of str to DustTable
        SED fits by history, with the columns of ``extra=("history",)``.

    Returns
    -------
    RowTable
        For each history the number of fitted galaxies ``n``, and the median of their A_V [mag] and
        of their log sSFR over 10 and 100 Myr [log10 1/yr].
    """
    rows = []
    for history, fit in fits.items():
        known = np.isfinite(fit["A_V"].value)
        over = {time: ssfr_over(fit[known], time)["log_sSFR"] for time in (10, 100)}
        rows.append(
            {
                "history": history,
                "n": int(known.sum()),
                "A_V": _median(fit["A_V"].value[known]),
                "log_sSFR_10": _median(over[10]),
                "log_sSFR_100": _median(over[100]),
            }
        )
    return RowTable(rows=rows)


def _median(values):
    """Median, NaN without values."""
    return float(np.median(values)) if len(values) else np.nan
