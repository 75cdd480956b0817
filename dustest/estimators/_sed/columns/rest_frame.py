"""Rest-frame quantities of SED models: magnitudes, slopes, luminosities, colours and line widths.

Each quantity is one function here, which takes the luminosities of models with and without dust.
These come from the same tables as the photometry of a fit, with rest-frame windows, lines and
photon rates in place of the bands, so that they are valid for the draws of either engine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dustest.data.quantities import QUANTITIES
from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import quiet
from dustest.estimators._sed.clear_light import ESCAPE_FRACTION, FRAC_CLEAR
from dustest.estimators._sed.posterior import A_V
from dustest.estimators._sed.tabulated.light.emission import BandLight
from dustest.estimators._sed.tabulated.model_pool import (
    ModelMaker,
    birth_cloud_age,
    has_gas_dust,
    tabulated_redshift,
)
from dustest.physics.cosmology import BAGPIPES_COSMOLOGY
from dustest.physics.uv_slope import UV_1600, UV_WINDOWS

__all__ = ["REST_FRAME", "RestFrame", "RestLight"]

_BANDS = ("F435W", "F444W")
"""Bands between which Bagpipes samples wavelengths finely: 330 Angstrom to 5 micron."""
_RESOLUTION = 400.0
"""Of the wavelengths; at that of Bagpipes, 100, colours with strong breaks are off by 0.02 mag."""
_LYMAN_LIMIT = 912.0
_INFRARED = 3e4
"""Angstrom from which on dust emits and hardly absorbs."""
_LIGHT_SPEED = 2.99792458e18  # Angstrom / s
_SOLAR_LUMINOSITY = 3.826e33  # erg / s, that of Bagpipes
_PLANCK = 6.62607015e-27  # erg s
_TEN_PARSEC = 3.0856775814913673e19  # cm
_AB_ZERO = -48.6
_LINES = {"Ha": (6562.80,), "OIII_Hb": (4861.32, 4958.91, 5006.84)}
"""Air wavelengths of lines that are measured together, Angstrom."""
_SIDEBANDS = {
    "Ha": ((6400.0, 6480.0), (6620.0, 6690.0)),
    "OIII_Hb": ((4700.0, 4800.0), (5060.0, 5160.0)),
}
"""Windows on either side of the lines in which the continuum is measured, Angstrom."""
_PASSBANDS = {"U": "bessell_U", "V": "bessell_V", "J": "twomass_J"}
_MAX_MAKERS = 4
_NEAREST = 10.0
"""Largest distance [Angstrom] between a line and its entry in the line list of Cloudy."""


@dataclass(frozen=True)
class Luminosities:
    """Luminosities of n models, and their parameters.

    Parameters
    ----------
    seen, dust_free : dict of str to ndarray of shape (n,)
        By feature, with and without dust, per solar mass formed: means over windows and passbands
        in solar luminosities per Angstrom, ``infrared`` and lines in solar luminosities,
        ``photons`` in ionising photons / s / 1e46.
    parameters : dict of str to ndarray of shape (n,)
        In Bagpipes' names.
    """

    seen: dict
    dust_free: dict
    parameters: dict


REST_FRAME = {}
"""Function of `Luminosities` by quantity; it returns values for one solar mass formed."""


def _gives(name):
    """Register the function that computes a quantity."""

    def register(function: Callable):
        REST_FRAME[name] = function
        return function

    return register


@_gives("log_Z")
def _metallicity(models):
    """Metallicity of the stars of the first component, which others share."""
    values = models.parameters
    return np.log10(values[next(key for key in values if key.endswith(":metallicity"))])


@_gives("A_V_screen")
def _screen(models):
    """Attenuation of the part of the light that dust covers."""
    return models.parameters[A_V]


@_gives("frac_clear")
def _clear_share(models):
    """Share of the light that no dust covers."""
    return _parameter(models, FRAC_CLEAR)


@_gives("escape_fraction")
def _escape_fraction(models):
    """Share of the ionising photons that escapes."""
    return _parameter(models, ESCAPE_FRACTION)


def _parameter(models, key):
    """A parameter of models, zero by default."""
    return models.parameters.get(key, np.zeros_like(models.parameters[A_V]))


@_gives("M_UV")
def _uv_magnitude(models):
    return _absolute_magnitude(models.seen["1600"])


@_gives("M_UV_dust_free")
def _dust_free_uv_magnitude(models):
    return _absolute_magnitude(models.dust_free["1600"])


@_gives("A_1600")
def _uv_attenuation(models):
    return -2.5 * np.log10(models.seen["1600"] / models.dust_free["1600"])


@_gives("beta")
def _slope(models):
    return _window_slope(models.seen)


@_gives("beta_dust_free")
def _dust_free_slope(models):
    return _window_slope(models.dust_free)


@_gives("log_L_dust")
def _dust_luminosity(models):
    return np.log10(_absorbed(models))


@_gives("IRX")
def _infrared_excess(models):
    return np.log10(_absorbed(models) / (np.mean(UV_1600) * models.seen["1600"]))


@_gives("log_xi_ion")
def _ionising_efficiency(models):
    log_rate = np.log10(models.dust_free["photons"]) + _LOG_PHOTON_UNIT
    return log_rate - np.log10(_per_frequency(models.dust_free["1600"], np.mean(UV_1600)))


@_gives("U_V")
def _u_minus_v(models):
    return _colour(models.seen, "U", "V")


@_gives("V_J")
def _v_minus_j(models):
    return _colour(models.seen, "V", "J")


@_gives("EW_Ha")
def _width_of_ha(models):
    return _equivalent_width(models.seen, "Ha")


@_gives("EW_OIII_Hb")
def _width_of_oiii_hb(models):
    return _equivalent_width(models.seen, "OIII_Hb")


_LOG_PHOTON_UNIT = 46.0


def _per_frequency(light, wavelength):
    """Luminosity density [erg / (s Hz)] of one in solar luminosities per Angstrom."""
    return light * _SOLAR_LUMINOSITY * wavelength**2 / _LIGHT_SPEED


def _absolute_magnitude(light):
    """Absolute AB magnitude at 1600 Angstrom."""
    at_ten_parsec = _per_frequency(light, np.mean(UV_1600)) / (4.0 * np.pi * _TEN_PARSEC**2)
    return -2.5 * np.log10(at_ten_parsec) + _AB_ZERO


def _window_slope(light):
    """Slope of f_lambda between the two broad windows."""
    # At this centre, the mean over a window equals the value of a power law near beta = -2.
    first, last = (np.sqrt(low * high) for low, high in UV_WINDOWS["broad"])
    return np.log(light["red"] / light["blue"]) / np.log(last / first)


def _absorbed(models):
    """Luminosity that dust absorbs and emits: its contribution in the infrared."""
    return models.seen["infrared"] - models.dust_free["infrared"]


def _colour(light, blue, red):
    """AB colour between two passbands."""
    return -2.5 * np.log10(light[blue] / light[red])


def _equivalent_width(light, lines):
    """Equivalent width [Angstrom] over the continuum between the sidebands."""
    continuum = _at_lines(lines, light[f"{lines}_blue"], light[f"{lines}_red"])
    return light[lines] / continuum


def _at_lines(lines, blue, red):
    """Continuum at the mean wavelength of lines, linear between sidebands."""
    low, high = (np.mean(window) for window in _SIDEBANDS[lines])
    share = (np.mean(_LINES[lines]) - low) / (high - low)
    return (1.0 - share) * blue + share * red


class RestLight(BandLight):
    """Emission of stars and gas with rest-frame features in place of bands.

    Lines and the ionising photons of the stars are appended to the wavelengths of the spectra, as
    if they were further wavelengths.

    Parameters
    ----------
    t_bc : float, optional
        Age in Gyr at which stars leave their birth clouds.
    cosmology : `~astropy.cosmology.FLRW`, optional
        Cosmology of the ages of the Universe; luminosities depend on no distance.
    gas_apart : bool, optional
        Whether the gas has dust of its own, see `BandLight`.

    Attributes
    ----------
    features : tuple of str
        Names of the features.
    """

    def __init__(self, t_bc=0.01, cosmology=BAGPIPES_COSMOLOGY, *, gas_apart=False):
        config = load_bagpipes().config
        usual = config.R_phot
        config.R_phot = _RESOLUTION
        try:
            super().__init__(_BANDS, t_bc, cosmology, gas_apart=gas_apart)
        finally:
            config.R_phot = usual

    def _split(self, t_bc):
        """Spectra of birth clouds and of older stars, with lines and photons at their ends."""
        young, old, bare, no_lines = super()._split(t_bc)
        lines = [self._line_grid(wavelength) for group in _LINES.values() for wavelength in group]
        photons = self._photon_grid()
        low, high = self.age_edges[self.n_young - 1 : self.n_young + 1]
        share = (high - t_bc) / (high - low)
        lines = np.stack(lines, axis=-1)
        # The bin in which birth clouds disperse is divided between young and old.
        lines[-1] *= 1.0 - share
        bright = np.broadcast_to(photons[: self.n_young], (*young.shape[:3], 1)).copy()
        bright[-1] *= 1.0 - share
        young = np.concatenate([young, lines, bright], axis=-1)
        faint = photons[self.first_old :, :, 0].copy()
        if self.gas_apart:
            bright[:] = 0.0
        else:
            faint[0] *= share
        none = np.zeros((*old.shape[:2], lines.shape[-1]))
        old = np.concatenate([old, none, faint], axis=-1)
        # Photons are those that stars emit, wherever they go.
        none = np.zeros((*bare.shape[:2], lines.shape[-1]))
        bare = np.concatenate([bare, none, bright[:, :, 0]], axis=-1)
        self._set_features()
        return young, old, bare, no_lines

    def _line_grid(self, wavelength):
        """Luminosity of a line by age, metallicity and ionisation, in solar luminosities."""
        found = int(np.argmin(np.abs(self._pipes.config.line_wavs - wavelength)))
        if abs(self._pipes.config.line_wavs[found] - wavelength) > _NEAREST:
            msg = f"Bagpipes has no line at {wavelength} Angstrom"
            raise RuntimeError(msg)
        grid = np.moveaxis(self._model.nebular.line_grid[found], -1, 0)
        return grid[: self.n_young].copy()

    def _photon_grid(self):
        """Ionising photons of stars by age and metallicity, shape (n_age, n_metallicity, 1, 1)."""
        ionising = self.wavelength < _LYMAN_LIMIT
        energy = _PLANCK * _LIGHT_SPEED / self.wavelength / _SOLAR_LUMINOSITY
        weight = np.where(ionising, self.steps / energy, 0.0)
        stars = np.moveaxis(self._model.stellar.grid, -1, 0).swapaxes(1, 2)
        return (stars @ weight)[:, :, np.newaxis, np.newaxis] / 10.0**_LOG_PHOTON_UNIT

    def _set_features(self):
        """Weights of the wavelengths, the lines and the photons in each feature."""
        spectrum, lines = self.wavelength, np.concatenate([*_LINES.values()])
        columns = {name: _mean(spectrum, *limits) for name, limits in _windows().items()}
        columns |= {name: _photon_mean(spectrum, name) for name in _PASSBANDS}
        columns["infrared"] = np.where(spectrum > _INFRARED, self.steps, 0.0)
        self.steps = np.pad(self.steps, (0, lines.size + 1))
        self.wavelength = np.concatenate([spectrum, lines, [_LYMAN_LIMIT]])
        weights = [np.pad(weight, (0, lines.size + 1)) for weight in columns.values()]
        weights += [np.isin(self.wavelength, group).astype(float) for group in _LINES.values()]
        weights.append(np.eye(self.wavelength.size)[-1])
        self.features = (*columns, *_LINES, "photons")
        self._weights = np.stack(weights, axis=1)

    def response(self, redshift, wavelength=None):  # noqa: ARG002 - luminosities have none
        """Weights of the features, shape (n_wave, n_features), at any redshift."""
        return self._weights

    def stretch(self, redshift):  # noqa: ARG002 - features are in the rest frame
        """Wavelength of the nodes over that of the spectra, one at any redshift."""
        return 1.0

    @property
    def _curves(self):
        """Weights of the wavelengths in the features."""
        return self._weights

    def dust_emission(self, qpah, umin, gamma):
        """Spectrum of warm dust, with zeros for lines and photons."""
        emission = super().dust_emission(qpah, umin, gamma)
        return np.pad(emission, (0, self.wavelength.size - emission.size))


def _windows():
    """Windows in which mean luminosity densities are taken, by feature."""
    blue, red = UV_WINDOWS["broad"]
    windows = {"1600": UV_1600, "blue": blue, "red": red}
    for lines, (blue, red) in _SIDEBANDS.items():
        windows |= {f"{lines}_blue": blue, f"{lines}_red": red}
    return windows


def _mean(wavelength, low, high):
    """Weights of a mean over a window of spectra that are linear between wavelengths."""
    fine = np.linspace(low, high, 201)
    weight = np.full(fine.size, 1.0 / (fine.size - 1))
    weight[[0, -1]] *= 0.5
    return _spread(wavelength, fine, weight)


def _photon_mean(wavelength, name):
    """Weights of the AB flux density in a passband for photon-counting detectors."""
    from sedpy.observate import Filter

    curve = Filter(_PASSBANDS[name])
    # Steps far below those of the spectra, so that lines are integrated correctly.
    fine = np.arange(curve.wavelength[0], curve.wavelength[-1])
    weight = np.interp(fine, curve.wavelength, curve.transmission)
    return _spread(wavelength, fine, weight * fine / np.sum(weight / fine))


def _spread(wavelength, points, weight):
    """Convert weights at points to weights at wavelengths, linear in between."""
    place = np.interp(points, wavelength, np.arange(wavelength.size))
    below = np.minimum(place.astype(int), wavelength.size - 2)
    share = place - below
    spread = np.bincount(below, weight * (1.0 - share), minlength=wavelength.size)
    return spread + np.bincount(below + 1, weight * share, minlength=wavelength.size)


class RestFrame:
    """Computes rest-frame quantities of the draws of posteriors.

    Parameters
    ----------
    settings : Settings
        Settings of the fit.
    """

    def __init__(self, settings):
        self._settings = settings
        self._makers = {}

    def quantities(self, names, galaxy, posterior):
        """Values of the draws.

        Parameters
        ----------
        names : sequence of str
            Keys of `REST_FRAME`.
        galaxy : Galaxy
            Data of the galaxy.
        posterior : Posterior
            Its posterior.

        Returns
        -------
        dict of str to ndarray of shape (N_DRAWS,)
            By quantity, for the masses of the draws.
        """
        parameters = posterior.prior.transform(posterior.cube)
        maker = self._maker(galaxy)
        seen, dust_free = (
            dict(
                zip(
                    self._light.features,
                    maker.flux_of(parameters, dust=dust, agn=False).T,
                    strict=True,
                )
            )
            for dust in (True, False)
        )
        models = Luminosities(seen, dust_free, parameters)
        mass = posterior.draws["log_mass_formed"]
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                name: REST_FRAME[name](models) + QUANTITIES[name].luminosity_power * mass
                for name in names
            }

    @cached_property
    def _light(self):
        """Emission of stars and gas, shared by all galaxies."""
        with quiet():
            return RestLight(
                birth_cloud_age(self._settings),
                self._settings.cosmology,
                gas_apart=has_gas_dust(self._settings),
            )

    def _maker(self, galaxy):
        """Maker of the models at a galaxy's redshift, of which the last few are kept."""
        spread = galaxy.redshift_spread if self._settings.free_redshift else None
        free = spread is not None
        redshift = galaxy.redshift if free else float(tabulated_redshift(galaxy.redshift))
        key = redshift, spread
        if key not in self._makers:
            if len(self._makers) >= _MAX_MAKERS:
                self._makers.pop(next(iter(self._makers)))
            self._makers[key] = ModelMaker(self._settings, redshift, self._light, key[1])
        return self._makers[key]
