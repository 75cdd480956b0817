"""Photometry of Bagpipes from tables: matrix products instead of one spectrum per model.

At a fixed redshift, the emission of stars and gas is linear in the mass formed in each age bin.
Tables contain it at the wavelengths of the bands, separately for birth clouds and for older stars,
so that each can have its own dust of any shape.
"""

import numpy as np

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.estimators._sed.tabulated.emission import BandLight
from dustest.physics.stellar.bilinear import axis_weights

__all__ = ["SEDTable"]

_EMISSION = {"qpah": 2.0, "umin": 1.0, "gamma": 0.01}  # those of Bagpipes
_DEPTH = np.float32(0.4 * np.log(10.0))  # optical depth of a magnitude
_OPAQUE = np.float32(50.0)  # optical depth of zero transmission; float32 stays normal
_MIN_LIGHT = 1e-15  # of the brightest; fainter values are set to zero, for the same reason
_CHUNK = 1024  # models whose spectra fit in the cache of a core


class SEDTable:
    """Photometry of one redshift and one dust law.

    It contains arrays only.

    Parameters
    ----------
    redshift : float
        Redshift, above 0 and at most 10.
    bands : sequence of str
        Names of the bands.
    law : DustLaw
        The law of the dust in front of all stars, and of the birth clouds if it has no law for
        them. Outside its range it is extended, see `~dustest.physics.DustLaw`.
    emission : dict, optional
        Parameters of the warm dust (``qpah``, ``umin`` and ``gamma``).
    t_bc : float, optional
        Age in Gyr at which stars leave their birth clouds.
    light : BandLight, optional
        Spectra for these bands and this ``t_bc``, which several tables can share.
    wavelength : ndarray of shape (n_bands,), optional
        Observed wavelengths in Angstrom, in ascending order, in place of the bands.

    Attributes
    ----------
    age_edges : ndarray of shape (n_age + 1,)
        Edges in yr of the age bins that begin after the Big Bang.
    metallicity, log_u : ndarray
        Nodes: solar units, dex.

    Raises
    ------
    InputError
        If an argument is invalid.
    MissingDependencyError
        If Bagpipes is not installed.
    """

    def __init__(
        self,
        redshift,
        bands,
        law,
        emission=None,
        *,
        t_bc=0.01,
        light=None,
        wavelength=None,
    ):
        emission = _checked_emission(emission or {})
        light = BandLight(bands, t_bc) if light is None else _checked_light(light, bands, t_bc)
        n_age = light.n_age_at(redshift)
        self.redshift = float(redshift)
        self.bands = light.bands
        self.age_edges = light.age_edges[: n_age + 1].copy()
        self.metallicity = light.metallicity.copy()
        self.log_u = light.log_u.copy()
        self._n_young = light.n_young
        self._living = light.living[:, :n_age].copy()
        response = light.response(redshift, wavelength)
        self._glow = light.dust_emission(**emission) @ response
        # Warm dust emits the energy that dust absorbs at any wavelength.
        seen = np.ones(len(response), dtype=bool) if self._glows else response.any(axis=1)
        self._integral = light.steps[seen].astype(np.float32)
        laws = (law,) if law.birth_clouds is None else (law, law.birth_clouds)
        self._curves = [_Curve(each, light.wavelength[seen]) for each in laws]
        self._set_light(light, n_age, seen)
        self._set_response(response[seen])

    @property
    def _glows(self):
        """Whether a band covers emission of warm dust."""
        return bool(np.any(self._glow))

    def _set_light(self, light, n_age, seen):
        """Spectra of birth clouds and of older stars, metallicity (and ionisation) first."""
        young = np.moveaxis(light.young[..., seen], 0, 2)
        old = np.moveaxis(light.old[: n_age - light.n_young + 1, :, seen], 0, 1)
        self._unit = max(young.max(initial=0.0), old.max(initial=0.0)) or 1.0
        self._young, self._old = (_single(part / self._unit) for part in (young, old))

    def _set_response(self, response):
        """Response (n_wave, n_bands), and the unit of each band."""
        self._band_unit = response.max(axis=0, initial=0.0)
        self._band_unit[self._band_unit == 0.0] = 1.0
        self._response = _single(response / self._band_unit)

    def photometry(self, weights, metallicity, log_u, a_v, eta=None, shape=None):
        """Compute flux densities of models.

        Parameters
        ----------
        weights : array_like of shape (n, n_age)
            Mass formed in each age bin.
        metallicity : float or array_like of shape (n,)
            Metallicity in solar units; outside the grid, the value at its end is used.
        log_u : float or array_like of shape (n,)
            Ionisation parameter, within the nodes.
        a_v : float or array_like of shape (n,)
            Attenuation of the older stars in mag.
        eta : float or array_like of shape (n,), optional
            Attenuation of the birth clouds relative to it; 1 if not given.
        shape : dict of str to float or array_like of shape (n,), optional
            Parameters of the shape of the dust law; by default those of the law.

        Returns
        -------
        flux : ndarray of shape (n, n_bands)
            In nJy for weights in solar masses.

        Raises
        ------
        InputError
            If an argument has a wrong shape or is out of range.
        """
        weights = self._checked_weights(weights)
        n = len(weights)
        metals = axis_weights(self.metallicity, self._held_metallicity(metallicity, n))
        gas = axis_weights(self.log_u, _within("log_u", log_u, n, self.log_u))
        column = _within("a_v", a_v, n, (0.0, np.inf)).astype(np.float32)
        clouds = None if eta is None else column * _within("eta", eta, n, (0.0, np.inf))
        shape = self._checked_shape(shape or {}, n)
        flux = np.empty((n, self._band_unit.size))
        for rows in _alike(metals[0] * self.log_u.size + gas[0]):
            young, old = self._spectra(weights[rows], _taken(metals, rows), _taken(gas, rows))
            here = {key: _rows_of(values, rows) for key, values in shape.items()}
            curves = [curve.at(here) for curve in self._curves]
            depth = _depth(column[rows], curves[0])
            if clouds is None:
                flux[rows] = self._project(young + old, depth)
            else:
                flux[rows] = self._project(old, depth)
                flux[rows] += self._project(
                    young, _cloud_depth(column[rows], clouds[rows], curves)
                )
        return flux

    def _spectra(self, weights, metals, gas):
        """Spectra (n, n_wave) of birth clouds and older stars of models within the same nodes."""
        (poor, metal_share), (thin, gas_share) = metals, gas
        weights = weights.astype(np.float32)
        n_wave = len(self._response)
        young = self._young[poor : poor + 2, thin : thin + 2].reshape(-1, n_wave)
        old = self._old[poor : poor + 2].reshape(-1, n_wave)
        return (
            _at_corners(weights[:, : self._n_young], [metal_share, gas_share]) @ young,
            _at_corners(weights[:, self._n_young - 1 :], [metal_share]) @ old,
        )

    def _project(self, spectra, depth):
        """Fluxes of spectra behind dust of an optical depth, and the emission of that dust."""
        flux = ((spectra * np.exp(-depth)) @ self._response) * (self._unit * self._band_unit)
        if not self._glows:
            return flux
        absorbed = (spectra * -np.expm1(-depth)) @ self._integral
        return flux + self._unit * absorbed[:, np.newaxis] * self._glow

    def surviving_fraction(self, weights, metallicity):
        """Surviving mass per mass formed.

        Parameters
        ----------
        weights : array_like of shape (n, n_age)
            Mass formed in each age bin.
        metallicity : float or array_like of shape (n,)
            Metallicity in solar units; outside the grid, the value at its end is used.

        Returns
        -------
        fraction : ndarray of shape (n,)
            NaN if no mass is formed.

        Raises
        ------
        InputError
            If an argument has a wrong shape.
        """
        weights = self._checked_weights(weights)
        values = self._held_metallicity(metallicity, len(weights))
        below, share = axis_weights(self.metallicity, values)
        living, rows = weights @ self._living.T, np.arange(len(weights))
        mass = (1.0 - share) * living[rows, below] + share * living[rows, below + 1]
        formed = weights.sum(axis=1)
        return np.divide(mass, formed, out=np.full(len(mass), np.nan), where=formed > 0)

    def _checked_weights(self, weights):
        """Weights as an array of two axes."""
        weights = np.asarray(weights)
        if weights.ndim != 2 or weights.shape[1] != self.age_edges.size - 1:
            msg = (
                f"weights must be of shape (n, {self.age_edges.size - 1}), a column for each age "
                f"bin of this table, got shape {weights.shape}"
            )
            raise InputError(msg)
        return weights

    def _held_metallicity(self, values, n):
        """Metallicities limited to the nodes."""
        values = _within("metallicity", values, n, (0.0, np.inf))
        return np.clip(values, self.metallicity[0], self.metallicity[-1])

    def _checked_shape(self, shape, n):
        """Parameters of the shape of the law, arrays of one or n values, after a check."""
        known = {name for curve in self._curves for name in curve.names}
        if unknown := shape.keys() - known:
            msg = (
                f"shape may have {', '.join(sorted(known)) or 'no parameter'}, got "
                f"{', '.join(sorted(unknown))}"
            )
            raise InputError(msg)
        return {
            name: _within(name, values, n if np.ndim(values) else 1, (-np.inf, np.inf))
            for name, values in shape.items()
        }


