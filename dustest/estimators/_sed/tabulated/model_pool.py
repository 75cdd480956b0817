"""Models at points of the prior, with their photometry from tables."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from dustest.data.errors import InputError
from dustest.estimators._sed.bagpipes.dust_curve import BAGPIPES_CURVES, BagpipesCurve
from dustest.estimators._sed.clear_light import (
    ESCAPE_FRACTION,
    FRAC_CLEAR,
    effective_attenuation,
)
from dustest.estimators._sed.components import AGN_FRACTION
from dustest.estimators._sed.gas_dust import GAS_RATIO, gas_law_of
from dustest.estimators._sed.posterior import LOG_SSFR_FLOOR
from dustest.estimators._sed.priors.defaults import MAX_REDSHIFT, fit_instructions
from dustest.estimators._sed.priors.fitted_law import fitted_law
from dustest.estimators._sed.priors.prior_transform import SEDPrior, fit_name
from dustest.estimators._sed.tabulated.light.agn_light import agn_spectra
from dustest.estimators._sed.tabulated.light.channels import Channels
from dustest.estimators._sed.tabulated.light.emission import BandLight
from dustest.estimators._sed.tabulated.light.infrared import InfraredLight
from dustest.estimators._sed.tabulated.light.photometry_table import SEDTable, light_at
from dustest.physics.star_formation import AgeGrid, form_stars, history_parameters

__all__ = [
    "DUST",
    "Dust",
    "ModelMaker",
    "Models",
    "Stars",
    "band_light",
    "birth_cloud_age",
    "check_parameters",
    "check_tabulated",
    "has_gas_dust",
    "tabulated_redshift",
]

DUST = "dust:"
"""Beginning of the names of the parameters of dust."""
_AGN = "agn:"
FRACTION = "agn_fraction"
"""Quantity of models with an AGN: its share in the observed light at rest 5100 Angstrom."""
_EMISSION = ("dust:qpah", "dust:umin", "dust:gamma")
_UNSUPPORTED = ("nebular:fesc", "nebular:metallicity", "nebular:velshift", "dla:", "noise:")
_BIRTH_CLOUD = 0.01
_METALS = ":metallicity"
_ANY_REDSHIFT = 0.01
"""Redshift at which priors are tested: the Universe is old enough for any that fits a galaxy."""
_REDSHIFT_STEP = 0.01
_MAX_NODES, _MAX_STEP = 60, 0.05
"""Approximate number of tabulated redshifts of the models of one galaxy, for which the steps of
wide priors are wider, and the widest step."""
_EXACT_STEP, _SPECTRAL_STEP = 1e-4, 0.25
"""Distance between tabulated redshifts of galaxies with a spectrum: where it is fixed, and in
elements of resolution where it is free."""
_CLOSEST, _N_ENDS = 1e-9, 2000
_IMPROBABLE = 1e-6
"""Probability of a tabulated redshift below which no model is drawn there."""
_QUANTILES = np.linspace(0.0, 1.0, 2001)
_CHUNK = 1024  # models whose light in all nodes fits in the cache of a core
_SFR_TIMES = {"log_SFR_10": 1e7, "log_SFR_100": 1e8}


@dataclass(frozen=True, eq=False)
class Models:
    """Models at some points of the prior.

    Parameters
    ----------
    cube : ndarray of shape (n, n_parameters)
        Points of the unit cube, in which the prior is flat.
    flux : ndarray of shape (n, n_bands)
        Fluxes in nJy per solar mass formed; zero if a model is not possible.
    low, high : ndarray of shape (n,)
        Limits of the log10 of the mass formed, between which the prior is flat.
    quantities : dict of str to ndarray of shape (n,)
        Quantities derived from the parameters, masses and rates per solar mass formed: A_V, E_BV,
        log_sSFR, log_mass, log_SFR_10, log_SFR_100, log_age and redshift.
    """

    cube: np.ndarray
    flux: np.ndarray
    low: np.ndarray
    high: np.ndarray
    quantities: dict

    def __len__(self):
        return len(self.cube)

    @property
    def masses(self):
        """Limits of the mass formed, in solar masses."""
        return 10.0**self.low, 10.0**self.high

    @cached_property
    def squared_flux(self):
        """Squares of the fluxes."""
        return np.square(self.flux)

    def take(self, index):
        """Select models."""
        return self._each(lambda values: values[index])

    def without_flux(self):
        """Leave the fluxes out, which take most of the memory of models of spectra."""
        return replace(self, flux=self.flux[:, :0])

    def joined(self, *others):
        """Concatenate these models and others."""
        return self._each(lambda *values: np.concatenate(values), *others)

    def _each(self, function, *others):
        """Apply a function to the arrays of these models and of others."""
        every = (self, *others)
        arrays = ([getattr(part, name) for part in every] for name in _ARRAYS)
        return Models(
            *(function(*values) for values in arrays),
            {
                name: function(*(part.quantities[name] for part in every))
                for name in self.quantities
            },
        )


_ARRAYS = ("cube", "flux", "low", "high")


@dataclass(frozen=True, eq=False)
class Dust:
    """Dusts of models.

    Parameters
    ----------
    column, clouds : ndarray of shape (n,)
        Attenuation of older stars and of birth clouds in mag, in single precision; None for
        clouds without dust of their own.
    shape : dict of str to ndarray of shape (n,)
        Parameters of the shape of the law that are free.
    clear : ndarray of shape (n,)
        Share of the light that no dust covers; None if dust covers all.
    quantities : dict of str to ndarray of shape (n,)
        A_V and E_BV.
    infrared : ndarray of shape (n, n_bands) or (n, n_wave), optional
        Flux density per luminosity absorbed, in all bands, zero in those that see stars.
    """

    column: np.ndarray
    clouds: np.ndarray | None
    shape: dict
    clear: np.ndarray | None
    quantities: dict
    infrared: np.ndarray | None = None

    def of_rows(self, rows):
        """What `SEDTable.behind_dust` takes for some models."""
        clouds, clear = (
            None if each is None else each[rows] for each in (self.clouds, self.clear)
        )
        return self.column[rows], clouds, {key: v[rows] for key, v in self.shape.items()}, clear


@dataclass(frozen=True, eq=False)
class Stars:
    """Stars of models, before dust.

    Parameters
    ----------
    tables : list of SEDTable
        Tables of the redshifts.
    place : ndarray of int of shape (n,)
        Table of each model.
    light : list of ndarray of shape (n, n_nodes)
        Their light in the nodes, of birth clouds and of older stars if these have other dust.
    low, high : ndarray of shape (n,)
        Limits of the log10 of the mass formed, between which the prior is flat.
    quantities : dict of str to ndarray of shape (n,)
        Quantities that do not depend on dust, per solar mass formed.
    agn : ndarray of shape (n, n_bands), optional
        Fluxes of an AGN over the reference light of the stars.
    """

    tables: list
    place: np.ndarray
    light: list
    low: np.ndarray
    high: np.ndarray
    quantities: dict
    agn: np.ndarray | None = None

    def behind(self, dust):
        """Fluxes (n, n_bands) of the models, each behind its own dust."""
        flux = np.empty((len(self.low), self.tables[0].n_columns))
        for table, rows in zip(self.tables, _split(self.place), strict=True):
            here = [each[rows][:, : table.n_nodes] for each in self.light]
            flux[rows] = table.behind_dust(here, *dust.of_rows(rows))
        return _with_components(flux, self.tables[0].n_bands, self.agn, dust.infrared)

    def behind_columns(self, dust, n_groups):
        """Fluxes (n_groups, n, n_columns, n_bands) of groups, each behind all of its dusts."""
        (table,) = self.tables
        light = [each.reshape(n_groups, -1, each.shape[-1]) for each in self.light]
        flux = table.behind_columns(light, *dust.of_rows(slice(None)))
        agn, infrared = (
            None if each is None else each.reshape(n_groups, -1, each.shape[-1])
            for each in (self.agn, dust.infrared)
        )
        agn = None if agn is None else agn[:, :, np.newaxis]
        infrared = None if infrared is None else infrared[:, np.newaxis]
        return _with_components(flux, table.n_bands, agn, infrared)

    def without_agn(self):
        """The stars alone."""
        return replace(self, agn=None)


def _with_components(columns, n_bands, agn, infrared):
    """Fluxes from those of stars and their measures, see `SEDTable`."""
    flux = columns[..., :n_bands]
    if agn is not None:
        flux = flux + agn * columns[..., n_bands : n_bands + 1]
    if infrared is None:
        return flux
    absorbed = columns[..., -1:]
    if infrared.shape[-1] > n_bands:
        return np.concatenate([flux, absorbed * infrared[..., n_bands:]], axis=-1)
    return flux + absorbed * infrared


class ModelMaker:
    """Makes models at one galaxy's redshift, or prior of it, in one set of bands.

    Parameters
    ----------
    settings : Settings
        Settings of the fit.
    redshift : float
        The redshift.
    light : BandLight
        Spectra of stars and gas for the bands, see `band_light`.
    redshift_spread : float or RedshiftDensity, optional
        Standard deviation of a Gaussian prior on the redshift, or the prior itself; without it,
        the redshift is fixed.
    tables : dict of float to SEDTable, optional
        Tables by redshift, to which new ones are added; those of other priors of the redshift
        and of the same settings and bands.

    Attributes
    ----------
    prior : SEDPrior
        The prior of the models.
    redshift_step : float
        Distance between tabulated redshifts.

    Raises
    ------
    InputError
        If the tables do not support the priors.
    """

    def __init__(self, settings, redshift, light, redshift_spread=None, tables=None):
        settings = replace(settings, far_infrared=bool(light.infrared))
        self._has_agn, self._infrared = "agn" in settings.components, None
        if light.infrared:
            self._infrared = InfraredLight(light.infrared, light.dilution)
        self.prior = _prior(settings, redshift, redshift_spread, light.ages_at)
        self._sfh, self._law = settings.sfh, fitted_law(settings.dust_law)
        self._gas_law = gas_law_of(settings.nebular_law, self.prior)
        any_values = self.prior.transform(np.full((1, len(self.prior.free)), 0.5))
        self._history = history_parameters(settings.sfh, any_values)
        self._light = light
        self._last_key = self._last_table = None
        self._t_bc = _birth_cloud(self.prior)
        self._emission = {
            key.removeprefix(DUST): float(self.prior.fixed[key])
            for key in _EMISSION
            if key in self.prior.fixed
        }
        self._grid = _age_grid((settings.sfr_timescale, *_SFR_TIMES.values()))
        self.redshift_step = _redshift_step(self.prior, light.channels)
        if "redshift" in self.prior.free:
            self.prior.age_at = _AgesOfTables(light.ages_at, self.redshift_step)
        self._tables = {} if tables is None else tables

    @property
    def channels(self):
        """Bands, pixels and lines of the fluxes (Channels)."""
        return self._light.channels

    def age(self, redshift):
        """Age of the Universe at a redshift, in Gyr."""
        return self._light.age(redshift)

    @property
    def dust_is_separate(self):
        """Whether all models have one redshift, and no parameter belongs to stars and dust."""
        pairs = [*self.prior.mirrors.items()]
        for key, one in self.prior.conditional.items():
            pairs += [(key, fit_name(name)) for name in one.given]
        crossing = (key.startswith(DUST) != source.startswith(DUST) for key, source in pairs)
        return "redshift" in self.prior.fixed and not any(crossing)

    @property
    def redshift_bins(self):
        """Tabulated redshifts within a free redshift's prior, and probabilities.

        Returns
        -------
        redshift : ndarray of shape (n,)
            Those that are not improbable.
        low, high : ndarray of shape (n,)
            Coordinates of the unit cube between which a redshift is next to each of them.
        """
        ends = np.geomspace(_CLOSEST, 0.5, _N_ENDS)
        u = np.concatenate([[0.0], ends, 1.0 - ends[-2::-1], [1.0]])
        redshift = self.prior.quantile("redshift", u)
        nodes = np.unique(tabulated_redshift(redshift, self.redshift_step))
        middles = np.interp(0.5 * (nodes[1:] + nodes[:-1]), redshift, u)
        low, high = np.append(0.0, middles), np.append(middles, 1.0)
        use = high - low > _IMPROBABLE
        return nodes[use], low[use], high[use]

    def at(self, cube):
        """Models at points of the unit cube.

        Parameters
        ----------
        cube : ndarray of shape (n, n_parameters)
            The points.

        Returns
        -------
        Models
            One for each.
        """
        values = self.prior.transform(cube)
        stars, dust = self.stars(values), self.dust(values)
        quantities = dust.quantities | stars.quantities
        return Models(cube, stars.behind(dust), stars.low, stars.high, quantities)

    def stars(self, values, wavelength=None):
        """Stars of parameters, in the bands or at single wavelengths.

        Parameters
        ----------
        values : dict of str to ndarray of shape (n,)
            Parameters, as `SEDPrior.transform` makes them.
        wavelength : ndarray of shape (n_wave,), optional
            Observed wavelengths in Angstrom in place of the bands.

        Returns
        -------
        Stars
            Without light if they are not possible.
        """
        nodes, place = _redshift_nodes(values["redshift"], self.redshift_step)
        tables = [self._table(node, wavelength) for node in nodes]
        ages = 1e9 * np.array([self._light.age(node) for node in nodes.tolist()])
        age = ages[place] if len(nodes) > 1 else ages
        columns = {
            (component, key): values[f"{component}:{key}"] for component, key in self._history
        }
        formed = form_stars(self._sfh, columns, age, self._grid)
        metallicity = values[next(key for key in values if key.endswith(_METALS))]
        cells = tables[0].cells(metallicity, values["nebular:logU"])
        # The table of the lowest redshift has the oldest stars.
        living = tables[0].living_fraction(formed.weights[:, : tables[0].n_age], cells)
        weights = formed.weights[:, : tables[0].n_age]
        escape = self._share(ESCAPE_FRACTION, values)
        apart = "dust:eta" in values or self._gas_law is not None
        light = light_at(tables, place, weights, cells, escape, apart=apart)
        quantities = {
            "log_mass": np.log10(living),
            "redshift": nodes[place],
            **_history_quantities(formed, living),
        }
        agn = None
        if self._has_agn:
            agn = self._agn(values, tables, place)
            quantities[FRACTION] = values[AGN_FRACTION]
        return Stars(tables, place, light, *self.prior.log_mass_limits(values), quantities, agn)

    def _agn(self, values, tables, place):
        """Fluxes (n, n_bands) of an AGN over the reference light of the stars."""
        flux = np.empty((len(place), tables[0].n_bands))
        for k, table in enumerate(tables):
            rows = np.flatnonzero(place == k)
            for part in (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)):
                own = {key: value[part] for key, value in values.items() if key.startswith(_AGN)}
                flux[part] = table.continuum(agn_spectra(table.continuum_nodes, own))
        return flux

    def dust(self, values, wavelength=None):
        """Dusts of parameters.

        Parameters
        ----------
        values : dict of str to ndarray of shape (n,)
            Parameters, as `SEDPrior.transform` makes them.
        wavelength : ndarray of shape (n_wave,), optional
            Observed wavelengths in Angstrom in place of the bands.

        Returns
        -------
        Dust
            One for each.
        """
        a_v, eta = values["dust:Av"], values.get("dust:eta")
        shape = self._law.shape({key: values[key] for key in values.keys() - self.prior.fixed})
        clear, r_v = self._share(FRAC_CLEAR, values), self._law.r_v(values)
        clouds = None if eta is None else np.float32(a_v * eta)
        if self._gas_law is not None:
            clouds = np.float32(a_v / r_v / values.get(GAS_RATIO, 1.0) * self._gas_law.r_v)
        quantities = {"A_V": a_v, "E_BV": a_v / r_v}
        if clear is not None:
            blue = effective_attenuation(a_v + a_v / r_v, clear)
            effective = effective_attenuation(a_v, clear)
            quantities = {"A_V": effective, "E_BV": blue - effective}
        infrared = None if self._infrared is None else self._glow(values, wavelength)
        return Dust(np.float32(a_v), clouds, shape, clear, quantities, infrared)

    def _glow(self, values, wavelength):
        """Flux density (n, n_bands) of dust per luminosity absorbed, zero in bands of stars."""
        nodes, place = _redshift_nodes(values["redshift"], self.redshift_step)
        flux = self._infrared.flux(values, nodes[place], wavelength)
        if wavelength is not None:
            return flux
        return np.pad(flux, ((0, 0), (self.channels.of_lines.stop, 0)))

    def _share(self, name, values):
        """Values of a share in single precision, None if it is zero in all models."""
        return np.float32(values[name]) if self.prior.has(name) else None

    def flux(self, cube, wavelength=None, *, dust=True):
        """Fluxes at points of the unit cube, in the bands or at single wavelengths.

        Parameters
        ----------
        cube : ndarray of shape (n, n_parameters)
            The points.
        wavelength : ndarray of shape (n_wave,), optional
            Observed wavelengths in Angstrom in place of the bands.
        dust : bool, optional
            Whether to include dust.

        Returns
        -------
        ndarray of shape (n, n_bands) or (n, n_wave)
            In nJy per solar mass formed.
        """
        return self.flux_of(self.prior.transform(cube), wavelength, dust=dust)

    def flux_of(self, values, wavelength=None, *, dust=True, agn=True):
        """Fluxes of parameters, in the bands or at single wavelengths.

        Parameters
        ----------
        values : dict of str to ndarray of shape (n,)
            Parameters, as `SEDPrior.transform` makes them.
        wavelength, dust
            As in `flux`. An AGN keeps its light and its own dust.
        agn : bool, optional
            Whether to include an AGN, if there is one.

        Returns
        -------
        ndarray of shape (n, n_bands) or (n, n_wave)
            In nJy per solar mass formed.
        """
        both = self.stars(values, wavelength)
        alone = both.without_agn()
        behind = self.dust(values, wavelength)
        if dust:
            return (both if agn else alone).behind(behind)
        none = self.dust(values | {"dust:Av": np.zeros_like(values["dust:Av"])}, wavelength)
        flux = alone.behind(none)
        if agn and both.agn is not None:
            flux = flux + both.behind(behind) - alone.behind(behind)
        return flux

    @cached_property
    def _curve(self):
        """The law with the parameters of its shape that are fixed."""
        if self._law.bagpipes in BAGPIPES_CURVES:
            return BagpipesCurve(self._law.bagpipes)
        shape = self._law.shape(self.prior.fixed)
        return self._law.law.with_shape(**{name: float(value) for name, value in shape.items()})

    def _table(self, redshift, wavelength=None):
        """Table of one redshift; that of the bands, and the last of wavelengths, are kept."""
        if wavelength is None and redshift in self._tables:
            return self._tables[redshift]
        key = None if wavelength is None else (redshift, wavelength.tobytes())
        if key is not None and key == self._last_key:
            return self._last_table
        table = SEDTable(
            redshift,
            self._light.bands,
            self._curve,
            self._emission,
            t_bc=self._t_bc,
            light=self._light,
            wavelength=wavelength,
            escaping=self.prior.has(ESCAPE_FRACTION),
            gas_law=self._gas_law,
            measures=("reference",) * self._has_agn + ("absorbed",) * (self._infrared is not None),
        )
        if wavelength is None:
            self._tables[redshift] = table
        else:
            self._last_key, self._last_table = key, table
        return table


@dataclass(frozen=True)
class _AgesOfTables:
    """Ages of the Universe in Gyr at the tabulated redshifts nearest to redshifts."""

    ages: Callable
    step: float

    def __call__(self, redshift):
        """Compute ages."""
        return self.ages(tabulated_redshift(redshift, self.step))


def _split(place):
    """Rows of each redshift; a slice if there is one."""
    if not place.any():
        return [slice(None)]
    order = np.argsort(place, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(place[order])) + 1)


def _history_quantities(stars, living):
    """Logarithms of specific rates [1/yr] by surviving mass, and of the mean age [yr]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        specific = np.log10(stars.rates / living[:, np.newaxis])
        age = np.log10(stars.mean_age)
    specific = np.maximum(np.nan_to_num(specific, nan=LOG_SSFR_FLOOR), LOG_SSFR_FLOOR)
    rates = dict(zip(("log_sSFR", *_SFR_TIMES), specific.T, strict=True))
    for name in _SFR_TIMES:
        rates[name] = rates[name] + np.log10(living)
    return rates | {"log_age": age}


