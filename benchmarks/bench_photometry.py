"""Bias and errors of `add_photometry` on simulated mosaics with known total fluxes.

Galaxies of the simulator, point sources, or elliptical Sersic profiles are placed on mosaics, far
from one another, at random positions within pixels. The mosaics have the correlated noise of JADES
at two depths, and error maps that are too small by a fixed factor. Reported for each band and
signal-to-noise ratio (true flux over reported error): the median and the mean of the measured over
the true flux, the median and the width (half of the 16-84 % range) of pulls, and the share within
one and two errors, for galaxies without other sources in the aperture and for all.

Run ``python benchmarks/bench_photometry.py --galaxies 2000``.
"""

import argparse
import csv
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import QTable
from astropy.wcs import WCS
from scipy import fft

from dustest.data.surveys import Mosaic, Survey
from dustest.io import add_photometry
from dustest.physics import make_psf
from dustest.simulate import CorrelatedNoise, GalaxySimulator, aperture_rms, noise_preset

BANDS = ("F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W")
SCALE = 0.03
STAMP = 101
SPACING = 121
PER_MOSAIC = 400
ERROR_SCALE = 0.7
SHALLOW = 1.4
SNR_BINS = (5.0, 7.0, 10.0, 20.0, 50.0)


def noiseless_survey():
    """A survey whose errors do not matter."""
    return Survey("noiseless", SCALE, 0.32, {band: Mosaic((0.1,), 60.0, 1.0) for band in BANDS})


def simulated_galaxies(n, seed, population):
    """Images (n, n_bands, stamp, stamp) of a flux of 1 in the brightest band, and true fluxes."""
    survey = noiseless_survey()
    simulator = GalaxySimulator(
        BANDS, survey, redshift=(4.0, 10.0), size=STAMP, population=population, views=("octant",),
        spectrograph=None, noise=dict.fromkeys(BANDS, CorrelatedNoise(1e-9, (0.0,), SCALE)),
    )  # fmt: skip
    sample, _ = simulator.draw(n, random_state=seed)
    images = np.stack([sample[f"cutout_{band}"].value for band in BANDS], axis=1)
    flux = np.stack([sample[f"flux_{band}"].to_value(u.nJy) for band in BANDS], axis=1)
    top = flux.max(axis=1, keepdims=True)
    return images / top[..., None, None].astype(np.float32), flux / top


def sersic_galaxies(n, seed):
    """As `simulated_galaxies`, with Sersic profiles of one flux in all bands."""
    from astropy.modeling.models import Sersic2D

    rng = np.random.default_rng(seed)
    fine, middle = 5, STAMP // 2
    y, x = (np.mgrid[: STAMP * fine, : STAMP * fine] + 0.5) / fine - 0.5
    side = fft.next_fast_len(2 * STAMP, real=True)
    transfers = np.array([transfer(make_psf(band, size=2 * STAMP - 1), side) for band in BANDS])
    images = np.empty((n, len(BANDS), STAMP, STAMP), dtype=np.float32)
    for row in range(n):
        size = 10.0 ** rng.normal(np.log10(0.15), 0.25) / SCALE
        model = Sersic2D(
            1.0, size, rng.choice([0.5, 1.0, 1.5, 2.5]), middle, middle,
            rng.uniform(0.0, 0.7), rng.uniform(0.0, np.pi),
        )  # fmt: skip
        light = model(x, y).reshape(STAMP, fine, STAMP, fine).sum(axis=(1, 3))
        spread = fft.irfft2(fft.rfft2(light / light.sum(), (side, side)) * transfers, (side, side))
        images[row] = spread[:, :STAMP, :STAMP]
    return images, np.ones((n, len(BANDS)))


def point_sources(n):
    """As `simulated_galaxies`, with the point-spread functions."""
    one = np.array([make_psf(band, size=201).image[50:151, 50:151] for band in BANDS])
    return np.broadcast_to(one, (n, *one.shape)), np.ones((n, len(BANDS)))


