"""Make the simulated catalogue that dustest ships for its demo.

Run with ``python tools/make_demo_catalog.py``; it writes ``dustest/resources/demo_*.ecsv``.
The galaxies are models of Bagpipes (Carnall et al. 2018, MNRAS 480, 4379) with delayed
star-formation histories and Calzetti dust, seen at the depth of JADES: 5 sigma at the magnitudes
below, plus 3 % for the calibration. Only galaxies with S/N of at least 8 in F277W are kept.
"""

import tempfile
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import QTable

from dustest.data import get_band
from dustest.physics import get_dust_law

SEED = 20261122
N_GALAXIES = 200
DUST_LAW = "Calzetti"
# Five-sigma depths in AB magnitudes: median catalogue errors of total fluxes in JADES GOODS-S
# (Endsley et al. 2024, MNRAS 533, 1111), to a tenth of a magnitude.
DEPTHS = {"F606W": 29.0, "F814W": 28.5, "F090W": 29.5, "F115W": 29.8, "F150W": 29.7}
DEPTHS |= {"F200W": 29.7, "F277W": 30.0, "F335M": 29.2, "F356W": 29.9}
DEPTHS |= {"F410M": 29.3, "F444W": 29.1}
CALIBRATION = 0.03
MIN_SNR = 8.0
RESOURCES = Path(__file__).parents[1] / "dustest" / "resources"


def draw_parameters(rng):
    """Bagpipes components of one galaxy, with its true A_V."""
    redshift = rng.uniform(6.0, 9.0)
    log_mass = rng.uniform(7.8, 10.2)
    # Dustier with mass, with scatter: a few per cent of the massive ones reach A_V = 1.
    a_v = 0.25 * 10 ** (0.3 * (log_mass - 9.0) + 0.3 * rng.standard_normal())
    delayed = {
        "age": 10 ** rng.uniform(-2.0, -0.4),
        "tau": 10 ** rng.uniform(-1.5, 0.5),
        "massformed": log_mass,
        "metallicity": 10 ** rng.uniform(-1.5, -0.3),
    }
    return {
        "redshift": redshift,
        "delayed": delayed,
        "dust": {"type": DUST_LAW, "Av": a_v, "eta": 1.0},
        "nebular": {"logU": rng.uniform(-3.0, -1.5)},
        "t_bc": 0.01,
    }


def write_filters(folder):
    """Transmission curves as Bagpipes reads them; returns the file names."""
    names = []
    for name in DEPTHS:
        band = get_band(name)
        path = Path(folder) / f"{name}.dat"
        np.savetxt(path, np.column_stack([band.wavelength, band.transmission]))
        names.append(str(path))
    return names


def observe(flux, rng):
    """Noisy flux and its error in nJy."""
    depth = np.array([(m * u.ABmag).to_value(u.nJy) / 5.0 for m in DEPTHS.values()])
    error = np.hypot(depth * rng.uniform(0.8, 1.25), CALIBRATION * flux)
    return flux + error * rng.standard_normal(len(flux)), error


def draw_galaxies(rng):
    """Redshift, fluxes, errors and truth of the galaxies that are bright enough."""
    import bagpipes

    rows, detection = [], list(DEPTHS).index("F277W")
    with tempfile.TemporaryDirectory() as folder:
        filters = write_filters(folder)
        while len(rows) < N_GALAXIES:
            parameters = draw_parameters(rng)
            model = bagpipes.model_galaxy(parameters, filt_list=filters, phot_units="mujy")
            flux, error = observe(model.photometry * 1e3, rng)
            bright = flux[detection] > MIN_SNR * error[detection]
            if bright and np.isfinite(model.sfh.ssfr):
                truth = (parameters["dust"]["Av"], model.sfh.ssfr, model.sfh.stellar_mass)
                rows.append((parameters["redshift"], flux, error, truth))
    return rows


def main():
    """Write catalogue and truth."""
    rows = draw_galaxies(np.random.default_rng(SEED))
    ids = np.arange(1, N_GALAXIES + 1)
    catalog = QTable({"id": ids, "redshift": np.round([row[0] for row in rows], 4)})
    for i, name in enumerate(DEPTHS):
        catalog[f"flux_{name}"] = np.round([row[1][i] for row in rows], 4) * u.nJy
        catalog[f"flux_err_{name}"] = np.round([row[2][i] for row in rows], 4) * u.nJy
    a_v, ssfr, mass = (np.round([row[3][i] for row in rows], 5) for i in range(3))
    truth = QTable({"id": ids, "A_V": a_v * u.mag})
    truth["E_BV"] = truth["A_V"] / get_dust_law(DUST_LAW).r_v
    truth["R_V"] = np.full(N_GALAXIES, get_dust_law(DUST_LAW).r_v)
    truth["log_sSFR"] = ssfr
    truth["log_mass"] = mass
    for table in (catalog, truth):
        table.meta["origin"] = f"simulated by tools/make_demo_catalog.py with seed {SEED}"
    catalog.write(RESOURCES / "demo_catalog.ecsv", overwrite=True)
    truth.write(RESOURCES / "demo_truth.ecsv", overwrite=True)


if __name__ == "__main__":
    main()
