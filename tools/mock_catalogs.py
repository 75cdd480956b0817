"""Real galaxies of JADES at redshifts 6 to 9, and simulated ones as catalogues would hold them.

Used by ``fit_population.py``, ``compare_with_real.py`` and ``compare_relations.py``. The simulated
galaxies get errors and noise like those of real galaxies of similar magnitude, are selected by the
same cuts, and their redshifts are estimated from the noisy photometry, since the real redshifts
are photometric too: a strong line in a band decides both its colours and its redshift.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy import units as u
from astropy.cosmology import Planck15
from astropy.table import QTable

from dustest.data.bands import Band
from dustest.io import read_catalog
from dustest.physics import load_ssp_grid
from dustest.simulate import dust_mass, get_population, optical_depth
from dustest.simulate.emission.snapshot import Snapshot
from dustest.simulate.galaxies.named_populations import change_settings

SPLIT_SEED = 170200
"""Splits the real galaxies into those that `fit_population.py` uses and the others."""
REDSHIFT = (6.0, 9.0)
TRUE_REDSHIFTS = np.arange(5.6, 9.41, 0.1).round(1)
"""Redshifts of the simulated galaxies; some from outside are found inside."""
DETECTION = "F277W"
MIN_SNR = 5.0
N_NEIGHBOURS = 10
LEAST_ERROR = 0.05
"""Error of the models in an estimate of a redshift, over the flux."""
COARSE = {"log_mass": (7.0, 11.0), "n_stars": 200, "n_gas": 200}
"""Changes to a population that make many galaxies quickly; lighter ones are too faint for the
catalogues."""
TILT = 0.5
"""Power of the mass by which massive galaxies are drawn more often than they are."""
TEMPLATES = {"nebulae": {"log_u": -1.75, "log_u_scatter": 0.5}}
"""Changes to the population of version 0.1 for the galaxies that serve to estimate redshifts."""
N_TEMPLATES, TEMPLATE_SEED = 3000, 170209
MATCHING_STEP = 0.25
"""Step of redshift in which the simulated galaxies are weighted to the real ones. The lines move
through the bands, so that colours change within wider bins."""
COLOURS = (("F150W", "F200W"), ("F200W", "F277W"), ("F277W", "F356W"), ("F356W", "F444W"))
# [O III] and H beta move from F335M and F356W into F410M and F444W near redshift 7.
LINE_COLOURS = COLOURS[2:]
MAGNITUDES = ("F277W", "F444W")
BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")
_LINES, _BESIDE_LINES = (4840.0, 5030.0), (5100.0, 5300.0)
"""Rest-frame windows in Angstrom: H beta and [O III], and continuum beside them."""


@dataclass(frozen=True)
class Catalog:
    """A catalogue of real galaxies, and what its authors fitted to them.

    Galaxies fainter than a magnitude, where they thin out, are left out.
    """

    name: str
    file: str
    faintest: float
    fitted: dict


CATALOGS = (
    Catalog(
        "Endsley+24",
        "jades_z6to9_beagle.fits",
        29.6,
        {"A_V": "Av", "M_UV": "Muv", "log_mass": "logM", "EW": "OIIIHbEW"},
    ),
    Catalog(
        "JOF",
        "jof_bagpipes.ecsv",
        29.0,
        {
            "A_V": "bp_lognorm_Av_50",
            "beta": "bp_lognorm_beta_C94_50",
            "log_mass": "bp_lognorm_logM_50",
        },
    ),
)


def real_galaxies(catalog, folder):
    """A catalogue within the redshifts and cuts of the comparison."""
    path, own = folder / "catalogs" / catalog.file, dict(catalog.fitted)
    widths = own.pop("EW", None)
    sample = read_catalog(path, columns=own)
    if widths:
        sample["EW"] = np.asarray(QTable.read(path)[widths], dtype=float)
    redshift = np.asarray(sample["redshift"])
    inside = (redshift >= REDSHIFT[0]) & (redshift <= REDSHIFT[1])
    return QTable(sample[inside & is_selected(sample, catalog)])


def published_slopes(folder):
    """Slopes of galaxies in several articles, within the redshifts of the comparison."""
    slopes = QTable.read(folder / "catalogs" / "published_uv_slopes.csv").filled(np.nan)
    slopes.rename_column("z", "redshift")
    return slopes[(slopes["redshift"] > REDSHIFT[0]) & (slopes["redshift"] < REDSHIFT[1])]


def fitting_half(real, name):
    """The galaxies of a catalogue that the fit of the population uses, and the others."""
    order = np.random.default_rng((SPLIT_SEED, *name.encode())).permutation(len(real))
    half = len(real) // 2
    return real[np.sort(order[:half])], real[np.sort(order[half:])]


def magnitude(table, band):
    """AB magnitudes; NaN where the flux is not positive."""
    flux = np.asarray(table[f"flux_{band}"].to_value(u.nJy))
    return (np.where(flux > 0, flux, np.nan) * u.nJy).to_value(u.ABmag)


def is_selected(table, catalog):
    """Which galaxies are bright and significant enough."""
    ratio = table[f"flux_{DETECTION}"] / table[f"flux_err_{DETECTION}"]
    return (magnitude(table, DETECTION) < catalog.faintest) & (ratio >= MIN_SNR)


def observables(table, quantities=()):
    """Redshift, magnitudes and colours, and columns that are there already."""
    columns = {"redshift": np.asarray(table["redshift"])}
    columns |= {f"mag_{band}": magnitude(table, band) for band in MAGNITUDES}
    columns |= {
        f"{blue}-{red}": magnitude(table, blue) - magnitude(table, red) for blue, red in COLOURS
    }
    return QTable(columns | {name: np.asarray(table[name]) for name in quantities})


class MockCatalogs:
    """Simulated galaxies as catalogues of real ones would hold them, at some true redshifts."""

    def __init__(self, redshifts=TRUE_REDSHIFTS):
        grid = load_ssp_grid()
        self._snapshots = [
            Snapshot(z, grid, [*BANDS, *_beside(z)], None, None, Planck15, many_kinds=True)
            for z in redshifts
        ]

    @cached_property
    def _library(self):
        """Redshifts and fluxes of the galaxies that serve to estimate redshifts, by redshift."""
        population = change_settings(get_population("0.1"), COARSE | TEMPLATES)
        templates = self.photometry(population, N_TEMPLATES, TEMPLATE_SEED)
        order = np.argsort(templates["true_redshift"], kind="stable")
        return np.asarray(templates["true_redshift"])[order], _fluxes(templates)[order]

    def photometry(self, population, n, seed):
        """Noiseless fluxes of galaxies, their truth, and weights that undo the tilt of masses."""
        tilt = population.mass_function.tilt + TILT
        tilted = change_settings(population, {"mass_function": {"tilt": tilt}})
        rows = [self._row(tilted, np.random.default_rng((seed, i))) for i in range(n)]
        table = QTable(rows)
        for band in BANDS:
            table[f"flux_{band}"] *= u.nJy
        table["weight"] = 10.0 ** (TILT * (8.0 - table["log_mass"]))
        return table

    def _row(self, population, rng):
        """Fluxes and truth of one galaxy."""
        snapshot = self._snapshots[rng.integers(len(self._snapshots))]
        galaxy = population.draw(snapshot.redshift, rng)
        dust_to_metal = galaxy.conditions.dust_to_metal(
            rng.uniform(*population.dust.dust_to_metal), galaxy.gas
        )
        free = snapshot.dust_free(galaxy)
        tau_v = optical_depth(galaxy, dust_to_metal)
        tau_v = galaxy.conditions.add_depth(tau_v, galaxy.stars.age, rng)
        light = snapshot.light(galaxy, free, tau_v)
        line, continuum = light.total[len(BANDS) :]
        row = {
            "true_redshift": snapshot.redshift,
            "log_dust_mass": np.log10(dust_mass(galaxy.gas, dust_to_metal).sum()),
            "EW": (line / continuum - 1.0) * (_LINES[1] - _LINES[0]),
            "half_light_radius": _half_light_radius(
                galaxy.stars.position, light.flux[:, BANDS.index(MAGNITUDES[-1])]
            ),
        }
        row |= free.quantities | light.quantities
        return row | {
            f"flux_{band}": f for band, f in zip(BANDS, light.total[: len(BANDS)], strict=True)
        }

    def as_in_catalog(self, simulated, catalog, real, rng):
        """Simulated galaxies as a catalogue would hold them, with its distribution of redshifts.

        Returns
        -------
        QTable
            Galaxies that pass the cuts of the catalogue.
        ndarray
            Their weights.
        """
        noisy = _with_errors_of(simulated, real, rng)
        noisy = noisy[is_selected(noisy, catalog)]
        noisy["redshift"] = self.estimated_redshift(noisy)
        edges = np.arange(REDSHIFT[0], REDSHIFT[1] + MATCHING_STEP, MATCHING_STEP)
        return noisy, weights_of(noisy, real, "redshift", edges)

    def estimated_redshift(self, table):
        """Median redshift of the templates, weighted by their likelihoods."""
        flux, (redshift, templates) = _fluxes(table), self._library
        error = np.column_stack([table[f"flux_err_{band}"].to_value(u.nJy) for band in BANDS])
        weight = 1.0 / (error**2 + (LEAST_ERROR * flux) ** 2)
        across, own = (weight * flux) @ templates.T, weight @ (templates**2).T
        # The best amplitude of each template is inserted into chi2.
        log_likelihood = 0.5 * np.maximum(across, 0.0) ** 2 / own
        share = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
        below = np.cumsum(share, axis=1)
        below /= below[:, -1:]
        place = np.argmax(below >= 0.5, axis=1)
        step = TRUE_REDSHIFTS[1] - TRUE_REDSHIFTS[0]
        return redshift[place] + step * (_place_in_step(redshift, below, place) - 0.5)


def _place_in_step(redshift, below, place):
    """Where the median lies between the templates of its redshift."""
    first, last = (np.searchsorted(redshift, redshift[place], side) for side in ("left", "right"))
    rows = np.arange(len(place))
    low = np.where(first > 0, below[rows, np.maximum(first, 1) - 1], 0.0)
    high = below[rows, last - 1]
    return (0.5 - low) / (high - low)


def thinned(table, weights, rng):
    """As many galaxies as can be had of equal weight."""
    return table[rng.random(len(table)) < weights / weights.max()]


def _beside(redshift):
    """Bands that measure the equivalent width of H beta and [O III]."""
    for name, (low, high) in (("lines", _LINES), ("beside", _BESIDE_LINES)):
        edges = np.array([low, low + 1e-3, high - 1e-3, high]) * (1.0 + redshift)
        yield Band(name, name, edges, np.array([0.0, 1.0, 1.0, 0.0]))


def _half_light_radius(position, flux):
    """Radius in kpc about the centroid in which half of the light is."""
    place = position[:, :2] - flux @ position[:, :2] / flux.sum()
    radius = np.hypot(*place.T)
    order = np.argsort(radius)
    below = np.cumsum(flux[order])
    return np.interp(0.5 * below[-1], below, radius[order])


def _fluxes(table):
    """Fluxes in nJy of shape (n, n_bands)."""
    return np.column_stack([table[f"flux_{band}"].to_value(u.nJy) for band in BANDS])


def _with_errors_of(simulated, real, rng):
    """Simulated galaxies with errors of real ones of similar magnitude, and the noise to them."""
    noisy = simulated.copy()
    distance = np.abs(
        np.subtract.outer(magnitude(simulated, DETECTION), magnitude(real, DETECTION))
    )
    nearest = np.argsort(distance, axis=1)[:, :N_NEIGHBOURS]
    chosen = rng.permuted(nearest, axis=1)[:, 0]
    for band in BANDS:
        error = real[f"flux_err_{band}"][chosen].to(u.nJy)
        noisy[f"flux_{band}"] += error * rng.standard_normal(len(noisy))
        noisy[f"flux_err_{band}"] = error
    return noisy


def weights_of(simulated, real, name, edges):
    """Weights that give simulated galaxies the distribution of real ones in a column."""
    wanted = np.histogram(real[name], edges)[0]
    present = np.histogram(simulated[name], edges, weights=simulated["weight"])[0]
    share = np.divide(wanted, present, out=np.zeros(len(wanted)), where=present > 0)
    number = np.digitize(np.asarray(simulated[name]), edges) - 1
    inside = (number >= 0) & (number < len(share))
    share = np.where(inside, share[np.clip(number, 0, len(share) - 1)], 0.0)
    return share * simulated["weight"]
