"""Galaxies for ``bench_shift.py``: clean ones, and the same galaxies with faults.

At each of sixteen redshifts galaxies of a population are drawn, those that can be bright enough
are observed, and those with S/N of at least 5 in a band are kept. Simulators of other mosaics
observe some of them with the same random numbers, so that images differ by the fault alone.
"""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.modeling.physical_models import BlackBody
from astropy.table import QTable

from dustest.data import as_sample
from dustest.estimators._cnn.corruptions.pixels import flux_within, resample
from dustest.estimators._cnn.corruptions.records import FLUX_RADIUS, NEIGHBOUR_DISTANCES
from dustest.physics import synthetic_photometry
from dustest.simulate import GalaxySimulator, get_population, make_psf
from dustest.simulate.surveys import get_survey, with_pixel_scale

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from fit_shift_detector import SIZE, Draws, louder, widened
from train_pretrained import highest_snr

__all__ = ["OTHER_SCALES", "BlockDraws", "Galaxies", "make_sample"]

LEAST_SNR = 5.0
REDSHIFTS = np.linspace(4.2, 13.8, 16).round(2)
LOW_REDSHIFTS = (1.8, 2.0, 2.2)
TRIES = {"JADES-deep": 350, "CEERS": 1050}
"""Galaxies that are drawn for a block; a round of all redshifts has some 1,300 bright ones."""
LEAST_FLUX = 3.0
"""Flux without dust over its error below which no galaxy of 300 reached S/N 5."""
QUIET = 1e-4
"""Noise of stamps that show the galaxies alone, over that of the survey."""
OTHER_SCALES = {"JADES-deep": (0.02, 0.04), "CEERS": (0.03, 0.06)}
ULTRAVIOLET, VISIBLE, QUASAR = (-2.5, -1.5), (0.0, 2.0), (-2.2, 0.0)
"""Slopes beta of little red dots on both sides of the Balmer limit, and of AGN."""
LYMAN_ALPHA, BALMER_LIMIT = 0.1216, 0.3646
TEMPERATURES = (2500.0, 7000.0)
MICRONS = np.linspace(0.6, 5.6, 2000)


@dataclass(frozen=True, eq=False)
class Galaxies:
    """Redshift, A_V, S/N and stamps of galaxies, and of the first of them those with faults."""

    redshift: np.ndarray
    A_V: np.ndarray
    snr: np.ndarray
    clean: np.ndarray
    faults: dict

    @classmethod
    def concatenate(cls, blocks, n_clean, n_faults, seed):
        """Some galaxies of all blocks, first those that have stamps with faults."""
        rng, names = np.random.default_rng(seed), list(blocks[0].faults)
        n_faulty = [len(one.faults[names[0]]) for one in blocks]
        faulty = np.concatenate(
            [np.arange(len(one.A_V)) < n for one, n in zip(blocks, n_faulty, strict=True)]
        )
        some = rng.permutation(faulty.sum())[:n_faults]
        rows = np.concatenate(
            [np.flatnonzero(faulty)[some], rng.permutation(np.flatnonzero(~faulty))]
        )
        columns = (
            np.concatenate([getattr(one, name) for one in blocks])[rows[:n_clean]]
            for name in ("redshift", "A_V", "snr", "clean")
        )
        faults = {
            name: np.concatenate([one.faults[name] for one in blocks])[some] for name in names
        }
        return cls(*columns, faults)


