"""Forecasts against mocks that are drawn and fitted independently of them, and their time.

Run ``python benchmarks/bench_forecast.py``. A forecast of 9 and 11 bands is compared with mocks of
another seed: random models of the same prior, with other noise, each set of bands in a catalogue
of its own. Their information is the entropy of the prior minus that of the posterior by scipy. The
ratios of mean absolute errors, widths and information should be within 10 %, and the gains of the
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
    """Absolute error, half width and information of A_V of random mocks."""
    sed = BagpipesEstimator(preset="Fu", error_floor=FLOOR, random_state=SEEDS["mocks"])
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
    return np.array([np.abs(median - models["A_V"].value), 0.5 * (high - low), bits])


def of_forecast(mocks):
    """Expected absolute error, half width and information of A_V of the mocks of a forecast."""
    width = 0.5 * (mocks["A_V_p84"] - mocks["A_V_p16"])
    return np.array([mocks["A_V_expected_error"], width, mocks["A_V_information"]])


def summaries(columns):
    """Mean absolute error, median half width and mean information, with their errors."""
    n = columns.shape[1]
    rows = np.random.default_rng(0).integers(n, size=(200, n))
    drawn = [_statistics(columns[:, each]) for each in rows]
    return _statistics(columns), np.std(drawn, axis=0)


def _statistics(columns):
    error, width, bits = columns
    return np.array([np.mean(error), np.median(width), np.mean(bits)])


def show_gain(nine, more):
    """Gain of the mocks by two further bands."""
    gained, n = more[2] - nine[2], nine.shape[1]
    print(
        f"  gain of mocks: {np.mean(gained):.3f} +- {np.std(gained) / np.sqrt(n):.3f} bit, "
        f"error_ratio {np.exp(np.mean(np.log(more[1] / nine[1]))):.3f}, mae_ratio "
        f"{np.mean(more[0]) / np.mean(nine[0]):.3f}"
    )


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
        estimator=BagpipesEstimator(preset="Fu", error_floor=FLOOR),
        n_mocks=arguments.forecast,
        random_state=SEEDS["forecast"],
    )
    print(
        f"{name}, redshift {redshift:g}: forecast of {arguments.forecast} mocks with 2 sets in "
        f"{cpu_seconds() - start:.1f} processor seconds ({time.monotonic() - wall:.1f} s)"
    )
    print("\n".join(result.gains().pformat(max_width=-1)))
    found = {}
    for title, bands in sets.items():
        found[title] = fit_mocks(arguments.mocks, redshift, bands)
        ours, our_errors = summaries(of_forecast(result.mocks[result.mocks["bands"] == title]))
        theirs, errors = summaries(found[title])
        ratio_errors = ours / theirs * np.hypot(our_errors / ours, errors / theirs)
        names = ("mean absolute error", "half width", "information")
        for what, *values in zip(
            names, ours, our_errors, theirs, errors, ours / theirs, ratio_errors, strict=True
        ):
            print(
                "  {}, {}: forecast {:.4f} +- {:.4f}, mocks {:.4f} +- {:.4f}, "
                "ratio {:.3f} +- {:.3f}".format(title, what, *values)
            )
    show_gain(*found.values())


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