class _Curve:
    """A / A_V of a law at some wavelengths, in single precision.

    A law without parameters is stored as numbers.
    """

    def __init__(self, law, wavelength):
        self.names = tuple(law.shape)
        self._law, self._wavelength = (law, wavelength) if self.names else (None, None)
        self._as_it_is = law.extended(wavelength)[np.newaxis].astype(np.float32)

    def at(self, shape):
        """The curve (n, n_wave) or (1, n_wave) for some parameters of shape (n,) or (1,)."""
        own = {name: shape[name] for name in self.names if name in shape}
        if not own:
            return self._as_it_is
        own = {name: np.float32(values)[:, np.newaxis] for name, values in own.items()}
        curve = self._law.with_shape(**own).extended(self._wavelength)
        return curve.astype(np.float32, copy=False)


def _depth(column, curve):
    """Optical depth of dust of some A_V."""
    return np.minimum(_DEPTH * column[:, np.newaxis] * curve, _OPAQUE)


def _cloud_depth(column, clouds, curves):
    """Optical depth in front of young stars, including one column of diffuse dust."""
    if len(curves) == 1:
        return _depth(np.float32(clouds), curves[0])
    both = (
        column[:, np.newaxis] * curves[0] + np.float32(clouds - column)[:, np.newaxis] * curves[1]
    )
    return np.clip(_DEPTH * both, 0.0, _OPAQUE)


