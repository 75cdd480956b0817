"""What Bagpipes itself makes of models.

All but `model_photometry` import Bagpipes into the process that calls them, so that tests call
them in one of their own.
"""

import os
import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np
from astropy.cosmology import FlatLambdaCDM
from warm_process import call

from dustest.data.bands import get_band
from dustest.estimators._sed.bagpipes import nested_sampling
from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.posterior import Galaxy, Settings
from dustest.physics import list_histories

BAGPIPES_COSMOLOGY = FlatLambdaCDM(H0=70.0, Om0=0.3)

# At its usual resolution of 100, the photometry of Bagpipes changes by up to 2 per cent (10 where
# the Lyman break cuts through a band) when a line or the break falls elsewhere within a pixel.
RESOLUTION = 1000


def model_photometry(models, bands, folder):
    """Fluxes in nJy of models with constant or delayed histories, (n_models, n_bands)."""
    for band in map(get_band, bands):
        np.savetxt(folder / band.name, np.stack([band.wavelength, band.transmission], axis=1))
    return call(photometry, models, [str(folder / band) for band in bands], cwd=folder)


def photometry(models, curves):
    """Fluxes in nJy of the models through the curves in files."""
    pipes = load_bagpipes()
    pipes.config.R_phot = RESOLUTION
    none = {"age_max": 0.1, "age_min": 0.0, "age": 0.1, "tau": 0.1, "massformed": -50.0}
    galaxy, found = None, []
    for given in models:
        model = {key: {**none, "metallicity": 1.0} for key in ("constant", "delayed")} | given
        if galaxy is None:
            galaxy = pipes.model_galaxy(model, filt_list=curves, phot_units="mujy")
        galaxy.update(model)
        found.append(1e3 * galaxy.photometry)
    return np.array(found)


_LINES = {"Ha": "H  1  6562.80A", "Hb": "H  1  4861.32A", "OIII5008": "O  3  5006.84A"}


def lognormal_galaxy(bands, a_v, log_mass_formed):
    """Photometry [nJy] in curves of sedpy, a prism-like spectrum, log sSFR and mass at z = 7."""
    from sedpy.observate import load_filters

    paths = []
    for band in load_filters([f"jwst_{name.lower()}" for name in bands]):
        paths.append(f"{band.name}.txt")
        np.savetxt(paths[-1], np.column_stack([band.wavelength, band.transmission]))
    history = {"tmax": 0.6, "fwhm": 0.3, "metallicity": 0.2, "massformed": log_mass_formed}
    parameters = {
        "redshift": 7.0,
        "lognormal": history,
        "nebular": {"logU": -2.5},
        "dust": {"type": "Calzetti", "Av": a_v},
    }
    wavelength = np.linspace(1.2e4, 4e4, 60)
    model = load_bagpipes().model_galaxy(
        parameters, filt_list=paths, phot_units="mujy", spec_wavs=wavelength
    )
    return {
        "flux": 1e3 * model.photometry,
        "log_ssfr": model.sfh.ssfr,
        "log_mass": model.sfh.stellar_mass,
        "wavelength": wavelength,
        "spectrum": model.spectrum[:, 1],
        "lines": {name: model.line_fluxes[label] for name, label in _LINES.items()},
    }


def dust_curves(wavelength, laws):
    """A_lambda / A_V by name of the law, by the one module of Bagpipes that is needed.

    It is imported between stand-ins for its package and its configuration.
    """
    root = find_spec("bagpipes").submodule_search_locations[0]
    folders = {"bagpipes": root, "bagpipes.models": os.path.join(root, "models")}  # noqa: PTH118
    for name in (*folders, "bagpipes.config"):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [folders.get(name, "")]
    sys.modules["bagpipes"].config = sys.modules["bagpipes.config"]
    sys.modules["bagpipes.config"].line_wavs = np.array([1215.67])
    from bagpipes.models.dust_attenuation_model import dust_attenuation

    return {name: dust_attenuation(wavelength, law).A_cont for name, law in laws.items()}


def histories(models):
    """Edges of the age bins, shares of stars that live, and histories by name of the models."""
    load_bagpipes()
    from bagpipes import config
    from bagpipes.models.star_formation_history import star_formation_history

    found = {"edges": config.age_bins}
    for name, own in models.items():
        history = star_formation_history(own[0])
        found["living"] = history.live_frac_grid[4]
        rows = [history_row(history, model) for model in own]
        found[name] = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    return found


def history_row(history, model):
    """What the history says once it is that of the model."""
    history.update(model)
    masses = history.ceh.grid.sum(axis=0)
    recent = history.ages < 1e7
    widths = history.age_widths[recent]
    rate = (history.sfh[recent] * widths).sum() / widths.sum()
    return {
        "age": history.age_of_universe,
        "weights": masses / masses.sum(),
        "rates": np.array([rate, history.sfr]) / masses.sum(),
        "stellar_mass": history.stellar_mass - np.log10(masses.sum()),
        "mean_age": 1e9 * history.mass_weighted_age,
        "possible": np.isfinite(masses).all() and not history.unphysical,
    }


class Nothing:
    """A galaxy without data."""

    photometry_exists, line_labels, index_list = False, None, None


def prior_parameters(models, cubes):
    """Free parameters, and all parameters at each point of a cube, by name of the model."""
    load_bagpipes()
    from bagpipes.fitting.fitted_model import fitted_model

    found = {}
    for name, instructions in models.items():
        model = fitted_model(Nothing(), instructions)
        rows = [components_at(model, point) for point in cubes[name]]
        found[name] = {"free": model.params, "rows": rows}
    return found


def components_at(model, point):
    """All parameters of the model at a point of the cube."""
    model._update_model_components(model.prior.transform(point))
    found = {"redshift": model.model_components["redshift"]}
    for component, own in model.model_components.items():
        if isinstance(own, dict):
            found |= {f"{component}:{k}": v for k, v in own.items() if "_prior" not in k}
    return found


def points_of_every_history():
    """Log-likelihoods and quantities at 15 points of the prior of each history, z = 6-9."""
    rng = np.random.default_rng(1)
    laws = ["Calzetti", "SMC", "MW", "Salim", "CF00"]
    bands, flux = ("F150W", "F277W", "F444W"), np.array([10.0, 12.0, 15.0])
    found = {}
    for number, sfh in enumerate(list_histories()):
        settings = Settings(sfh, laws[number % len(laws)], resolution=None)
        redshift = float(rng.uniform(6.0, 9.0))
        galaxy = Galaxy(redshift, np.nan, bands, flux, np.ones(3), None, 7)
        with nested_sampling.quiet():
            instructions = nested_sampling._instructions(galaxy, settings)
            model = nested_sampling._fitted_model(galaxy, settings, instructions)
            found[sfh] = np.array(
                [nested_sampling._evaluate(model, rng.random(model.ndim), 1e8) for _ in range(15)]
            )
    return found


def load_bagpipes_of(folder):
    """Import the Bagpipes of a folder."""
    sys.path.insert(0, str(folder))
    load_bagpipes()