@lru_cache(maxsize=4)
def _age_grid(timescales):
    """Ages at which histories are sampled, made once."""
    return AgeGrid(timescales=timescales)


def _redshift_step(prior, channels):
    """Distance between tabulated redshifts, by how many of them the prior needs."""
    spectrum = channels.pixels is not None
    if "redshift" in prior.fixed:
        return _EXACT_STEP if spectrum else _fixed_step(prior.fixed["redshift"])
    highest = prior.limits("redshift")[1]
    step = float(_fixed_step(highest))
    if spectrum:
        return min(step, _SPECTRAL_STEP * (1.0 + highest) / channels.pixels.highest_power)
    n_nodes = len(np.unique(np.rint(prior.quantile("redshift", _QUANTILES) / step)))
    return min(step * np.ceil(n_nodes / _MAX_NODES), max(_MAX_STEP, step))


def _fixed_step(redshift):
    """Distance between tabulated redshifts about one: three significant digits below 1."""
    return np.minimum(10.0 ** (np.floor(np.log10(redshift) + 1e-9) - 2.0), _REDSHIFT_STEP)


def _redshift_nodes(redshift, step):
    """Tabulated redshifts nearest to those of models, and the redshift of each model."""
    if np.ptp(redshift) == 0.0:
        return tabulated_redshift(redshift[:1], step), np.zeros(len(redshift), dtype=int)
    return np.unique(tabulated_redshift(redshift, step), return_inverse=True)


