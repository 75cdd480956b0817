"""Rest-frame quantities of models, by dustest and by Bagpipes itself.

The latter come from its finely sampled spectra, line lists and dust emission. Bagpipes is
imported here, so that tests call `values_of_both` in a process of its own.
"""

from types import SimpleNamespace

import numpy as np
from sedpy.observate import Filter

from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import quiet
from dustest.estimators._sed.columns.rest_frame import REST_FRAME, RestFrame
from dustest.estimators._sed.posterior import Settings
from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.prior_transform import SEDPrior

REDSHIFT = 7.0
SOLAR_LUMINOSITY = 3.826e33
PHOTON = 6.62607015e-27 * 2.99792458e18  # erg Angstrom
WAVELENGTH = np.arange(300.0, 17_000.0, 2.0)
SPEED = 2.99792458e18  # Angstrom / s
PARSEC = 3.0856775814913673e18  # cm
PARAMETERS = {
    "lognormal:tmax": [0.6, 0.7, 0.5],
    "lognormal:fwhm": [0.2, 0.4, 0.3],
    "lognormal:massformed": [9.0, 10.0, 8.5],
    "lognormal:metallicity": [0.2, 0.5, 0.1],
    "nebular:logU": [-2.3, -2.8, -3.5],
    "dust:Av": [0.3, 1.2, 0.05],
    "dust:n": [0.7, 1.0, 0.5],
    "dust:eta": [1.5, 2.5, 1.0],
}
SHAPE = {"Calzetti": (), "CF00": ("dust:n", "dust:eta")}


def of_dustest(law):
    """Values by quantity."""
    settings = Settings("lognormal", law)
    prior = SEDPrior(fit_instructions("lognormal", law, REDSHIFT))
    names = [name for name in prior.free if not name.startswith("dust:") or name == "dust:Av"]
    values = {name: np.array(PARAMETERS[name]) for name in (*names, *SHAPE[law])}
    values |= {"redshift": np.full(3, REDSHIFT)}
    drawn = {"log_mass_formed": values["lognormal:massformed"]}
    posterior = SimpleNamespace(
        prior=SimpleNamespace(transform=lambda _: values), cube=None, draws=drawn
    )
    galaxy = SimpleNamespace(redshift=REDSHIFT, redshift_err=np.nan)
    with quiet():
        return RestFrame(settings).quantities(list(REST_FRAME), galaxy, posterior)


class Spectrum:
    """A model of Bagpipes in luminosities of the rest frame [erg / s].

    It is one whose values are changed, where one with the same components is given.
    """

    def __init__(self, pipes, components, model=None):
        with quiet():
            if model is None:
                model = pipes.model_galaxy(components, spec_wavs=WAVELENGTH)
            else:
                model.update(components)
        self.model, self.lines = model, dict(model.line_fluxes)
        self.config = pipes.config
        distance = 3.086e24 * np.interp(REDSHIFT, pipes.utils.z_array, pipes.utils.ldist_at_z)
        self.area = 4.0 * np.pi * distance**2
        self.wavelength = self.model.wavelengths
        self.light = self.model.spectrum_full * self.area * (1.0 + REDSHIFT)

    def mean(self, low, high):
        """Mean of f_lambda over a window."""
        return np.mean(np.interp(np.linspace(low, high, 2001), self.wavelength, self.light))

    def magnitude(self):
        """Absolute AB magnitude at 1600 Angstrom."""
        at_1600 = self.mean(1575.0, 1625.0) * 1600.0**2 / SPEED
        return -2.5 * np.log10(at_1600 / (4.0 * np.pi * (10.0 * PARSEC) ** 2)) - 48.6

    def slope(self):
        """Slope between the broad windows."""
        rise = np.log(self.mean(1955.0, 2580.0) / self.mean(1400.0, 1860.0))
        return rise / np.log(np.sqrt(1955.0 * 2580.0 / 1400.0 / 1860.0))

    def band_magnitude(self, name):
        """AB magnitude in a passband, up to a constant."""
        curve = Filter(name)
        fine = np.arange(curve.wavelength[0], curve.wavelength[-1], 0.5)
        response = np.interp(fine, curve.wavelength, curve.transmission)
        light = np.interp(fine, self.wavelength, self.light)
        return -2.5 * np.log10(np.sum(light * fine * response) / np.sum(response / fine))

    def width(self, lines, blue, red):
        """Equivalent width of lines over the continuum of sidebands."""
        places = [int(np.argmin(np.abs(self.config.line_wavs - line))) for line in lines]
        names = [self.config.line_names[place] for place in places]
        flux = self.area * sum(self.lines[name] for name in names)
        centres = [np.mean(blue), np.mean(red)]
        continuum = np.interp(np.mean(lines), centres, [self.mean(*blue), self.mean(*red)])
        return flux / continuum

    def photons(self):
        """Ionising photons per second of all stars."""
        blue = self.wavelength < 912.0
        wavelength = self.wavelength[blue]
        stars = self.model.stellar.grid[blue] * wavelength[:, np.newaxis, np.newaxis]
        rates = np.trapezoid(stars, wavelength, axis=0)
        return np.sum(rates * self.model.sfh.ceh.grid) * SOLAR_LUMINOSITY / PHOTON


