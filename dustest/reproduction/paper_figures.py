"""Figures 1 to 11 from the findings of a run."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.table import QTable

from dustest.data.quantities import QUANTITIES
from dustest.estimators.cnn import CNNEstimator
from dustest.report.figures import (
    plot_against_sed,
    plot_attenuation_ratio,
    plot_main_sequence,
    plot_network,
    plot_predictions,
    plot_stamps,
)
from dustest.reproduction.paper_galaxies import BANDS
from dustest.reproduction.paper_networks import N_BANDS, NETWORKS, bands_in_words, full_name
from dustest.reproduction.sed_fits import FIDUCIAL, with_good_slopes
from dustest.validation import ssfr_over
from dustest.validation.matching import gives, values_of

__all__ = ["FIGURES", "FigurePlan"]

_PAPER_NETWORK, _OUR_NETWORK = NETWORKS[1], NETWORKS[2]
_N_STAMPS = 6
_OTHER = "continuity"


@dataclass(frozen=True)
class FigurePlan:
    """A figure of a reproduction.

    Parameters
    ----------
    number : str
        Its number in the paper.
    name : str
        Its content, as a name of a file.
    caption : str
        Its content, in a sentence.
    draw : callable
        ``draw(findings)`` returns the figure, or axes of it.
    """

    number: str
    name: str
    caption: str
    draw: Callable


def _main_sequence(findings):
    """Star formation by mass."""
    return plot_main_sequence(findings.truth)


def _simulated_stamps(findings):
    """Galaxies with increasing dust."""
    sample, truth = findings.stamps
    clear = np.flatnonzero(np.asarray(sample[f"snr_{BANDS[0]}"]) > 10.0)
    a_v = truth["A_V"].value
    order = clear[np.argsort(a_v[clear])]
    rows = order[np.linspace(0, len(order) - 1, _N_STAMPS).round().astype(int)]
    labels = [f"$A_V = {a_v[row]:.{QUANTITIES['A_V'].digits}f}$" for row in rows]
    return plot_stamps(sample, rows=rows, labels=labels)


def _attenuation_ratio(findings):
    """A_V by E(B-V)."""
    return plot_attenuation_ratio(findings.truth)


def _observed_stamps(findings):
    """Observed galaxies."""
    sample = findings.sky.sample
    bands = [band for band in BANDS if band in sample.cutout_bands]
    if not bands:
        return None
    good = [np.isfinite(sample[f"cutout_{band}"].value).any(axis=(1, 2)) for band in bands]
    rows = np.flatnonzero(np.all(good, axis=0))[:_N_STAMPS]
    return plot_stamps(sample, rows=rows, bands=bands) if rows.size else None


def _network(findings):  # noqa: ARG001 - every figure gets the findings
    """The one-band network of E(B-V)."""
    return plot_network(CNNEstimator(BANDS[:1], ("E_BV",), "paper").layers())


def _predictions(network, quantity):
    """Predicted against true, for one band and for three."""

    def draw(findings):
        tests = {n_bands: findings.tests[network.name, n_bands] for n_bands in N_BANDS}
        tables = {bands_in_words(n_bands): result for n_bands, (result, _) in tests.items()}
        result, truth = tests[N_BANDS[0]]
        # Copies of galaxies have their own identifiers, but rows are the same.
        truth = QTable({"id": result["id"], quantity: truth[quantity]})
        return plot_predictions(tables, truth, quantity)

    return draw


def _rates_against_fits(findings):
    """Networks against SED fits with rates over two durations."""
    fit = findings.sky.results[FIDUCIAL]
    fits = {f"Bagpipes, {time} Myr": ssfr_over(fit, time) for time in (10, 100)}
    tables = _select_networks(findings.sky, "log_sSFR")
    if _is_partial(findings.sky, tables, "log_sSFR"):
        short, _ = fits
        tables |= {short: fits.pop(short)}
    return _against_fits(tables, fits, "log_sSFR")


def _attenuation_against_fits(findings):
    """Networks against SED fits."""
    results = findings.sky.results
    tables = _select_networks(findings.sky, "A_V")
    if _is_partial(findings.sky, tables, "A_V"):
        tables |= {f"Bagpipes, {_OTHER}": results[_OTHER]}
    return _against_fits(tables, {f"Bagpipes, {FIDUCIAL}": results[FIDUCIAL]}, "A_V")


def _slopes_against_fits(findings):
    """Meurer's relation against SED fits."""
    results = findings.sky.results
    tables = {
        "Meurer": with_good_slopes(results["Meurer A_V"]),
        "Meurer, 1600 Å": with_good_slopes(results["Meurer A_1600"]),
    }
    return _against_fits(tables, {f"Bagpipes, {FIDUCIAL}": results[FIDUCIAL]}, "A_V")


