"""Error of whole tabulated models, history and all, against `model_galaxy` of Bagpipes.

Models are drawn from the default priors of each star-formation history and dust law, with free
shapes of Salim's and CF00's, at redshifts from 5 to 10. An error counts where the band is brighter
than 1e-4 of the brightest. Run ``python benchmarks/bench_sed_models.py --models 1000``.
"""

import argparse

import numpy as np

from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import filter_lines, quiet
from dustest.estimators._sed.posterior import Settings
from dustest.estimators._sed.priors.fitted_law import fitted_law
from dustest.estimators._sed.tabulated.model_pool import ModelMaker, band_light
from dustest.physics import list_histories

BANDS = ("F606W", "F814W", "F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W")
REDSHIFTS = (5.0, 6.5, 8.0, 10.0)
FAINT = 1e-4


def components_of(parameters, row, law):
    """Nested components of one model, as Bagpipes wants them."""
    nested = {"dust": {"type": fitted_law(law).bagpipes}}
    for name, values in parameters.items():
        component, _, key = name.partition(":")
        value = list(values) if name.endswith("bin_edges") else float(values[row])
        if key:
            nested.setdefault(component, {})[key] = value
        else:
            nested[component] = value
    return nested


def errors(sfh, law, redshift, light, n, rng):
    """Relative errors of the fluxes that count; and how many models only one side allows."""
    maker = ModelMaker(Settings(sfh, law), redshift, light)
    cube = rng.random((n, len(maker.prior.free)))
    models, parameters = maker.at(cube), maker.prior.transform(cube)
    masses = [10.0 ** parameters[name] for name in maker.prior.masses]
    ours = models.flux * np.sum(masses, axis=0)[:, np.newaxis]
    galaxy, theirs = None, []
    for row in range(n):
        components = components_of(parameters, row, law)
        with quiet():
            if galaxy is None:
                curves = [filter_lines(band) for band in light.bands]
                galaxy = load_bagpipes().model_galaxy(
                    components, filt_list=curves, phot_units="mujy"
                )
            galaxy.update(components)
        theirs.append(1e3 * galaxy.photometry)
    theirs = np.array(theirs)
    lit = np.nan_to_num(theirs).max(axis=1) > 0.0
    differ = np.sum(lit != (ours.max(axis=1) > 0.0))
    ours, theirs = ours[lit], theirs[lit]
    bright = theirs > FAINT * theirs.max(axis=1, keepdims=True)
    return np.abs(ours[bright] / theirs[bright] - 1.0), differ


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=200, help="of each history and law")
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    for law in ("Calzetti", "SMC", "MW", "CF00", "Salim"):
        light = band_light(Settings("lognormal", law), BANDS)
        for sfh in list_histories():
            n = arguments.models // len(REDSHIFTS)
            parts = [errors(sfh, law, redshift, light, n, rng) for redshift in REDSHIFTS]
            error = np.concatenate([part[0] for part in parts])
            differ = sum(part[1] for part in parts)
            high = np.percentile(error, 99.9)
            print(
                f"{law:9s}{sfh:15s} largest {error.max():.1e}, 99.9 % {high:.1e}; {differ} of "
                f"{n * len(REDSHIFTS)} models possible for one side only"
            )


if __name__ == "__main__":
    main()
