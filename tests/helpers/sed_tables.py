"""Tables of SEDs beside what Bagpipes itself gives for the same models.

Bagpipes is imported here, so that tests call `tables_and_references` in a process of its own.
"""

from functools import cache

import numpy as np

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.estimators._sed.bagpipes.dust_curve import BAGPIPES_CURVES, BagpipesCurve
from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import filter_lines, quiet
from dustest.estimators._sed.tabulated.light.emission import BandLight
from dustest.estimators._sed.tabulated.light.photometry_table import SEDTable
from dustest.physics import get_dust_law


def tables_and_references(cases, refused):
    """Exact tables, results of Bagpipes (fluxes, weights, living shares), fast tables; messages.

    A case with wavelengths is compared in flux densities there, in nJy. The last case is also
    built without shared spectra, and the last message is that of spectra of other bands.
    """
    shared_light, pairs = cache(BandLight), {}
    for name, case in cases.items():
        bands = case["bands"]
        light = shared_light(bands, case["table"].get("t_bc", 0.01))
        arguments = with_law(case["table"]) | {"redshift": case["redshift"], "bands": bands}
        table = SEDTable(**arguments, light=light, wavelength=case["wavelength"], exact=True)
        fast = SEDTable(**arguments, light=light, wavelength=case["wavelength"])
        pairs[name] = (table, *reference(case), fast)
    other_light = {"redshift": 7.0, "bands": bands[:1], "law": "SMC", "light": light}
    messages = [message(wrong) for wrong in (*refused, other_light)]
    return pairs, SEDTable(**arguments, exact=True), messages


def reference(case):
    """Fluxes, weights and living shares of the models of a case, by Bagpipes."""
    rows, galaxy = [], None
    for model in case["models"]:
        with quiet():
            if galaxy is None:
                curves = [filter_lines(band) for band in case["bands"]]
                galaxy = load_bagpipes().model_galaxy(model, filt_list=curves, phot_units="mujy")
            galaxy.update(model)
        flux = 1e3 * galaxy.photometry
        if case["wavelength"] is not None:
            flux = seen_at(case["wavelength"], galaxy)
        living = 10.0 ** (galaxy.sfh.stellar_mass - galaxy.sfh.formed_mass)
        rows.append((flux, sum(galaxy.sfh.component_weights.values()), living))
    return map(np.array, zip(*rows, strict=True))


def seen_at(wavelength, galaxy):
    """Flux densities [nJy] of the galaxy at observed wavelengths."""
    stretched = galaxy.wavelengths * (1.0 + galaxy.model_comp["redshift"])
    flux = np.interp(wavelength, stretched, galaxy.spectrum_full)
    return 1e32 * flux * wavelength**2 / 2.9979e18  # the speed of light of Bagpipes


def with_law(arguments):
    """Arguments of a table with the law itself in place of its name."""
    kind = arguments["law"]
    law = BagpipesCurve(kind) if kind in BAGPIPES_CURVES else get_dust_law(kind)
    return arguments | {"law": law}


def message(arguments):
    """Message of the error that a table of the arguments raises."""
    try:
        SEDTable(**with_law(arguments))
    except InputError as error:
        return str(error)


def pairs_by_law(laws, redshift, bands):
    """Fluxes by tables and by Bagpipes with its curve replaced, (8, 2, n_bands) for each law."""
    rng, light, found, galaxy = np.random.default_rng(1), BandLight(bands), {}, None
    for name, law in laws.items():
        found[name], galaxy = fluxes_of_both(get_dust_law(law), redshift, light, rng, galaxy)
    return found


def fluxes_of_both(law, redshift, light, rng, galaxy=None):
    """Fluxes of eight random models by a table and by Bagpipes, and the galaxy of the latter."""
    table = SEDTable(redshift, light.bands, law, light=light, exact=True)
    pairs = []
    for _ in range(8):
        metals, log_u, a_v = 10.0 ** rng.uniform(-2, 0.3), rng.uniform(-4, -2), 3.0 * rng.random()
        model = {
            "redshift": redshift,
            "delayed": {"age": 0.3, "tau": 0.1, "massformed": 9.0, "metallicity": metals},
            "constant": {"age_max": 0.02, "age_min": 0, "massformed": 8.0, "metallicity": metals},
            "dust": {"type": "Calzetti", "Av": a_v, "eta": 2.0},
            "nebular": {"logU": log_u},
        }
        galaxy = galaxy_behind(law, model, light.bands, galaxy)
        weights = sum(galaxy.sfh.component_weights.values())[: table.age_edges.size - 1]
        ours = table.photometry(weights[np.newaxis], metals, log_u, a_v, 2.0)[0]
        pairs.append((ours, 1e3 * galaxy.photometry))
    return np.array(pairs), galaxy