@dataclass(frozen=True)
class BlockDraws:
    """Draws blocks of galaxies in the mosaics of a survey; some of them are shown with faults."""

    bands: tuple
    survey: str
    population: str
    seed: int

    def galaxies(self, folder, n_clean, n_faults):
        """Galaxies of as many rounds of redshifts as are needed; blocks on disc are read."""
        folder.mkdir(parents=True, exist_ok=True)
        blocks, share = [], min(1.0, 1.05 * n_faults / n_clean)
        while sum(len(one.A_V) for one in blocks) < n_clean:
            for _ in REDSHIFTS:
                path = folder / f"{len(blocks):04d}.npz"
                if not path.exists():
                    write(path, self.block(len(blocks), share))
                blocks.append(read(path))
        return Galaxies.concatenate(blocks, n_clean, n_faults, self.seed)

    def block(self, number, share):
        """Bright galaxies of one redshift."""
        rng = np.random.default_rng((self.seed, len(self.survey), number))
        redshift = float(REDSHIFTS[number % len(REDSHIFTS)])
        drawn = (
            self._population.draw(redshift, rng, group=str(i)) for i in range(TRIES[self.survey])
        )
        galaxies = [galaxy for galaxy in drawn if self._can_be_bright(galaxy)]
        seed = int(rng.integers(2**32))
        clean, truth, snr = self._observe("clean", galaxies, seed)
        bright = np.flatnonzero(snr >= LEAST_SNR)
        shown = bright[: int(np.ceil(share * len(bright)))]
        last = shown.max(initial=0) + 1
        faults = {
            name: self._observe(name, galaxies[:last], seed)[0][shown]
            for name in self._simulators
            if name != "clean"
        }
        faults |= self._added(clean[shown], faults.pop("alone"), redshift, rng)
        A_V = np.asarray(truth["A_V"], float)[bright]
        return Galaxies(np.full(len(bright), redshift), A_V, snr[bright], clean[bright], faults)

    def near(self, path, n):
        """Galaxies near redshift 2 that are taken for those of the redshifts of the others."""
        if not path.exists():
            ends = REDSHIFTS[0], REDSHIFTS[-1]
            draws = Draws(self.own_bands, self.population, ends, self.seed, LEAST_SNR)
            sample, truth = draws.near(self.survey, n, LOW_REDSHIFTS)
            stamps, snr = self._stamps(sample)
            A_V, redshift = (np.asarray(one, float) for one in (truth["A_V"], sample["redshift"]))
            write(path, Galaxies(redshift, A_V, snr, stamps, {}))
        return read(path)

    @cached_property
    def _population(self):
        """The population."""
        return get_population(self.population)

    @cached_property
    def own_bands(self):
        """Bands that the survey has."""
        return tuple(band for band in self.bands if band in get_survey(self.survey).bands)

    @cached_property
    def _simulators(self):
        """Simulators of clean and other mosaics by name."""
        clean = GalaxySimulator(
            self.own_bands,
            self.survey,
            spectrograph=None,
            population=self._population,
            photometry_bands=(),
            offset=0.5,
            neighbours=0.1,
            size=SIZE,
            views=("xy",),
        )
        noise = {factor: louder(self.survey, self.own_bands, factor) for factor in (QUIET, 2.0)}
        found = {
            "clean": clean,
            "alone": clean.changed(noise=noise[QUIET]),
            "noise x 2": clean.changed(noise=noise[2.0]),
        }
        for factor in (1.2, 1.5):
            found[f"PSF x {factor}"] = clean.changed(psfs=widened(clean.psfs, factor))
        for scale in OTHER_SCALES[self.survey]:
            survey = with_pixel_scale(self.survey, scale)
            found[f"pixels of {scale} arcsec"] = clean.changed(preset=survey)
        for one in found.values():
            # Tables of light take longer than images, and are the same for all.
            one._pipeline._snapshots = clean._pipeline._snapshots
        return found

    def _can_be_bright(self, galaxy):
        """Whether the flux without dust is enough in a band."""
        free = self._simulators["clean"]._pipeline._snapshot(galaxy.redshift).dust_free(galaxy)
        flux = galaxy.stars.mass @ free.stars.flux()[:, : len(self.own_bands)]
        survey = get_survey(self.survey)
        errors = [survey.flux_error(band) for band in self.own_bands]
        return np.max(flux / errors) > LEAST_FLUX

    def _observe(self, name, galaxies, seed):
        """Stamps, truth and highest S/N of galaxies."""
        if not galaxies:
            return (
                np.zeros((0, len(self.own_bands), SIZE, SIZE), np.float32),
                {"A_V": []},
                np.zeros(0),
            )
        sample, truth = self._simulators[name].observe(galaxies, random_state=seed)
        stamps, snr = self._stamps(sample)
        return stamps, truth, snr

    def _stamps(self, sample):
        """Stamps and highest S/N of a sample."""
        stamps = [sample[f"cutout_{band}"].to_value(u.nJy) for band in self.own_bands]
        return np.stack(stamps, axis=1).astype(np.float32), highest_snr(sample, self.own_bands)

    def _added(self, clean, alone, redshift, rng):
        """Galaxies beside brighter ones, with an AGN, and point sources in their place."""
        n, noise = len(clean), clean - alone
        flux = np.maximum(flux_within(alone, FLUX_RADIUS).mean(axis=1), 1e-9)
        beside = np.roll(alone, 1, axis=0)
        ratio = 10.0 ** rng.uniform(0.0, 1.0, n) * flux / np.roll(flux, 1)
        angle, distance = (
            rng.uniform(0.0, 2.0 * np.pi, (n, 1)),
            rng.uniform(*NEIGHBOUR_DISTANCES, (n, 1)),
        )
        beside = resample(beside, 1.0, (distance * np.sin(angle), distance * np.cos(angle)))
        sources = {
            "AGN": power_laws(n, redshift, rng, QUASAR, QUASAR),
            "little red dot": power_laws(n, redshift, rng, ULTRAVIOLET, VISIBLE),
            "star": stars(n, rng),
        }
        points = {name: self._points(f_nu, flux, rng) for name, f_nu in sources.items()}
        share = rng.uniform(0.5, 1.0, (n, 1, 1, 1)).astype(np.float32)
        return {
            "neighbour": clean + (ratio[:, None, None, None] * beside).astype(np.float32),
            "AGN": clean + share * (points.pop("AGN") - alone),
            **{name: noise + point for name, point in points.items()},
        }

    def _points(self, f_nu, flux, rng):
        """Stamps of point sources with some spectra, and with a mean flux over the bands."""
        n, scale = len(flux), get_survey(self.survey).pixel_scale
        colours = synthetic_photometry(MICRONS * 1e4 * u.AA, f_nu * u.nJy, self.own_bands).value
        fluxes = colours / colours.mean(axis=1, keepdims=True) * flux[:, None]
        images = [
            make_psf(band, pixel_scale=scale, size=SIZE + 1).image for band in self.own_bands
        ]
        # The middle of an even number of pixels is half a pixel from that of the image.
        place = rng.normal(-0.5, 0.5, (2, n, 1))
        stamps = np.stack(images)[None, :, :SIZE, :SIZE] * fluxes[..., None, None]
        return resample(stamps.astype(np.float32), 1.0, place)


