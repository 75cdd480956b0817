"""Fits of mock spectra of the prior: calibration of the intervals, effective numbers and time.

Mocks are galaxies of the prior of the preset "Fu" with a prism spectrum and nine bands of NIRCam.
Signal-to-noise ratios of the brightest band (5 to 20) and of the median pixel (1 to 10) are drawn
evenly in the logarithm. Results are kept after each galaxy; a run with the same arguments resumes.

    python benchmarks/bench_sed_spectra.py --galaxies 500 --seed 210101 --out spectra.jsonl
    python benchmarks/bench_sed_spectra.py --seed 210102 --calibrate --out free.jsonl
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.polynomial.chebyshev import chebval
from scipy.stats import kstest

from dustest import BagpipesEstimator
from dustest.estimators._sed.bagpipes.nested_sampling import quiet, resolution_curve
from dustest.estimators._sed.fit_settings import settings_of
from dustest.estimators._sed.posterior import IGNORED_ERROR, Galaxy
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.light.channels import Channels, Pixels
from dustest.estimators._sed.tabulated.likelihoods.data_likelihood import nanojansky
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light
from dustest.physics import resolving_power

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")
QUANTITIES = ("A_V", "log_sSFR", "log_mass")
SNR_OF_BANDS, SNR_OF_PIXELS = (5.0, 20.0), (1.0, 10.0)
FREE = {"slit_loss": 0.2, "flux_calibration": (0.1, 0.05)}


def prism_pixels():
    """Wavelengths of the pixels of the prism, 2.2 for each element of resolution."""
    wavelength = [6e3]
    while wavelength[-1] < 5.3e4:
        wavelength.append(wavelength[-1] * (1.0 + 1.0 / (2.2 * resolving_power(wavelength[-1]))))
    return np.array(wavelength)


def as_spectrum(wavelength, flux, error, redshift):
    """Spectrum of a `Galaxy` from fluxes and errors in nJy, without what Lyman alpha absorbs."""
    unit = nanojansky(wavelength)
    spectrum = np.column_stack([wavelength, flux / unit, error / unit])
    spectrum[wavelength < 1280.0 * (1.0 + redshift), 2] = IGNORED_ERROR
    return spectrum


class Mocks:
    """Draws galaxies of the prior with noise."""

    def __init__(self, settings, redshift):
        self.settings, self.redshift = settings, redshift
        self.wavelength = prism_pixels()
        pixels = Pixels(self.wavelength, resolution_curve("prism", self.wavelength))
        light = band_light(settings, Channels(BANDS, pixels))
        self.maker = ModelMaker(settings, redshift, light)

    def draw(self, rng):
        """One galaxy, and its true quantities."""
        prior, light = self.maker.prior, np.zeros(1)
        while not light.any():
            with quiet():
                cube = rng.random((1, len(prior.free)))
                models = self.maker.at(cube)
                log_mass = prior.log_mass_formed(prior.transform(cube))[0]
            light = models.flux[0] * 10.0**log_mass
        truth = {name: float(models.quantities[name][0]) for name in QUANTITIES}
        truth["log_mass"] += log_mass
        bands, pixels = light[: len(BANDS)], light[len(BANDS) :]
        low, high = np.log([SNR_OF_BANDS, SNR_OF_PIXELS]).T
        snr = np.exp(rng.uniform(low, high))
        error = np.full(len(BANDS), bands.max() / snr[0])
        noise = np.full(len(pixels), np.median(pixels[pixels > 0.0]) / snr[1])
        scale = np.array(self.settings.flux_scale)
        if scale.size:
            place = np.linspace(-1.0, 1.0, 2)
            place = np.interp(self.wavelength, self.wavelength[[0, -1]], place)
            pixels = pixels * (1.0 + chebval(place, scale * rng.standard_normal(scale.size)))
        flux = bands + error * rng.standard_normal(error.size)
        observed = pixels + noise * rng.standard_normal(noise.size)
        spectrum = as_spectrum(self.wavelength, observed, noise, self.redshift)
        seed = int(rng.integers(2**31))
        return Galaxy(self.redshift, np.nan, BANDS, flux, error, spectrum, seed), truth


def main():
    """Fit mocks, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--galaxies", type=int, default=500)
    parser.add_argument("--seed", type=int, default=210101)
    parser.add_argument("--redshift", type=float, default=6.0)
    parser.add_argument("--calibrate", action="store_true", help="free calibration and slit loss")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    parameters = FREE if options.calibrate else {}
    settings = settings_of(BagpipesEstimator(preset="Fu", random_state=1, **parameters))[0]
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    rows = [json.loads(line) for line in lines]
    mocks, engine = Mocks(settings, options.redshift), TabulatedEngine(settings)
    for number in range(len(rows), options.galaxies):
        rng = np.random.default_rng([options.seed, number])
        galaxy, truth = mocks.draw(rng)
        began = time.process_time()
        posterior = engine.fit([galaxy], BANDS)[0]
        seconds = time.process_time() - began
        ranks = {name: rank(posterior.draws[name], truth[name], rng) for name in QUANTITIES}
        rows.append({"rank": ranks, "ess": posterior.ess, "seconds": seconds})
        with options.out.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    report(rows)


def rank(draws, truth, rng):
    """Share of draws below the truth, with a random share of those that equal it."""
    # The star-formation rates of galaxies that have ended it are all at the floor.
    return float(np.mean(draws < truth) + rng.uniform() * np.mean(draws == truth))


def report(rows):
    """Print shares of ranks within intervals, and speeds."""
    print(f"{len(rows)} galaxies")
    for name in QUANTITIES:
        rank = np.array([row["rank"][name] for row in rows])
        held = [100.0 * np.mean(np.abs(rank - 0.5) < half) for half in (0.34, 0.45)]
        p = kstest(rank, "uniform").pvalue
        print(f"{name:10s} KS p {p:.3f}, 68 and 90 % hold {held[0]:.1f} and {held[1]:.1f} %")
    # The first galaxy pays for the tables.
    seconds = np.array([row["seconds"] for row in rows[1:]])
    enough = np.mean([row["ess"] >= 400.0 for row in rows])
    speed, share = 1.0 / seconds.mean(), 100.0 * enough
    print(f"{speed:.1f} galaxies per second and core, {share:.1f} % with 400 effective models")


if __name__ == "__main__":
    main()