def of_bagpipes(pipes, law, k, model=None):
    """Values by quantity of one model, and the model."""
    value = {name: column[k] for name, column in PARAMETERS.items()}
    history = {name: value[f"lognormal:{name}"] for name in ("tmax", "fwhm", "massformed")}
    history["metallicity"] = value["lognormal:metallicity"]
    dust = {name.removeprefix("dust:"): value[name] for name in ("dust:Av", *SHAPE[law])}
    components = {
        "redshift": REDSHIFT,
        "lognormal": history,
        "nebular": {"logU": value["nebular:logU"]},
        "dust": {"type": law, **dust},
    }
    seen = Spectrum(pipes, components, model)
    without = components | {"dust": components["dust"] | {"Av": 0.0}}
    bare = Spectrum(pipes, without, seen.model)
    # At 100 micron there is the emission of dust alone, whose spectrum is normalised.
    far = int(np.argmin(np.abs(seen.wavelength - 1e6)))
    unit = seen.model.dust_emission.spectrum(2.0, 1.0, 0.01)[far] * SOLAR_LUMINOSITY
    log_dust = np.log10((seen.light[far] - bare.light[far]) / unit)
    at_1600 = bare.mean(1575.0, 1625.0) * 1600.0**2 / SPEED
    infrared = 10.0**log_dust * SOLAR_LUMINOSITY
    values = {
        "A_V_screen": value["dust:Av"],
        "frac_clear": 0.0,
        "escape_fraction": 0.0,
        "log_Z": np.log10(value["lognormal:metallicity"]),
        "M_UV": seen.magnitude(),
        "M_UV_dust_free": bare.magnitude(),
        "A_1600": seen.magnitude() - bare.magnitude(),
        "beta": seen.slope(),
        "beta_dust_free": bare.slope(),
        "log_L_dust": log_dust,
        "IRX": np.log10(infrared / (1600.0 * seen.mean(1575.0, 1625.0))),
        "log_xi_ion": np.log10(bare.photons() / at_1600),
        "U_V": seen.band_magnitude("bessell_U") - seen.band_magnitude("bessell_V"),
        "V_J": seen.band_magnitude("bessell_V") - seen.band_magnitude("twomass_J"),
        "EW_Ha": seen.width([6562.80], (6400.0, 6480.0), (6620.0, 6690.0)),
        "EW_OIII_Hb": seen.width([4861.33, 4958.91, 5006.84], (4700.0, 4800.0), (5060.0, 5160.0)),
    }
    return values, seen.model


def values_of_both():
    """Values by dustest and by Bagpipes itself, for each dust law."""
    ours = {law: of_dustest(law) for law in SHAPE}
    pipes, theirs = load_bagpipes(), {}
    for law in SHAPE:
        theirs[law], model = [], None
        for k in range(3):
            values, model = of_bagpipes(pipes, law, k, model)
            theirs[law].append(values)
    return {"dustest": ours, "bagpipes": theirs}
