"""Statements of the paper, compared with the results of a reproduction."""

import numpy as np

from dustest.data.containers.rows import RowTable
from dustest.data.quantities import QUANTITIES
from dustest.reproduction.paper_networks import CONTROLS, N_BANDS, NETWORKS, full_name
from dustest.reproduction.scores import PRINTED
from dustest.reproduction.sed_fits import FIDUCIAL, with_good_slopes
from dustest.validation.matching import values_of
from dustest.validation.metrics import METRICS

__all__ = ["statements"]

_SIMILAR = 1.25
"""Largest ratio of two errors that count as similar."""
_LOW_A_V, _NEARLY_ALL = 0.7, 0.9
_FEWEST = 5
"""Smallest number of galaxies for a statement."""
_MEASURED = NETWORKS[1].name
"""Networks of the paper, tested on galaxies that were not used in training."""
_CONTROL = CONTROLS[NETWORKS[1].split]


def statements(scored, predicted, truth, sky):
    """Compare the statements of the paper with results.

    Parameters
    ----------
    scored : RowTable
        Table 2.
    predicted : DustTable
        Predictions of the three-band networks of the paper under the honest split.
    truth : RowTable
        True values of the same galaxies.
    sky : dict of str to DustTable
        Results for observed galaxies, as in `Sky`, with the same galaxies in each row.

    Returns
    -------
    RowTable
        ``statement``, ``paper`` and ``here``, the numbers as text, and ``holds``: ``"yes"``,
        ``"no"``, or ``"open"`` if too few galaxies have the required values.
    """
    number = _Numbers(scored)
    rows = [
        _bands_are_similar(number),
        _ratio_is_worst(number),
        _rate_is_harder(number),
        _no_large_rate(predicted, truth),
        _network_is_closer(sky),
        _attenuation_is_low(sky),
    ]
    names = ("statement", "paper", "here", "holds")
    return RowTable(rows=[dict(zip(names, row, strict=True)) for row in rows])


class _Numbers:
    """Numbers of Table 2 by network, quantity and number of bands."""

    def __init__(self, scored):
        self._rows = {
            (row["network"], row["quantity"], int(row["n_bands"])): row for row in scored
        }

    def __call__(self, network, quantity, n_bands, measure="mae"):
        return float(self._rows[network, quantity, n_bands][measure])

    def over_control(self, quantity, n_bands):
        """Error over that of the baseline."""
        return self(_MEASURED, quantity, n_bands) / self(_CONTROL, quantity, n_bands)


def _bands_are_similar(number):
    """Errors of one band and of three."""
    quantities = ("A_V", "E_BV", "log_sSFR")

    def ratios(network):
        return [number(network, q, 1) / number(network, q, 3) for q in quantities]

    here = ratios(_MEASURED)
    return (
        "One band and three give similar errors",
        "MAE of 1 band over 3: " + _join(quantities, ratios(PRINTED)),
        "MAE of 1 band over 3: " + _join(quantities, here),
        _answer(max(*here, 1.0 / min(here)) <= _SIMILAR, known=np.all(np.isfinite(here))),
    )


def _ratio_is_worst(number):
    """Errors of R_V, the ratio of two estimates, and of A_V and E(B-V)."""
    quantities = ("A_V", "E_BV", "R_V")
    here = [number.over_control(q, 3) for q in quantities]
    errors = {
        network: ", ".join(f"{q} {_error(number(network, q, 3), q)}" for q in quantities)
        for network in (PRINTED, _MEASURED)
    }
    words = f"MAE of 3 bands: {errors[_MEASURED]}; over the control's: {_join(quantities, here)}"
    return (
        "R_V has a larger error than A_V and E(B-V)",
        f"MAE of 3 bands: {errors[PRINTED]}",
        words,
        _answer(here[2] > max(here[:2]), known=np.all(np.isfinite(here))),
    )


