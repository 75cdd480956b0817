"""Forecasts against mocks that are drawn and fitted independently of them, and their time.

Run ``python benchmarks/bench_forecast.py``. A forecast of 9 and 11 bands is compared with mocks of
another seed: random models of the same prior, with other noise, each set of bands in a catalogue
of its own. Their information is the entropy of the prior minus that of the posterior by scipy. The
ratios of errors, mean absolute errors and information should be within 10 %, and the gains of the
two further bands within their errors. Cases:

optical
    Nine bands of NIRCam at redshift 5, with and without F606W and F814W of ACS.
miri
    The same nine bands at redshift 7, with and without F560W and F770W of MIRI.

Times are processor seconds of one core, with the processes of the fits.
"""

import argparse
import resource
import time

import numpy as np
from astropy import units as u
from scipy.stats import differential_entropy

from dustest import BagpipesEstimator
from dustest.data import GalaxySample
from dustest.data.surveys import SURVEYS
from dustest.studies import forecast

NINE = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")
CASES = {
    "optical": (5.0, (*NINE, "F606W", "F814W")),
    "miri": (7.0, (*NINE, "F560W", "F770W")),
}
ERRORS = {band: SURVEYS["JADES-deep"].flux_error(band) * u.nJy for band in CASES["optical"][1]}
ERRORS |= {"F560W": 6.0 * u.nJy, "F770W": 6.0 * u.nJy}
MAGNITUDES = (26.0, 29.0)  # in F277W
FLOOR = 0.05
PRIOR = (1e-4, 10.0)  # of A_V, flat in its logarithm
EVEN = (np.arange(200) + 0.5) / 200
N_MODELS = 2**16
SEEDS = {"forecast": 180610, "mocks": 180611}


def cpu_seconds():
    """Processor seconds of this process and of those that it ended."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def fit_mocks(n, redshift, bands):
    """Truth, estimate, half width and information of A_V of random mocks."""
    sed = BagpipesEstimator(error_floor=FLOOR, random_state=SEEDS["mocks"])
    models = sed.draw_models(N_MODELS, bands, redshift)
    magnitude = models["flux_F277W"].to_value(u.ABmag)
    rng = np.random.default_rng(SEEDS["mocks"])
    right = np.flatnonzero((magnitude > MAGNITUDES[0]) & (magnitude < MAGNITUDES[1]))
    models = models[rng.choice(right, n, replace=False)]
    sample = GalaxySample({"id": np.arange(n), "redshift": models["redshift"]})
    for band in bands:
        flux = models[f"flux_{band}"]
        noise = np.hypot(ERRORS[band], FLOOR * flux) * rng.standard_normal(n)
        sample[f"flux_{band}"] = flux + noise
        sample[f"flux_err_{band}"] = np.full(n, ERRORS[band].value) * u.nJy
    quantiles = sed.predict_quantiles(sample, (0.16, 0.5, 0.84, *EVEN))
    low, median, high = quantiles[:, :3].T
    entropy = differential_entropy(np.log(quantiles[:, 3:]), base=2, axis=1)
    bits = np.log2(np.log(PRIOR[1] / PRIOR[0])) - entropy
    return models["A_V"].value, median, 0.5 * (high - low), bits


def summaries(truth, estimate, width, bits):
    """Statistics as in the table of a forecast, with standard errors by bootstrap."""
    columns = np.array([truth, estimate, width, bits])
    rows = np.random.default_rng(0).integers(len(truth), size=(200, len(truth)))
    drawn = [_statistics(columns[:, each]) for each in rows]
    return _statistics(columns), np.std(drawn, axis=0)


def _statistics(columns):
    truth, estimate, width, bits = columns
    return np.array([np.median(width), np.mean(np.abs(estimate - truth)), np.mean(bits)])


def show_case(name, arguments):
    """Compare a forecast with independent mocks."""
    redshift, eleven = CASES[name]
    sets = {"9 bands": NINE, "11 bands": eleven}
    start = cpu_seconds()
    wall = time.monotonic()
    result = forecast(
        sets,
        ERRORS,
        redshift,
        targets="A_V",
        magnitude=MAGNITUDES,
        magnitude_band="F277W",
        estimator=BagpipesEstimator(error_floor=FLOOR),
        n_mocks=arguments.forecast,
        random_state=SEEDS["forecast"],
    )
    print(
        f"{name}, redshift {redshift:g}: forecast of {arguments.forecast} mocks with 2 sets in "
        f"{cpu_seconds() - start:.1f} processor seconds ({time.monotonic() - wall:.1f} s)"
    )
    print("\n".join(result.gains().pformat(max_width=-1)))
    found = {}
    for row, (title, bands) in zip(result.table(), sets.items(), strict=True):
        found[title] = fit_mocks(arguments.mocks, redshift, bands)
        expected = row["error"].value, row["mae"].value, row["information"]
        values, errors = summaries(*found[title])
        for what, ours, value, error in zip(
            ("error", "mae", "information"), expected, values, errors, strict=True
        ):
            print(
                f"  {title}, {what}: forecast {ours:.4f}, mocks {value:.4f} +- {error:.4f}, "
                f"ratio {ours / value:.3f} +- {error / value:.3f}"
            )
    nine, more = (np.array(part) for part in found.values())
    print(
        f"  gain of mocks: {np.mean(more[3] - nine[3]):.3f} +- "
        f"{np.std(more[3] - nine[3]) / np.sqrt(arguments.mocks):.3f} bit, error_ratio "
        f"{np.exp(np.mean(np.log(more[2] / nine[2]))):.3f}, mae_ratio "
        f"{np.mean(np.abs(more[1] - more[0])) / np.mean(np.abs(nine[1] - nine[0])):.3f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--forecast", type=int, default=1024, help="mocks of the forecast")
    parser.add_argument("--mocks", type=int, default=2000, help="independent mocks")
    arguments = parser.parse_args()
    for name in arguments.only:
        show_case(name, arguments)


if __name__ == "__main__":
    main()