def make_sample(draws, stamps, redshift):
    """A sample of stamps in the bands and pixels of a survey."""
    n, scale = len(stamps), get_survey(draws.survey).pixel_scale
    columns = {"id": np.arange(n), "redshift": redshift}
    columns |= {f"cutout_{b}": stamps[:, i] * u.nJy for i, b in enumerate(draws.own_bands)}
    return as_sample(QTable(columns | {"pixel_scale": np.full(n, scale) * u.arcsec}))


def power_laws(n, redshift, rng, blue, red):
    """f_nu of power laws in f_lambda that change their slope at the Balmer limit."""
    rest = MICRONS / (1.0 + redshift) / BALMER_LIMIT
    slopes = [rng.uniform(*limits, (n, 1)) + 2.0 for limits in (blue, red)]
    if blue == red:
        slopes[1] = slopes[0]
    spectra = np.where(rest < 1.0, rest ** slopes[0], rest ** slopes[1])
    return np.where(rest * BALMER_LIMIT < LYMAN_ALPHA, 0.0, spectra)


def stars(n, rng):
    """f_nu of black bodies."""
    temperature = np.exp(rng.uniform(*np.log(TEMPERATURES), (n, 1)))
    return BlackBody(temperature * u.K)(MICRONS * u.um).value


def write(path, galaxies):
    """Write galaxies; a file is there in full or not at all."""
    partial = path.with_suffix(".partial.npz")
    columns = {name: value for name, value in vars(galaxies).items() if name != "faults"}
    np.savez(partial, **columns, **{f"fault {k}": v for k, v in galaxies.faults.items()})
    partial.rename(path)


def read(path):
    """Read galaxies."""
    with np.load(path) as file:
        content = {name: file[name] for name in file.files}
    faults = {
        k.removeprefix("fault "): content.pop(k) for k in list(content) if k.startswith("fault ")
    }
    return Galaxies(**content, faults=faults)