def _rate_is_harder(number):
    """Errors of log sSFR and of dust, over those of the baseline."""
    quantities = ("A_V", "E_BV", "log_sSFR")
    here = [number.over_control(q, 3) for q in quantities]
    return (
        "sSFR is harder to predict than dust",
        "no control is printed",
        "MAE of 3 bands over the control's: " + _join(quantities, here),
        _answer(here[2] > max(here[:2]), known=np.all(np.isfinite(here))),
    )


def _no_large_rate(predicted, truth):
    """Largest predicted and largest true log sSFR."""
    found, true = values_of(predicted, "log_sSFR"), values_of(truth, "log_sSFR")
    used = np.isfinite(found) & np.isfinite(true)
    n = np.count_nonzero(used)
    high = [np.percentile(values[used], 99) if n else np.nan for values in (true, found)]
    words = [_value(value, "log_sSFR") for value in high]
    return (
        "No large sSFR is predicted",
        "predictions stay below the largest true values",
        f"99th percentile of log sSFR: true {words[0]}, predicted {words[1]}",
        _answer(high[1] < high[0], known=n >= _FEWEST),
    )


def _network_is_closer(sky):
    """Differences from the SED fits, of networks and of Meurer."""
    sed = values_of(sky[FIDUCIAL], "A_V")
    networks = _by_networks(sky, len(sed)) - sed
    slopes = values_of(with_good_slopes(sky["Meurer A_V"]), "A_V") - sed
    used = np.isfinite(networks) & np.isfinite(slopes)
    n = np.count_nonzero(used)
    here = f"galaxies with an image, a slope and a fit: {n}"
    if n >= _FEWEST:
        here = (
            f"sigma of A_V about the SED fits, {n} galaxies: "
            f"networks {_error(np.std(networks[used]), 'A_V')}, "
            f"Meurer {_error(np.std(slopes[used]), 'A_V')}"
        )
    return (
        "Networks are closer to SED fits than Meurer is",
        "sigma of A_V about the SED fits: networks 0.34 to 0.36, Meurer 0.89 or 1.52",
        here,
        _answer(n and np.std(networks[used]) < np.std(slopes[used]), known=n >= _FEWEST),
    )


def _attenuation_is_low(sky):
    """A_V of observed galaxies, from networks and from SED fits."""
    sed = values_of(sky[FIDUCIAL], "A_V")
    found = {"networks": _by_networks(sky, len(sed)), "SED fits": sed}
    found = {name: values[np.isfinite(values)] for name, values in found.items()}
    words = [
        f"{name}: {np.mean(values < _LOW_A_V):.0%} of {values.size} below 0.7, "
        f"mean {_value(np.mean(values), 'A_V')}"
        for name, values in found.items()
        if values.size
    ]
    shares = [np.mean(values < _LOW_A_V) for values in found.values() if values.size >= _FEWEST]
    return (
        "Galaxies at z > 6 have little dust",
        "networks: all A_V below 0.7, mean 0.28",
        "; ".join(words) or "no galaxy has an A_V",
        _answer(min(shares, default=0.0) > _NEARLY_ALL, known=bool(shares)),
    )


def _by_networks(sky, n):
    """A_V of n observed galaxies from the networks, NaN without images."""
    result = sky.get(full_name(_MEASURED, N_BANDS[-1]))
    return np.full(n, np.nan) if result is None else values_of(result, "A_V")


def _answer(holds, *, known):
    """Whether a statement holds; "open" if there is too little data."""
    if not known:
        return "open"
    return "yes" if holds else "no"


def _value(value, quantity):
    """Format a value of a quantity."""
    return f"{value:.{QUANTITIES[quantity].digits}f}"


def _error(value, quantity):
    """Format a mean or standard deviation of differences."""
    return f"{value:.{METRICS['mae'].digits_of(QUANTITIES[quantity])}f}"


def _join(names, values):
    """Format names and ratios."""
    return ", ".join(f"{name} {value:.2f}" for name, value in zip(names, values, strict=True))