def tabulated_redshift(redshift, step=None):
    """Tabulated redshift nearest to one, or to each of an array.

    Parameters
    ----------
    redshift : float or ndarray
        Redshifts.
    step : float, optional
        Distance between tabulated ones; by default 0.01, less below 1.

    Returns
    -------
    float or ndarray
        Within the tables.
    """
    step = _fixed_step(redshift) if step is None else step
    nearest = np.rint(redshift / step) * step
    return np.round(np.clip(nearest, 0.5 * step, MAX_REDSHIFT), 6)


def band_light(settings, channels):
    """Spectra shared by the models of all redshifts.

    Parameters
    ----------
    settings : Settings
        Settings of the fit.
    channels : Channels or tuple of str
        Bands, pixels and lines, or bands alone.

    Returns
    -------
    BandLight
        For these.
    """
    if not isinstance(channels, Channels):
        channels = Channels.of(tuple(channels))
    return BandLight(
        channels.bands + channels.infrared,
        birth_cloud_age(settings),
        settings.cosmology,
        lines=channels.lines,
        pixels=channels.pixels,
        gas_apart=has_gas_dust(settings),
    )


def has_gas_dust(settings):
    """Whether the gas has dust of its own.

    Parameters
    ----------
    settings : Settings
        Settings of the fit.

    Returns
    -------
    bool
        True if the law of its dust or the ratio of colour excesses is given.
    """
    return gas_law_of(settings.nebular_law, _prior(settings, _ANY_REDSHIFT)) is not None