def galaxy_behind(law, model, bands, galaxy=None):
    """A galaxy of Bagpipes, or one that had other values, with its curve replaced."""
    with quiet():
        if galaxy is None:
            curves = [filter_lines(band) for band in bands]
            galaxy = load_bagpipes().model_galaxy(model, filt_list=curves, phot_units="mujy")
        galaxy.dust_atten.A_cont = law.extended(galaxy.wavelengths)
        galaxy.update(model)
    return galaxy


def light_behind(laws, bands):
    """Fluxes of the youngest and the oldest stars behind each law, last behind the first alone."""
    light = BandLight(bands)
    tables = [SEDTable(7.0, bands, law, light=light) for law in laws]
    weights = np.eye(tables[0].age_edges.size - 1)[[0, -1]]
    found = [table.photometry(weights, 0.2, -2.5, 0.5, 3.0) for table in tables]
    return [*found, tables[0].photometry(weights, 0.2, -2.5, 0.5)]


def beyond_bagpipes(bands):
    """Fluxes where Bagpipes ends, ours and its own, and beyond, with means of the spectrum."""
    light = BandLight(bands)
    found = {"end": [_fluxes(light, 10.0 + step)[0] for step in (1e-9, 0.0)]}
    return found | {redshift: _fluxes(light, redshift) for redshift in (12.0, 15.0, 18.0, 20.0)}


def _fluxes(light, redshift):
    """Fluxes of young stars in bands, and means of their spectrum over the photons of these."""
    law, means = get_dust_law("Calzetti"), []
    curves = [get_band(name) for name in light.bands]
    table = SEDTable(redshift, light.bands, law, light=light)
    weights = np.zeros((1, table.age_edges.size - 1))
    weights[0, 10:14] = 1.0
    arguments = weights, 0.2, -2.5, 0.3
    for curve in curves:
        wavelength = np.linspace(curve.wavelength[0], curve.wavelength[-1], 4000)
        # Models begin at the bluest band of redshift 10; there is no light at shorter waves.
        inside = wavelength > light.wavelength[0] * (1.0 + redshift)
        flux = np.zeros(wavelength.size)
        if inside.any():
            points = SEDTable(
                redshift, light.bands, law, light=light, wavelength=wavelength[inside]
            )
            flux[inside] = points.photometry(*arguments)[0]
        response = np.interp(wavelength, curve.wavelength, curve.transmission) / wavelength
        means.append(np.sum(flux * response) / np.sum(response))
    return table.photometry(*arguments)[0], np.array(means)


def in_another_cosmology(cosmology):
    """Fluxes of old stars by a table, and by Bagpipes with its distances and ages replaced."""
    law, light = get_dust_law("Calzetti"), BandLight(("F200W", "F444W"), cosmology=cosmology)
    table = SEDTable(7.0, light.bands, law, light=light, exact=True)
    utils = load_bagpipes().utils
    utils.age_at_z = cosmology.age(utils.z_array).to_value("Gyr")
    utils.ldist_at_z = cosmology.luminosity_distance(utils.z_array).to_value("Mpc")
    model = {
        "redshift": 7.0,
        "constant": {"age_max": 1.0, "age_min": 0.8, "massformed": 9.0, "metallicity": 0.5},
        "dust": {"type": "Calzetti", "Av": 0.4},
        "nebular": {"logU": -2.5},
    }
    galaxy = galaxy_behind(law, model, light.bands)
    weights = galaxy.sfh.component_weights["constant"][: table.age_edges.size - 1]
    return table.photometry(weights[np.newaxis], 0.5, -2.5, 0.4)[0], 1e3 * galaxy.photometry
