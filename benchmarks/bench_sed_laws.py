"""Whether probabilities of dust laws are right, and A_V averaged over the laws covers.

Mocks are drawn from the prior of each of four laws, equally many: Calzetti, SMC and MW, and Salim
with its free tilt and bump; A_V is 0.3 to 3 mag, and every one of 11 bands has a signal to noise
of 20. Each is fitted with all four laws under the same priors: from photometry alone and, unless
``--photometry`` is given, also with a prism spectrum, whose signal to noise in the median pixel
is 1 to 10, even in the logarithm. In five bins of the probability of the preferred law, of equally
many galaxies, the share of galaxies that are of this law should be that probability. The posterior
of A_V is averaged over the laws by their evidence, and its intervals should hold the truth as
often as they say.

The errors follow the true fluxes, as is needed for one signal to noise in all bands, and the fit
takes them as given. Results are kept after each galaxy; a run with the same arguments resumes.

    python benchmarks/bench_sed_laws.py --galaxies 2000 --seed 180650 --photometry --out laws.json
    python benchmarks/bench_sed_laws.py --galaxies 240 --seed 220260 --out spectra.json
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from bench_sed_spectra import SNR_OF_PIXELS, as_spectrum, prism_pixels

from dustest.estimators._sed.averaging import Alternatives, average
from dustest.estimators._sed.bagpipes.nested_sampling import quiet, resolution_curve
from dustest.estimators._sed.posterior import Galaxy, Settings
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.light.channels import Channels, Pixels
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light

BANDS = (
    *("F606W", "F814W", "F090W", "F115W", "F150W", "F200W"),
    *("F277W", "F335M", "F356W", "F410M", "F444W"),
)
LAWS = ("Calzetti", "SMC", "MW", "Salim")
SFH = "lognormal"
PRIORS = {"dust:Av": (0.3, 3.0), "lognormal:massformed": (8.6, 9.4)}
SNR = 20.0
SEED = 180650
N_BINS = 5
LEAST_ESS = 400
HALVES = {"68 %": 0.34, "90 %": 0.45}
"""Half widths of intervals in the rank of the truth."""
DATA = ("photometry", "both")


def draw_mocks(settings, n, redshift, channels, rng):
    """Fluxes (n, n_channels), without noise, and A_V of models of a prior."""
    maker = ModelMaker(settings, redshift, band_light(settings, channels))
    with quiet():
        models = maker.at(rng.random((2 * n, len(maker.prior.free))))
    bright = np.all(models.flux[:, : len(BANDS)] > 0.0, axis=1)
    models = models.take(np.flatnonzero(bright)[:n])
    flux = models.flux * 10.0 ** rng.uniform(models.low, models.high)[:, np.newaxis]
    return flux, models.quantities["A_V"]


def draw_galaxies(n, redshift, seed, *, spectra):
    """Galaxies with their laws and A_V, the laws in turn."""
    rng, spectral_rng = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    wavelength = prism_pixels()
    pixels = Pixels(wavelength, resolution_curve("prism", wavelength)) if spectra else None
    channels, every = Channels(BANDS, pixels), []
    for number, settings in enumerate(all_settings()):
        light, true = draw_mocks(settings, n // len(LAWS), redshift, channels, rng)
        flux, light = np.split(light, [len(BANDS)], axis=1)
        error = flux / SNR
        noisy = flux + error * rng.standard_normal(flux.shape)
        galaxies = [
            Galaxy(redshift, np.nan, BANDS, one, its_error, None, seed=int(rng.integers(2**62)))
            for one, its_error in zip(noisy, error, strict=True)
        ]
        if spectra:
            measured = (observe(wavelength, one, redshift, spectral_rng) for one in light)
            pairs = zip(galaxies, measured, strict=True)
            galaxies = [replace(galaxy, spectrum=spectrum) for galaxy, spectrum in pairs]
        every.append([(galaxy, number, a_v) for galaxy, a_v in zip(galaxies, true, strict=True)])
    return [row for rows in zip(*every, strict=True) for row in rows]


def observe(wavelength, light, redshift, rng):
    """Add noise to the fluxes of pixels."""
    snr = np.exp(rng.uniform(*np.log(SNR_OF_PIXELS)))
    noise = np.full(light.size, np.median(light) / snr)
    observed = light + noise * rng.standard_normal(light.size)
    return as_spectrum(wavelength, observed, noise, redshift)


def all_settings():
    """Settings of the fits, one for each law."""
    common = Settings(sfh=SFH, dust_law=LAWS[0], priors=PRIORS)
    return [replace(common, dust_law=law) for law in LAWS]


class Fits:
    """Fits of galaxies with all laws."""

    def __init__(self):
        self._engines = [TabulatedEngine(settings) for settings in all_settings()]
        self._models = Alternatives(SFH, LAWS)

    def of(self, galaxy, a_v):
        """Probabilities of the laws, rank of the true A_V, effective number and seconds."""
        began = time.process_time()
        posteriors = [engine.fit([galaxy], BANDS)[0] for engine in self._engines]
        found = average(posteriors, self._models, galaxy.seed)
        return {
            "probability": [found.mixture.columns[f"probability_{name}"] for name in LAWS],
            "rank": float(np.mean(found.draws["A_V"] < a_v)),
            "width": float(np.ptp(np.quantile(found.draws["A_V"], (0.16, 0.84)))),
            "ess": found.ess,
            "seconds": time.process_time() - began,
        }


def report(rows, law):
    """Print the figures of one kind of data."""
    ess = np.array([row["ess"] for row in rows])
    seconds = np.median([row["seconds"] for row in rows])
    few = ess < LEAST_ESS
    print(f"{1e3 * seconds:.0f} ms for {len(LAWS)} laws, {few.sum()} below ESS {LEAST_ESS}")
    probability, rank, width = (
        np.array([row[name] for row in rows]) for name in ("probability", "rank", "width")
    )
    print(f"median width of A_V {np.median(width):.3f} mag")
    for name, own in {"all": slice(None), "without these": ~few}.items():
        print(f"-- {name}")
        report_laws(probability[own], law[own])
        report_coverage(rank[own])


def report_laws(probability, law):
    """Print the share of right laws, by law and by the probability of the preferred one."""
    preferred, highest = probability.argmax(axis=1), probability.max(axis=1)
    right = preferred == law
    for number, name in enumerate(LAWS):
        print(f"{name}: {share(right[law == number])} right")
    print("probability   right   error   deviation in errors")
    for rows in np.array_split(np.argsort(highest, kind="stable"), N_BINS):
        expected, found = highest[rows].mean(), right[rows].mean()
        error = np.sqrt(np.sum(highest[rows] * (1.0 - highest[rows]))) / len(rows)
        print(f"{expected:11.3f} {found:7.3f} {error:7.3f} {(found - expected) / error:9.2f}")
    print(f"all: probability {highest.mean():.3f}, {share(right)} right")


def report_coverage(rank):
    """Print how often intervals of A_V hold the truth."""
    for name, half in HALVES.items():
        print(f"A_V in {name}: {share(np.abs(rank - 0.5) < half)}")


def share(held):
    """Share in per cent and its binomial error."""
    part = np.mean(held)
    return f"{100 * part:.1f} +- {100 * np.sqrt(part * (1.0 - part) / len(held)):.1f} %"


def report_difference(photometry, both, law):
    """Print how many galaxies have the right law with one kind of data alone."""
    right = [
        np.array([np.argmax(row["probability"]) for row in rows]) == law
        for rows in (photometry, both)
    ]
    gained, lost = np.sum(right[1] & ~right[0]), np.sum(right[0] & ~right[1])
    print(f"== right with both alone: {gained}, with photometry alone: {lost}")


def main():
    """Draw, fit and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--galaxies", type=int, default=2000, help="number of galaxies")
    parser.add_argument("--redshift", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--photometry", action="store_true", help="no spectra")
    parser.add_argument("--out", type=Path, required=True, help="file of the results")
    options = parser.parse_args()
    kinds = DATA[:1] if options.photometry else DATA
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    rows = [json.loads(line) for line in lines]
    arguments = options.galaxies, options.redshift, options.seed
    galaxies, fits = draw_galaxies(*arguments, spectra=not options.photometry), Fits()
    for galaxy, law, a_v in galaxies[len(rows) :]:
        bare = replace(galaxy, spectrum=None)
        data = dict(zip(kinds, (bare, galaxy), strict=False))
        rows.append({"law": law, **{kind: fits.of(one, a_v) for kind, one in data.items()}})
        with options.out.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    law = np.array([row["law"] for row in rows])
    print(f"{len(rows)} galaxies at redshift {options.redshift}, seed {options.seed}")
    every = {kind: [row[kind] for row in rows] for kind in kinds}
    for kind, own in every.items():
        print(f"== {kind}")
        report(own, law)
    if len(every) > 1:
        report_difference(*every.values(), law)


if __name__ == "__main__":
    main()