def _against_fits(tables, fits, quantity):
    """Results against SED fits of the same galaxies, or None if no galaxy has both."""
    answers = [
        np.any([_answers(table, quantity) for table in side.values()], axis=0)
        for side in (tables, fits)
    ]
    return plot_against_sed(tables, fits, quantity) if np.any(answers[0] & answers[1]) else None


def _answers(table, quantity):
    """Galaxies with a value; none if a dust law makes it constant."""
    return gives(table, quantity) & np.isfinite(values_of(table, quantity))


def _select_networks(sky, quantity):
    """Results of the networks of the paper for galaxies with images."""
    names = {bands_in_words(n): full_name(_PAPER_NETWORK.name, n) for n in N_BANDS}
    return {
        short: sky.results[name]
        for short, name in names.items()
        if name in sky.results and gives(sky.results[name], quantity)
    }


def _is_partial(sky, tables, quantity):
    """Whether the networks have no estimate for most galaxies."""
    n_answers = [np.isfinite(values_of(table, quantity)).sum() for table in tables.values()]
    return max(n_answers, default=0) < 0.5 * len(sky.sample)


_TRUTH = (
    "predicted against true, with contours around 10, 30, 50, 70 and 95 % of the galaxies; both "
    "distributions; predicted minus true. One band above, three below"
)
_QUANTITIES = {"6": ("E_BV", "E(B-V)"), "7": ("A_V", "A_V"), "8": ("log_sSFR", "sSFR")}

FIGURES = (
    FigurePlan(
        "1",
        "main-sequence",
        "Star-formation rate over 100 Myr against stellar mass of the simulated galaxies, "
        "coloured by redshift.",
        _main_sequence,
    ),
    FigurePlan(
        "2",
        "simulated-stamps",
        "Simulated galaxies with dust increasing from top to bottom, each on one flux scale.",
        _simulated_stamps,
    ),
    FigurePlan(
        "3",
        "attenuation-ratio",
        "A_V against E(B-V) of the simulated galaxies, coloured by the dust-to-metal ratio, with "
        "their median ratio and those of known curves.",
        _attenuation_ratio,
    ),
    FigurePlan("4", "observed-stamps", "Observed galaxies.", _observed_stamps),
    FigurePlan("5", "network", "The one-band network of E(B-V) of the paper.", _network),
    *(
        FigurePlan(
            number,
            f"predicted-{name.replace('_', '-')}",
            f"{label} by the networks of the paper under the honest split, {_TRUTH}.",
            _predictions(_PAPER_NETWORK, name),
        )
        for number, (name, label) in _QUANTITIES.items()
    ),
    *(
        FigurePlan(
            f"{number}, dustest",
            f"predicted-{name.replace('_', '-')}-dustest",
            f"{label} by the dustest networks under the honest split, {_TRUTH}.",
            _predictions(_OUR_NETWORK, name),
        )
        for number, (name, label) in _QUANTITIES.items()
    ),
    FigurePlan(
        "9",
        "sSFR-against-SED",
        "sSFR of observed galaxies by the networks of the paper against SED fits with rates over "
        "10 and 100 Myr. If most galaxies have no image, one duration against the other.",
        _rates_against_fits,
    ),
    FigurePlan(
        "10",
        "A-V-against-SED",
        "A_V of observed galaxies by the networks of the paper against SED fits. If most "
        "galaxies have no image, also a fit with another star-formation history.",
        _attenuation_against_fits,
    ),
    FigurePlan(
        "11",
        "A-V-Meurer-against-SED",
        "A_V of observed galaxies by Meurer's relation against SED fits: converted from 1600 "
        "Angstrom to V, and without conversion. Slopes with errors of 0.3 or less.",
        _slopes_against_fits,
    ),
)
"""All figures, in the order of the paper."""
