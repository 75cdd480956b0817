"""Fit the detector of galaxies outside the training set, and write it into a file of networks.

Run with ``python tools/fit_shift_detector.py MODEL``, where MODEL is a file that
``tools/train_pretrained.py`` wrote, or any of `CNNEstimator.save`. It draws galaxies like those
that trained the networks, of the same parts, and simulations of what lies outside: wider
point-spread functions, more noise, pixels of the other survey, and galaxies at redshifts 0.5 to
3 with redshifts of the training set. The file is replaced unless ``--output`` names another, and
its SHA-256 is printed, with the share of false alarms on galaxies of another seed.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import vstack
from train_pretrained import PARTS, Part, population

from dustest import CNNEstimator
from dustest.data import register_survey
from dustest.data.surveys import SURVEYS
from dustest.estimators.shift_detector import ShiftDetector
from dustest.simulate import PSF, GalaxySimulator, make_psf, noise_preset
from dustest.simulate.galaxies.named_populations import POPULATIONS
from dustest.simulate.surveys import get_survey, with_pixel_scale

PRESETS = ("JADES-deep", "CEERS")
SEED = 170445
FAINTEST = 2.0
SIZE = 48
WIDER, NOISIER = (1.35, 1.5, 1.8), (1.7, 2.0, 2.3)
LOW_REDSHIFTS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
SHARE = 0.12  # of the rows in each simulation of what is outside, for each of both surveys
KINDS = ("clean", "PSF", "noise", "redshift")
PSF_FIELD = 6.0


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--population", choices=list(POPULATIONS), default="0.2")
    parser.add_argument("--redshift", type=float, nargs=2, default=(4.0, 14.0))
    parser.add_argument("--plain", action="store_true", help="only both surveys as they are")
    parser.add_argument("--rows", type=int, default=14_000)
    parser.add_argument("--judged", type=int, default=2_000, help="of each survey")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    cnn = CNNEstimator.load(options.model)
    draws = Draws(tuple(cnn.bands), options.population, tuple(options.redshift), options.seed)
    detector = ShiftDetector(cnn.bands, size=cnn.size, random_state=options.seed)
    fit(detector, draws, options.rows, plain=options.plain)
    sha256 = cnn.use_detector(detector).save(options.output or options.model)
    sys.stdout.write(f"fitted in {time.perf_counter() - start:.0f} s\n{sha256}\n")
    other = replace(draws, seed=options.seed + 1, faintest=5.0, views=("xy",))
    for preset in PRESETS:
        found = detector.report(other.draw("clean", preset, options.judged)[0])
        share = np.mean(found["out_of_domain"])
        sys.stdout.write(f"{preset}: false alarms {share:.3f} of {len(found)}\n")


def fit(detector, draws, rows, *, plain=False):
    """Fit a detector on simulations."""
    parts = [Part(preset, 0.5) for preset in PRESETS] if plain else PARTS["training"]
    clean = {part: draws.part(part, round(part.share * rows)) for part in parts}
    labels = np.repeat([place(part) for part in clean], [len(one) for one in clean.values()])
    detector.fit(stacked(clean.values()), labels, examples=draws.examples(round(SHARE * rows)))


def place(part):
    """Name of the mosaics of a part."""
    return replace(part, is_heavy=False).name


@dataclass(frozen=True)
class Draws:
    """Simulations inside and outside the training set of networks."""

    bands: tuple
    population: str
    redshift: tuple
    seed: int
    faintest: float = FAINTEST
    views: tuple = ("xy", "octant")

    def part(self, part, n):
        """Galaxies of a part of the training set."""
        survey = get_survey(part.survey)
        if part.pixel_scale:
            survey = register_survey(with_pixel_scale(survey, part.pixel_scale))
        found = population(self.population, part)
        key = list(PARTS["training"]).index(part) if part in PARTS["training"] else 99
        return self.draw("clean", survey.name, n, population=found, key=key)[0]

    def draw(self, kind, survey, n, *, key=0, **options):
        """Galaxies such as those that trained the networks, with larger stamps."""
        key = self.seed, KINDS.index(kind), key, list(SURVEYS).index(survey)
        simulator = self.simulator(survey, **options)
        return self.bright(*simulator.draw(n, random_state=np.random.default_rng(key)))

    def simulator(self, survey, **options):
        """Simulator of the mosaics of a survey."""
        common = {"redshift": self.redshift, "population": self.population, "views": self.views}
        common |= {"neighbours": 0.1}
        return GalaxySimulator(
            [band for band in self.bands if band in get_survey(survey).bands],
            survey,
            spectrograph=None,
            photometry_bands=(),
            offset=0.5,
            size=SIZE,
            **common | options,
        )

    def bright(self, sample, truth):
        """Galaxies that are bright enough in a band."""
        ratios = [sample[f"snr_{band}"] for band in sample.cutout_bands]
        kept = np.max(ratios, axis=0) >= self.faintest
        return sample[kept], truth[kept]

    def wide(self, survey, n, factor):
        """Galaxies seen with a wider point-spread function."""
        scale = get_survey(survey).pixel_scale
        size = int(PSF_FIELD / scale) | 1
        psfs = {
            band: PSF(make_psf(band, pixel_scale=scale, size=size).image, factor * scale, band)
            for band in self.bands
            if band in get_survey(survey).bands
        }
        return self.draw("PSF", survey, n, psfs=psfs, key=round(100 * factor))

    def noisy(self, survey, n, factor):
        """Galaxies with more noise."""
        noise = {
            band: noise_preset(survey, band)
            for band in self.bands
            if band in get_survey(survey).bands
        }
        noise = {band: louder(one, factor) for band, one in noise.items()}
        return self.draw("noise", survey, n, noise=noise, key=round(100 * factor))

    def near(self, survey, n, redshifts=LOW_REDSHIFTS):
        """Galaxies of low redshift that are taken for those of the training set.

        They are heavy galaxies of redshift 4, the lowest of the populations, seen from nearer.
        """
        rng = np.random.default_rng((self.seed, KINDS.index("redshift"), PRESETS.index(survey)))
        heavy = population(self.population, Part(survey, 1.0, is_heavy=True))
        galaxies = [
            replace(heavy.draw(4.0, rng, group=str(number)), redshift=rng.choice(redshifts))
            for number in range(n)
        ]
        simulator = self.simulator(survey, views=("xy",), neighbours=0.0)
        sample, truth = self.bright(*simulator.observe(galaxies, random_state=rng))
        sample["redshift"] = rng.uniform(*self.redshift, len(sample))
        return sample, truth

    def examples(self, n):
        """Galaxies outside the training set, by the reason of the detector."""
        part = n // len(WIDER)
        found = {
            "PSF": [self.wide(one, part, factor) for one in PRESETS for factor in WIDER],
            "noise": [self.noisy(one, part, factor) for one in PRESETS for factor in NOISIER],
            "redshift": [self.near(one, n) for one in PRESETS],
            "pixel scale": [self.misjudged(one, n) for one in PRESETS],
        }
        return {reason: stacked(s for s, _ in parts) for reason, parts in found.items()}

    def misjudged(self, survey, n):
        """Galaxies with the pixel scale of the other survey."""
        sample, truth = self.draw("clean", survey, n, key=50)
        other = PRESETS[1 - PRESETS.index(survey)]
        sample["pixel_scale"] = get_survey(other).pixel_scale * u.arcsec
        return sample, truth


def louder(noise, factor):
    """Noise of a higher level, with the same correlation."""
    depth = None if noise.depth is None else noise.depth - 2.5 * np.log10(factor)
    return replace(noise, rms=factor * noise.rms, depth=depth)


def stacked(samples):
    """All samples in one; bands that one lacks are masked."""
    return vstack(list(samples), metadata_conflicts="silent")


if __name__ == "__main__":
    main()
