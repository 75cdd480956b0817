"""Models whose gas has dust of its own, in a process with Bagpipes."""

import numpy as np
from sed_mocks import settings

from dustest.estimators._sed.bagpipes.nested_sampling import quiet, resolution_curve
from dustest.estimators._sed.tabulated.light.channels import Channels, Pixels
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light

BANDS = ("F115W", "F277W", "F444W")
LINES = ("Ha", "Hb", "Pb")
REDSHIFT = 7.0


def fluxes(cases, n=20):
    """Fluxes of the same points by case: a tuple of a law of the gas, and priors."""
    cube, found = None, {}
    with quiet():
        for name, (law, gas_law, priors) in cases.items():
            setup = settings("lognormal", law, priors, nebular_law=gas_law)
            light = band_light(setup, Channels(BANDS, None, LINES))
            maker = ModelMaker(setup, REDSHIFT, light)
            if cube is None:
                cube = np.random.default_rng(210170).random((n, len(maker.prior.free)))
            models = maker.at(cube)
            found[name] = {
                "flux": models.flux,
                "A_V": models.quantities["A_V"],
                "wavelength": light.line_wavelength,
            }
    return found


def spectra_of_pools(n=200):
    """Fluxes of models of a pool of spectra, and the same one by one."""
    wavelength = np.geomspace(1e4, 5e4, 150)
    pixels = Pixels(wavelength, resolution_curve("prism", wavelength))
    setup = settings()
    with quiet():
        from dustest.estimators._sed.tabulated.pool import Pool

        maker = ModelMaker(setup, REDSHIFT, band_light(setup, Channels(BANDS, pixels, LINES)))
        pool = Pool(maker, ())
        index = np.sort(np.random.default_rng(210171).permutation(len(pool.flux))[:n])
        taken = pool.take(index)
        return taken.flux, maker.at(taken.cube).flux
