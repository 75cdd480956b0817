"""Hold the sizes of simulated galaxies against those of two real ones.

Run with ``python tools/compare_sizes_with_real.py --data ../shared/data --output FOLDER``, where
the data are the stamps ``cutouts/jof_*.fits`` of the JADES Origins Field. It writes the table
``sizes.ecsv``. Half-light radii are read off curves of growth, with blur and noise, in the same
way for the stamps of real and of simulated galaxies at the same redshift and of similar magnitude.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable
from photutils.aperture import CircularAperture

from dustest.simulate import GalaxySimulator, get_population, make_psf
from dustest.simulate.galaxies.named_populations import change_settings

SEED = 170627
POPULATION = "0.2"
BANDS = ("F277W", "F444W")
PIXEL_SCALE = 0.03
SIZE = 65
# Arcsec: within the first is all the light that is counted, beyond the second only sky; the centre
# of light is that within the third.
TOTAL, SKY, CENTRE = 0.45, 0.75, 0.3
RADII = np.arange(0.25, TOTAL / PIXEL_SCALE + 0.25, 0.25)
SIMILAR = 0.3


@dataclass(frozen=True)
class Target:
    """A real galaxy, and the masses among which there are simulated ones as bright."""

    file: str
    redshift: float
    log_mass: tuple
    n: int


TARGETS = (
    Target("jof_478_zphot5.84.fits", 5.84, (7.0, 9.5), 3000),
    Target("jof_36_zphot4.13.fits", 4.13, (9.0, 10.8), 1500),
)


def half_light_radius(image, others=None):
    """Total flux, and radius in arcsec that holds half of it; NaN where there is no flux."""
    image = np.array(image, dtype=float)
    y, x = np.indices(image.shape) - 0.5 * (len(image) - 1)
    others = np.zeros(image.shape, dtype=bool) if others is None else others
    image = np.where(others, 0.0, image - np.median(image[~others & _beyond(x, y, SKY)]))
    near = np.where(_beyond(x, y, CENTRE), 0.0, image)
    place = np.array([np.sum(near * x), np.sum(near * y)]) / near.sum()
    place = np.clip(place, -CENTRE / PIXEL_SCALE, CENTRE / PIXEL_SCALE)
    place += 0.5 * (len(image) - 1)
    growth = [CircularAperture(place, r).do_photometry(image)[0][0] for r in RADII]
    if growth[-1] <= 0:
        return growth[-1], np.nan
    first = np.argmax(np.array(growth) >= 0.5 * growth[-1])
    pixels = np.interp(
        0.5 * growth[-1], [0.0, *growth][first : first + 2], [0.0, *RADII][first : first + 2]
    )
    return growth[-1], pixels * PIXEL_SCALE


def _beyond(x, y, radius):
    """Pixels beyond a radius in arcsec about the centre of the stamp."""
    return np.hypot(x, y) * PIXEL_SCALE > radius


def real_sizes(path):
    """Fluxes in nJy and half-light radii of a real galaxy, band by band."""
    with fits.open(path) as hdus:
        segments = hdus["SEG"].data
        others = (segments != 0) & (segments != segments[SIZE // 2, SIZE // 2])
        images = {band: hdus[f"{band}_SCI"].data * u.uJy.to(u.nJy) for band in BANDS}
    return {band: half_light_radius(image, others) for band, image in images.items()}


def simulated_sizes(target, seed):
    """The same of simulated galaxies; arrays."""
    simulator = GalaxySimulator(
        BANDS,
        preset="JADES-deep",
        redshift=target.redshift,
        population=change_settings(get_population(POPULATION), {"log_mass": target.log_mass}),
        size=SIZE,
        views=["xy"],
        photometry_bands=[],
        spectrograph=None,
    )
    sample, _ = simulator.draw(target.n, random_state=seed)
    return {
        band: np.array([half_light_radius(image) for image in sample[f"cutout_{band}"].value]).T
        for band in BANDS
    }


def size_rows(target, folder, seed):
    """Rows of the table for one real galaxy."""
    real, simulated = real_sizes(folder / "cutouts" / target.file), simulated_sizes(target, seed)
    faintness = -2.5 * np.log10(np.maximum(simulated[BANDS[0]][0], 1e-3) / real[BANDS[0]][0])
    similar = np.abs(faintness) < SIMILAR
    rows = []
    for band in BANDS:
        flux, radius = real[band]
        radii = simulated[band][1][similar]
        p16, median, p84 = np.nanpercentile(radii, [16, 50, 84])
        rows.append(
            {
                "galaxy": target.file.split("_z")[0],
                "redshift": target.redshift,
                "band": band,
                "magnitude": (flux * u.nJy).to_value(u.ABmag),
                "radius": radius * u.arcsec,
                "n_simulated": int(np.isfinite(radii).sum()),
                "simulated": median * u.arcsec,
                "simulated_p16": p16 * u.arcsec,
                "simulated_p84": p84 * u.arcsec,
                "share_smaller": float(np.mean(radii[np.isfinite(radii)] < radius)),
                "point_source": point_source_size(band) * u.arcsec,
            }
        )
    return rows


def point_source_size(band):
    """Half-light radius of a star, in arcsec."""
    return half_light_radius(make_psf(band, pixel_scale=PIXEL_SCALE, size=SIZE).image)[1]


def parsed_arguments():
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the galaxies")
    return parser.parse_args()


def main():
    """Write the table."""
    arguments = parsed_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = [row for target in TARGETS for row in size_rows(target, arguments.data, arguments.seed)]
    QTable(rows=rows).write(arguments.output / "sizes.ecsv", overwrite=True)


if __name__ == "__main__":
    main()
