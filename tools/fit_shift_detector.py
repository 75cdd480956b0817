"""Fit the detector of galaxies outside the training set, and write it into a file of networks.

Run with ``python tools/fit_shift_detector.py MODEL --population POPULATION --redshift LOW HIGH``,
where MODEL is a file that `CNNEstimator.save` wrote. It draws galaxies of the JADES-deep and CEERS
presets like those that trained the networks, and simulations of what lies outside: wider
point-spread functions, more noise, other pixel scales and galaxies at redshifts 0.5 to 3.5 with
redshifts of the training set. The file is replaced unless ``--output`` names another one, and the
SHA-256 of the result is printed. ``--report`` also prints the share of false alarms on galaxies of
another seed.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import vstack

from dustest import CNNEstimator
from dustest.estimators.shift_detector import ShiftDetector
from dustest.simulate import PSF, GalaxySimulator, get_survey, make_psf, noise_preset
from dustest.simulate.galaxies.named_populations import POPULATIONS

SURVEYS = ("JADES-deep", "CEERS")
KINDS = ("clean", "PSF", "noise", "redshift")
SEED = 170445
FAINTEST = 2.0
SIZE = 48
WIDER, NOISIER = (1.35, 1.5, 1.8), (1.7, 2.0)
LOW_REDSHIFT = (0.5, 3.5)
SHARE = 0.25  # of the rows in each simulation of what is outside


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--population", choices=list(POPULATIONS), default="0.1-heavy")
    parser.add_argument("--redshift", type=float, nargs=2, default=(6.0, 9.0))
    parser.add_argument("--rows", type=int, default=10_000, help="of each survey")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    cnn = CNNEstimator.load(options.model)
    draws = Draws(tuple(cnn.bands), options.population, tuple(options.redshift), options.seed)
    clean = {survey: draws.draw("clean", survey, options.rows)[0] for survey in SURVEYS}
    examples = draws.examples(clean, int(SHARE * options.rows))
    sys.stdout.write(f"drawn in {time.perf_counter() - start:.0f} s\n")
    labels = np.repeat(SURVEYS, [len(sample) for sample in clean.values()])
    detector = ShiftDetector(cnn.bands, size=cnn.size, random_state=options.seed)
    detector.fit(stacked(clean.values()), labels, examples=examples)
    cnn.use_detector(detector)
    sha256 = cnn.save(options.output or options.model)
    sys.stdout.write(f"fitted in {time.perf_counter() - start:.0f} s\n{sha256}\n")
    if options.report:
        other = replace(draws, seed=options.seed + 1, faintest=5.0, views=("xy",))
        for survey in SURVEYS:
            found = detector.report(other.draw("clean", survey, options.rows)[0])
            share = np.mean(found["out_of_domain"])
            sys.stdout.write(f"{survey}: false alarms {share:.3f} of {len(found)}\n")


@dataclass(frozen=True)
class Draws:
    """Simulations inside and outside the training set of networks."""

    bands: tuple
    population: str
    redshift: tuple
    seed: int
    faintest: float = FAINTEST
    views: tuple = ("xy", "octant")

    def draw(self, kind, survey, n, **options):
        """Galaxies such as those that trained the networks, with larger stamps."""
        simulator = GalaxySimulator(
            self.bands,
            survey,
            spectrograph=None,
            photometry_bands=(),
            offset=0.5,
            neighbours=0.1,
            population=self.population,
            size=SIZE,
            views=self.views,
            **{"redshift": self.redshift} | options,
        )
        key = self.seed, KINDS.index(kind), SURVEYS.index(survey)
        sample, truth = simulator.draw(n, random_state=np.random.default_rng(key))
        snr = np.max([sample[f"snr_{band}"] for band in self.bands], axis=0)
        return sample[snr >= self.faintest], truth[snr >= self.faintest]

    def wide(self, survey, n, factor, kind="PSF"):
        """Galaxies seen with a wider point-spread function."""
        scale = get_survey(survey).pixel_scale
        size = int(6.0 / scale) | 1
        psfs = {
            band: PSF(make_psf(band, pixel_scale=scale, size=size).image, factor * scale, band)
            for band in self.bands
        }
        return self.draw(kind, survey, n, psfs=psfs)

    def noisy(self, survey, n, factor, kind="noise"):
        """Galaxies with more noise."""
        noise = {band: noise_preset(survey, band) for band in self.bands}
        change = -2.5 * np.log10(factor)
        noise = {
            band: replace(
                one, rms=factor * one.rms, depth=None if one.depth is None else one.depth + change
            )
            for band, one in noise.items()
        }
        return self.draw(kind, survey, n, noise=noise)

    def near(self, survey, n, kind="redshift"):
        """Galaxies of low redshift that are taken for those of the training set."""
        sample, truth = self.draw(kind, survey, n, redshift=LOW_REDSHIFT)
        rng = np.random.default_rng((self.seed, KINDS.index(kind)))
        sample["redshift"] = rng.uniform(*self.redshift, len(sample))
        return sample, truth

    def examples(self, clean, n):
        """Galaxies outside the training set, by the reason of the detector."""
        part = n // len(WIDER)
        found = {
            "PSF": [self.wide(one, part, factor) for one in clean for factor in WIDER],
            "noise": [self.noisy(one, part, factor) for one in clean for factor in NOISIER],
            "redshift": [self.near(one, n) for one in clean],
        }
        found = {reason: stacked(s for s, _ in parts) for reason, parts in found.items()}
        return found | {"pixel scale": stacked(map(misjudged, clean.values()))}


def misjudged(sample):
    """Galaxies with the pixel scale of the other survey."""
    sample = sample[::4].copy()
    scales = [get_survey(survey).pixel_scale * u.arcsec for survey in SURVEYS]
    other = scales[0] if np.isclose(sample["pixel_scale"][0], scales[1]) else scales[1]
    sample["pixel_scale"] = other
    return sample


def stacked(samples):
    """All samples in one."""
    return vstack(list(samples), metadata_conflicts="silent")


if __name__ == "__main__":
    main()