def birth_cloud_age(settings):
    """Age at which stars leave their birth clouds.

    Parameters
    ----------
    settings : Settings
        Settings of the fit.

    Returns
    -------
    float
        In Gyr.
    """
    return _birth_cloud(_prior(settings, _ANY_REDSHIFT))


def check_tabulated(settings):
    """Raise an error for priors that tables do not support.

    Parameters
    ----------
    settings : Settings
        Settings of the fit.

    Raises
    ------
    InputError
        If there is such a prior.
    """
    prior = check_parameters(settings)
    gas_law_of(settings.nebular_law, prior)
    if not prior.mass_is_scale:
        msg = (
            f"engine='tabulated' needs priors of {' and '.join(prior.masses)} that are free and "
            "uniform, as it integrates over the mass; take engine='bagpipes' for others"
        )
        raise InputError(msg)


def check_parameters(settings, what="engine='tabulated'", remedy="take engine='bagpipes'"):
    """Raise an error for parameters that tables do not support.

    Parameters
    ----------
    settings : Settings
        Settings of the fit.
    what, remedy : str, optional
        What needs the tables, and what to do without them, for the message.

    Returns
    -------
    SEDPrior
        The prior at some redshift.

    Raises
    ------
    InputError
        If there is such a parameter.
    """
    return _prior(settings, _ANY_REDSHIFT, what=what, remedy=remedy)


def _prior(
    settings,
    redshift,
    redshift_spread=None,
    ages_at=None,
    *,
    what="engine='tabulated'",
    remedy="",
):
    """The prior, after a check that tables have its parameters."""
    prior = SEDPrior(
        fit_instructions(
            settings.sfh,
            settings.dust_law,
            redshift,
            redshift_spread,
            settings.priors,
            settings.cosmology,
            own_age=True,
            components=settings.components,
        ),
        ages_at,
        settings.joint_priors,
    )
    names = (*prior.free, *prior.fixed, *prior.settings)
    followers = (*prior.free, *prior.mirrors)
    refused = [key for key in followers if key in (*_EMISSION, "t_bc")]
    refused += [key for key in (*names, *prior.mirrors) if key.startswith(_UNSUPPORTED)]
    # All stars have one metallicity; that of a second component must mirror the first.
    refused += [key for key in names if key.endswith(_METALS) and key not in refused][1:]
    if refused:
        msg = f"{what} cannot fit {', '.join(refused)}: leave them out of priors, or {remedy}"
        raise InputError(msg)
    return prior


def _birth_cloud(prior):
    """Age in Gyr at which stars leave their birth clouds."""
    return float(prior.fixed.get("t_bc", _BIRTH_CLOUD))
