"""Models and fits with light that no dust covers, and with escaping ionising photons.

Bagpipes is imported here, so that tests call these functions in a process of their own.
"""

import numpy as np
from sed_mocks import FLAT, mocks, settings

from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import filter_lines, quiet
from dustest.estimators._sed.columns.rest_frame import RestFrame
from dustest.estimators._sed.posterior import Galaxy
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
from dustest.estimators._sed.tabulated.light.channels import Channels
from dustest.estimators._sed.tabulated.light.emission import BandLight
from dustest.estimators._sed.tabulated.light.photometry_table import SEDTable
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light
from dustest.physics import get_dust_law

BANDS = {
    7.0: ("F115W", "F150W", "F277W", "F356W", "F410M", "F444W"),
    0.8: ("F150W", "F444W", "F770W", "F2100W"),  # warm dust
    0.05: ("F115W", "F200W", "F444W"),
}
LEAK = {"dust:frac_clear": (0.0, 0.6), "nebular:escape_fraction": (0.0, 1.0)}
MASS = {"lognormal:massformed": (8.6, 9.4)}


def _model(redshift, nebular):
    """Components of a galaxy with many young stars."""
    gas = {"nebular": {"logU": -2.4}} if nebular else {}
    return gas | {
        "redshift": redshift,
        "delayed": {"age": 0.3, "tau": 1.0, "massformed": 9.0, "metallicity": 0.3},
        "dust": {"type": "Calzetti", "Av": 0.7, "eta": 1.0},
    }


def _of_bagpipes(model, bands):
    """Fluxes [nJy] of a model by Bagpipes itself, and the weights of its ages."""
    with quiet():
        galaxy = load_bagpipes().model_galaxy(
            model, filt_list=[filter_lines(band) for band in bands], phot_units="mujy"
        )
    return 1e3 * galaxy.photometry, sum(galaxy.sfh.component_weights.values())


def fluxes_with_and_without():
    """Fluxes by redshift: of tables with shares, and of Bagpipes with and without gas."""
    found = {}
    for redshift, bands in BANDS.items():
        light = BandLight(bands)
        law = get_dust_law("Calzetti")
        gas, weights = _of_bagpipes(_model(redshift, nebular=True), bands)
        bare, _ = _of_bagpipes(_model(redshift, nebular=False), bands)
        found[redshift] = {"gas": gas, "bare": bare}
        for name, exact in {"exact": True, "fast": False}.items():
            table = SEDTable(redshift, bands, law, light=light, exact=exact, escaping=True)
            one = weights[np.newaxis, : table.n_age]

            def flux(a_v, table=table, one=one, **shares):
                return table.photometry(one, 0.3, -2.4, a_v, **shares)[0]

            found[redshift][name] = {
                "dusty": flux(0.7),
                "dust-free": flux(0.0),
                "clear": {share: flux(0.7, clear=share) for share in (0.0, 0.2, 1.0)},
                "escape": {share: flux(0.7, escape=share) for share in (0.0, 0.3, 1.0)},
                "eta": flux(0.7, eta=2.0, clear=0.2),
                "dusty eta": flux(0.7, eta=2.0),
            }
    return found


def models_of_pools():
    """Models of a pool beside the same models one by one, and sums of models without shares."""
    setup = settings(priors=FLAT | MASS | LEAK)
    engine = TabulatedEngine(setup)
    maker = engine._maker(7.0, Channels.of(BANDS[7.0]))
    pool = engine._pool_of(maker)
    index = np.sort(np.random.default_rng(1).permutation(len(pool.flux))[:1000])
    taken = pool.take(index)
    values = maker.prior.transform(taken.cube)
    plain = ModelMaker(settings(), 7.0, band_light(settings(), BANDS[7.0]))
    shares = values.pop("dust:frac_clear"), values.pop("nebular:escape_fraction")
    return {
        "pool": taken,
        "again": maker.at(taken.cube).flux,
        "shares": shares,
        "screen": values["dust:Av"],
        "V": _visual(setup, taken.cube, maker),
        "plain": plain.flux_of(values),
    }


def _visual(setup, cube, maker):
    """Light in V behind all dust over that without any."""
    rest = RestFrame(setup)
    parameters = maker.prior.transform(cube)
    one = rest._maker(Galaxy(7.0, np.nan, (), None, None, None, 0))
    column = rest._light.features.index("V")
    seen, bare = (one.flux_of(parameters, dust=dust)[:, column] for dust in (True, False))
    return seen / bare


def posteriors_of_mocks(n):
    """Fits of mocks with both shares free, their truth, and rest-frame quantities of one."""
    setup = settings(priors=FLAT | MASS | LEAK, under_priors=True)
    galaxies, truth = mocks(setup, n, 20.0, seed=180400)
    posteriors = TabulatedEngine(setup).fit(galaxies)
    names = ("A_V_screen", "frac_clear", "escape_fraction", "EW_Ha", "log_xi_ion")
    quantities = RestFrame(setup).quantities(names, galaxies[0], posteriors[0])
    return {"posteriors": posteriors, "truth": truth, "quantities": quantities}