def transfer(psf, side):
    """Transform of a point-spread function centred on the first pixel."""
    grid = np.zeros((side, side))
    grid[: psf.size, : psf.size] = psf.image[:side, :side]
    return fft.rfft2(np.roll(grid, (-(psf.size // 2),) * 2, axis=(0, 1)))


def shifted(images, offset):
    """Images shifted by fractions of a pixel (column, row), in Fourier space."""
    across, along = fft.fftfreq(STAMP)[:, np.newaxis], fft.rfftfreq(STAMP)
    phase = np.exp(-2j * np.pi * (along * offset[0] + across * offset[1]))
    return fft.irfft2(fft.rfft2(images) * phase, (STAMP, STAMP))


def draw_mosaics(images, flux, rng):
    """Mosaics of some galaxies, their positions and true fluxes in nJy (n, n_bands)."""
    per_side = int(np.ceil(np.sqrt(len(images))))
    side = per_side * SPACING
    noises = {band: noise_preset("JADES-deep", band) for band in BANDS}
    # The ratio in one band is given; the flux of the others follows from the colours.
    total = np.array([aperture_rms(noise, 0.5) / 0.75 for noise in noises.values()])
    band = rng.integers(len(BANDS), size=len(images))
    wanted = 10.0 ** rng.uniform(np.log10(4.0), np.log10(70.0), len(images))
    rows = np.arange(len(images))
    brightness = wanted * total[band] / np.maximum(flux[rows, band], 0.05)
    truth = flux * brightness[:, np.newaxis]
    depth = np.where(np.arange(side) < side // 2, 1.0, SHALLOW)[:, np.newaxis]
    mosaics = {name: noise.draw(1, (side, side), rng)[0] * depth for name, noise in noises.items()}
    places = np.empty((len(images), 2))
    for row, stamps in enumerate(images):
        offset = rng.uniform(-0.5, 0.5, 2)
        corner = SPACING * np.array([row % per_side, row // per_side]) + (SPACING - STAMP) // 2
        places[row] = corner + STAMP // 2 + offset
        here = (slice(corner[1], corner[1] + STAMP), slice(corner[0], corner[0] + STAMP))
        for name, stamp in zip(BANDS, shifted(stamps, offset) * brightness[row], strict=True):
            mosaics[name][here] += stamp
    wcs = make_wcs(side)
    ccd = {
        name: CCDData(
            pixels.astype(np.float32), unit=u.nJy, wcs=wcs,
            uncertainty=StdDevUncertainty(
                np.broadcast_to(ERROR_SCALE * noises[name].rms * depth, pixels.shape)
            ),
        )
        for name, pixels in mosaics.items()
    }  # fmt: skip
    sky = wcs.pixel_to_world(*places.T)
    return ccd, QTable({"ra": sky.ra, "dec": sky.dec}), truth


def make_wcs(side):
    """Coordinates of a square mosaic."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [53.1, -27.8]
    wcs.wcs.crpix = [side / 2, side / 2]
    wcs.wcs.cdelt = [-SCALE / 3600.0, SCALE / 3600.0]
    return wcs


def measure(images, flux, rng, **settings):
    """True and measured fluxes and errors (n, n_bands), factors, and seconds per galaxy."""
    found, seconds = [], 0.0
    for first in range(0, len(images), PER_MOSAIC):
        part = slice(first, first + PER_MOSAIC)
        mosaics, positions, truth = draw_mosaics(images[part], flux[part], rng)
        start = time.perf_counter()
        sample = add_photometry(positions, mosaics, progress=False, **settings)
        seconds += time.perf_counter() - start
        measured, error = (
            np.stack([sample[f"{kind}_{band}"].value for band in BANDS], axis=1)
            for kind in ("flux", "flux_err")
        )
        factor = np.stack([sample["aperture_correction"], sample["aperture_correction_err"]], 1)
        found.append((truth, measured, error, factor, np.array(sample["replaced_fraction"])))
    return (*(np.concatenate(each) for each in zip(*found, strict=True)), seconds / len(images))


def summarise(truth, measured, error):
    """Rows of the table: band, ratios, number, bias, pulls and shares."""
    rows = []
    snr = truth / error
    for number, band in enumerate((*BANDS, "all")):
        columns = slice(None) if band == "all" else [number]
        for low, high in (*pairwise(SNR_BINS), SNR_BINS[::4]):
            use = (snr[:, columns] >= low) & (snr[:, columns] < high)
            true, flux, err = (each[:, columns][use] for each in (truth, measured, error))
            if len(true) < 20:
                continue
            pull = (flux - true) / err
            p16, p50, p84 = np.percentile(pull, [16, 50, 84])
            rows.append(
                {
                    "band": band,
                    "snr": f"{low:g}-{high:g}",
                    "n": len(true),
                    "flux_ratio": round(float(np.median(flux / true)), 4),
                    "mean_ratio": round(float(np.average(flux / true)), 4),
                    "ratio_err": round(float(1.25 * np.std(flux / true) / np.sqrt(len(true))), 4),
                    "pull": round(float(p50), 3),
                    "pull_width": round(float(0.5 * (p84 - p16)), 3),
                    "within_1": round(float(np.mean(np.abs(pull) < 1.0)), 3),
                    "within_2": round(float(np.mean(np.abs(pull) < 2.0)), 3),
                }
            )
    return rows


def report(rows):
    """Print the table."""
    print("  ".join(f"{name:>10}" for name in rows[0]))
    for row in rows:
        print("  ".join(f"{value:>10}" for value in row.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--galaxies", type=int, default=2000)
    parser.add_argument("--kind", choices=("simulator", "sersic", "point"), default="simulator")
    parser.add_argument("--population", default="0.2")
    parser.add_argument("--seed", type=int, default=210410)
    parser.add_argument("--correction", default="extended")
    parser.add_argument("--aperture", type=float, default=0.5)
    parser.add_argument("--output", help="CSV file of the table")
    parser.add_argument("--save", help="file of all fluxes, .npz")
    arguments = parser.parse_args()
    n, seed = arguments.galaxies, arguments.seed
    if arguments.kind == "simulator":
        images, flux = simulated_galaxies(n, seed, arguments.population)
    else:
        images, flux = sersic_galaxies(n, seed) if arguments.kind == "sersic" else point_sources(n)
    rng = np.random.default_rng(seed + 1)
    settings = {"correction": arguments.correction, "aperture": arguments.aperture * u.arcsec}
    truth, measured, error, factor, replaced, seconds = measure(images, flux, rng, **settings)
    single = replaced == 0.0
    rows = summarise(truth[single], measured[single], error[single])
    print(f"{single.sum()} galaxies without other sources in the aperture")
    report(rows)
    print(f"all {n} galaxies, also those with several components")
    report(summarise(truth, measured, error)[-len(SNR_BINS) :])
    print(f"{1.0 / seconds:.1f} galaxies/s in {len(BANDS)} bands")
    middle, spread = np.nanmedian(factor, axis=0)
    print(f"correction: median {middle:.3f}, error {spread:.3f}")
    if arguments.save:
        np.savez(arguments.save, truth=truth, measured=measured, error=error, factor=factor,
                 replaced=replaced)  # fmt: skip
    if arguments.output:
        with Path(arguments.output).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