def _single(values):
    """Positive values in single precision, zero if they are negligible."""
    return np.where(values < _MIN_LIGHT, 0.0, values).astype(np.float32, order="C")


def _alike(cell):
    """Rows of models in the same cell, in portions."""
    order = np.argsort(cell, kind="stable")
    ends = np.flatnonzero(np.diff(cell[order])) + 1
    for rows in np.split(order, ends):
        yield from (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))


def _taken(places, rows):
    """The node below some rows, and their weights of the next node."""
    below, share = places
    return int(below[rows[0]]), share[rows].astype(np.float32)


def _rows_of(values, rows):
    """Values of some rows; a single value is returned unchanged."""
    return values[rows] if len(values) > 1 else values


def _at_corners(weights, shares):
    """Weights (n, n_corners * n_age) distributed to corners of cells, linear in each weight."""
    corners = np.ones((len(weights), 1), dtype=np.float32)
    for share in shares:
        ends = np.stack([1.0 - share, share], axis=1)
        corners = (corners[:, :, np.newaxis] * ends[:, np.newaxis]).reshape(len(weights), -1)
    spread = np.empty((len(weights), corners.shape[1], weights.shape[1]), dtype=np.float32)
    for k, corner in enumerate(corners.T):
        np.multiply(weights, corner[:, np.newaxis], out=spread[:, k])
    return spread.reshape(len(weights), -1)


def _checked_emission(parameters):
    """Parameters of the warm dust, after a check of their names."""
    if unknown := parameters.keys() - _EMISSION.keys():
        msg = f"emission may have {', '.join(_EMISSION)}, got {', '.join(sorted(unknown))}"
        raise InputError(msg)
    return _EMISSION | parameters


def _checked_light(light, bands, t_bc):
    """Spectra for the bands and the age of birth clouds."""
    asked = tuple(get_band(name).name for name in bands)
    if light.bands != asked or light.t_bc != t_bc:
        msg = (
            f"light must be of the bands and the t_bc asked for, {asked} and {t_bc!r}, "
            f"got {light.bands} and {light.t_bc!r}"
        )
        raise InputError(msg)
    return light


def _within(name, values, n, nodes):
    """Values (n,) after a check that they are within the nodes."""
    values = np.asarray(values, dtype=float)
    if values.shape not in ((), (n,)):
        msg = f"{name} must be one value or a value for each of {n} models, got {values.shape}"
        raise InputError(msg)
    outside = ~((values >= nodes[0]) & (values <= nodes[-1]))
    if np.any(outside):
        worst = values[outside].flat[0]
        msg = f"{name} must lie from {nodes[0]:g} to {nodes[-1]:g}, got {worst:g}"
        raise InputError(msg)
    return np.broadcast_to(values, n)
