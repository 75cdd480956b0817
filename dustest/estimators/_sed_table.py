"""Photometry of Bagpipes from tables: matrix products in place of a spectrum a model.

With the redshift and the shape of the dust law fixed, the photometry of Bagpipes is linear in the
mass formed in each age bin.  What remains is tabulated for light of birth clouds and of older
stars apart, so that they may lie behind different columns of dust.
"""

from functools import partial

import numpy as np

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.estimators._sed_light import BandLight
from dustest.physics._bilinear import axis_weights

__all__ = ["SEDTable"]

_SHAPES = {"Calzetti": (), "Cardelli": (), "SMC": (), "Salim": ("delta", "B"), "CF00": ("n",)}
_EMISSION = {"qpah": 2.0, "umin": 1.0, "gamma": 0.01}  # those of Bagpipes
_DEPTH = 0.4 * np.log(10.0)  # optical depth of a magnitude
_NODE_STEP = 0.02  # of A_V where it is large, of the scale below where it is small
_MAX_SCALE = 1.0  # mag
_THIN_NODES = np.geomspace(1e-5, 0.2, 105)  # mag, in steps of a tenth
_MIN_LIGHT = 1e-30  # of the brightest; fainter light is none, so that float32 stays normal
_TINY = np.float32(1e-37)
_CHUNK = 2**15


class SEDTable:
    """Photometry of one redshift and one shape of the dust law.

    Nothing but arrays is kept.

    Parameters
    ----------
    redshift : float
        Redshift, above 0 and at most 10.
    bands : sequence of str
        Names of the bands.
    dust_law_kind : str
        Name of the law in Bagpipes: Calzetti, Cardelli, SMC, Salim or CF00.
    dust_parameters : dict, optional
        Parameters of its shape (``delta`` and ``B`` of Salim, ``n`` of CF00) and, if wanted, of
        the warm dust (``qpah``, ``umin`` and ``gamma``).
    t_bc : float, optional
        Age in Gyr at which stars leave their birth clouds.
    max_a_v : float, optional
        Largest attenuation that any light sees, that of birth clouds included [mag].
    light : BandLight, optional
        Spectra for these bands and this ``t_bc``, to be shared by several tables.

    Attributes
    ----------
    age_edges : ndarray of shape (n_age + 1,)
        Edges in yr of the age bins that begin after the Big Bang.
    metallicity, log_u, a_v : ndarray
        Nodes: solar units, dex, mag.

    Raises
    ------
    InputError
        If an argument makes no sense.
    MissingDependencyError
        If Bagpipes is not installed.
    """

    def __init__(
        self,
        redshift,
        bands,
        dust_law_kind,
        dust_parameters=None,
        *,
        t_bc=0.01,
        max_a_v=30.0,
        light=None,
    ):
        shape, emission = _checked_dust(dust_law_kind, dust_parameters or {})
        light = BandLight(bands, t_bc) if light is None else _checked_light(light, bands, t_bc)
        n_age = light.n_age_at(redshift)
        self.redshift = float(redshift)
        self.bands = light.bands
        self.age_edges = light.age_edges[: n_age + 1].copy()
        self.metallicity = light.metallicity.copy()
        self.log_u = light.log_u.copy()
        self._n_young = light.n_young
        self._living = light.living[:, :n_age].copy()
        response = light.response(redshift)
        self._glow = light.dust_emission(**emission) @ response
        has_glow = bool(np.any(self._glow))
        attenuation = light.attenuation(dust_law_kind, shape)
        self.a_v = _a_v_nodes(max_a_v, _spread(attenuation, response), has_glow)
        behind_dust = partial(
            _behind_dust,
            attenuation=attenuation,
            a_v=self.a_v,
            response=response,
            integral=_trapezoid(light.wavelength) if has_glow else None,
        )
        self._young = _Light(behind_dust(light.young))
        self._old = _Light(behind_dust(light.old[: n_age - light.n_young + 1]))

    def photometry(self, weights, metallicity, log_u, a_v, eta=None):
        """Flux densities of models.

        Parameters
        ----------
        weights : array_like of shape (n, n_age)
            Mass formed in each age bin.
        metallicity : float or array_like of shape (n,)
            Metallicity in solar units; that of the grid's ends beyond them.
        log_u : float or array_like of shape (n,)
            Ionisation parameter, within the nodes.
        a_v : float or array_like of shape (n,)
            Attenuation of the older stars in mag, within the nodes.
        eta : float or array_like of shape (n,), optional
            Attenuation of the birth clouds relative to it; 1 if not given.

        Returns
        -------
        flux : ndarray of shape (n, n_bands)
            In nJy for weights in solar masses.

        Raises
        ------
        InputError
            If an argument has a wrong shape or lies outside the nodes.
        """
        weights = self._checked_weights(weights)
        n = len(weights)
        enrichment = axis_weights(self.metallicity, self._held_metallicity(metallicity, n))
        gas = axis_weights(self.log_u, _within("log_u", log_u, n, self.log_u))
        column = _within("a_v", a_v, n, self.a_v)
        clouds = column if eta is None else _within("eta * a_v", eta * column, n, self.a_v)
        flux = self._seen(self._old, weights[:, self._n_young - 1 :], column, enrichment)
        flux += self._seen(self._young, weights[:, : self._n_young], clouds, enrichment, gas)
        return flux

    def _seen(self, light, weights, column, *places):
        """Fluxes of one of the lights behind dust, with what that dust emits."""
        flux = light.flux(weights, axis_weights(self.a_v, column), *places)
        if not np.any(self._glow):
            return flux
        absorbed = flux[:, -1] * column
        return flux[:, :-1] + absorbed[:, np.newaxis] * self._glow

    def surviving_fraction(self, weights, metallicity):
        """Living mass per mass formed.

        Parameters
        ----------
        weights : array_like of shape (n, n_age)
            Mass formed in each age bin.
        metallicity : float or array_like of shape (n,)
            Metallicity in solar units; that of the grid's ends beyond them.

        Returns
        -------
        fraction : ndarray of shape (n,)
            NaN where no mass is formed.

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
        """Metallicities held within the nodes."""
        values = _within("metallicity", values, n, (0.0, np.inf))
        return np.clip(values, self.metallicity[0], self.metallicity[-1])


class _Light:
    """Fluxes of some ages at the nodes of metallicity, perhaps ionisation, and attenuation.

    Parameters
    ----------
    flux : ndarray of shape (n_age, n_metallicity, [n_log_u,] n_a_v, n_bands)
        Flux densities per mass formed.
    """

    def __init__(self, flux):
        brightest = flux.max(axis=tuple(range(flux.ndim - 1)))
        self._scale = np.where(brightest > 0, brightest, 1.0)
        flux = flux / self._scale
        flux[flux < _MIN_LIGHT] = 0.0
        # Ages beside attenuation, so that the corners of a cell are one matrix.
        self._flux = np.moveaxis(flux, 0, -3).astype(np.float32, order="C")

    def flux(self, weights, column, *others):
        """Fluxes (n, n_bands) of weights, places on the axes given as (node below, share)."""
        places = [*others, column]
        *linear, _, n_a_v, n_bands = self._flux.shape
        cell = np.ravel_multi_index([below for below, _ in places], (*linear, n_a_v))
        order = np.argsort(cell, kind="stable")
        weights = weights.astype(np.float32)
        result = np.empty((len(weights), n_bands))
        for start in range(0, len(order), _CHUNK):
            rows = order[start : start + _CHUNK]
            here = [(below[rows], share[rows].astype(np.float32)) for below, share in places]
            result[rows] = self._chunk(weights[rows], cell[rows], here)
        result *= self._scale
        return result

    def _chunk(self, weights, cell, places):
        """Fluxes of weights whose cells are in order."""
        *linear, (column, share) = places
        weights = _at_corners(weights, [part for _, part in linear])
        both = np.empty((len(cell), 2 * self._flux.shape[-1]), dtype=np.float32)
        start = 0
        for end in np.flatnonzero(np.diff(cell, append=-1)) + 1:
            corner = [slice(below[start], below[start] + 2) for below, _ in linear]
            here = slice(column[start], column[start] + 2)
            block = self._flux[(*corner, slice(None), here)].reshape(weights.shape[1], -1)
            np.matmul(weights[start:end], block, out=both[start:end])
            start = end
        return _geometric_mean(*np.hsplit(both, 2), share[:, np.newaxis])


def _at_corners(weights, shares):
    """Weights (n, n_corners * n_age) spread over the corners of cells, linear in each share."""
    corners = np.ones((len(weights), 1), dtype=np.float32)
    for share in shares:
        ends = np.stack([1.0 - share, share], axis=1)
        corners = (corners[:, :, np.newaxis] * ends[:, np.newaxis]).reshape(len(weights), -1)
    spread = np.empty((len(weights), corners.shape[1], weights.shape[1]), dtype=np.float32)
    for k, corner in enumerate(corners.T):
        np.multiply(weights, corner[:, np.newaxis], out=spread[:, k])
    return spread.reshape(len(weights), -1)


def _geometric_mean(low, high, share):
    """Values between two nodes, linear in their logarithms; none where the lower is none."""
    ratio = np.maximum(high, _TINY) / np.maximum(low, _TINY)
    return low * np.exp(share * np.log(ratio))


def _a_v_nodes(highest, spread, has_glow):
    """Nodes of A_V [mag] from 0 on, the closer the more the curve changes within a band.

    The logarithm of a flux bends by the variance of the optical depth within its band, until the
    least reddened light is all that is left.  Laws that diverge in the far ultraviolet absorb all
    ionising light at the thinnest columns, which only the emission of the dust shows.
    """
    if not 0 < highest < np.inf:
        msg = f"max_a_v must be a positive finite number of magnitudes, got {highest!r}"
        raise InputError(msg)
    scale = 1.0 / max(_DEPTH * spread, 1.0 / _MAX_SCALE)
    reach = np.arcsinh(highest / scale)
    steps = np.linspace(0.0, reach, int(np.ceil(reach / _NODE_STEP)) + 1)
    nodes = np.append(scale * np.sinh(steps[:-1]), highest)
    return np.union1d(nodes, _THIN_NODES[highest > _THIN_NODES]) if has_glow else nodes


def _spread(attenuation, response):
    """Largest standard deviation of an attenuation curve within a band."""
    seen = response[:, np.any(response > 0, axis=0)]
    share = seen / seen.sum(axis=0)
    variance = attenuation**2 @ share - (attenuation @ share) ** 2
    return np.sqrt(variance.max(initial=0.0))


def _behind_dust(spectra, attenuation, a_v, response, integral):
    """Fluxes (..., n_a_v, n_bands) of spectra (..., n_wave) behind dust.

    With the weights of an integral over wavelength, the light lost per magnitude follows as one
    more band: unlike the light lost, it neither vanishes nor bends at small columns.
    """
    n_columns = response.shape[1] + (integral is not None)
    flux = np.empty((*spectra.shape[:-1], a_v.size, n_columns))
    for band, curve in enumerate(response.T):
        seen = np.flatnonzero(curve)
        through = _transmission(attenuation[seen], a_v) * curve[seen, np.newaxis]
        flux[..., band] = spectra[..., seen] @ through
    if integral is not None:
        flux[..., -1] = spectra @ (_loss(attenuation, a_v) * integral[:, np.newaxis])
    return flux


def _transmission(attenuation, a_v):
    """Transmitted share of light (n_wave, n_a_v)."""
    return np.exp(-_DEPTH * np.outer(attenuation, a_v))


def _loss(attenuation, a_v):
    """Share of light lost per magnitude of A_V (n_wave, n_a_v); the first A_V is 0."""
    loss = -np.expm1(-_DEPTH * np.outer(attenuation, a_v[1:])) / a_v[1:]
    return np.column_stack([_DEPTH * attenuation, loss])


def _trapezoid(wavelength):
    """Weights of an integral by the trapezoidal rule."""
    steps = np.diff(wavelength)
    return 0.5 * (np.append(steps, 0.0) + np.append(0.0, steps))


def _checked_dust(kind, parameters):
    """Parameters of the shape of a law and of the warm dust, after a check of their names."""
    if kind not in _SHAPES:
        msg = f"dust_law_kind must be one of {', '.join(_SHAPES)}, got {kind!r}"
        raise InputError(msg)
    unknown = parameters.keys() - _EMISSION.keys() - set(_SHAPES[kind])
    missing = set(_SHAPES[kind]) - parameters.keys()
    if unknown or missing:
        msg = (
            f"dust_parameters of {kind} must have {', '.join(_SHAPES[kind]) or 'no shape'} and "
            f"may have {', '.join(_EMISSION)}, got {', '.join(parameters) or 'none'}"
        )
        raise InputError(msg)
    shape = {name: parameters[name] for name in _SHAPES[kind]}
    return shape, {name: parameters.get(name, value) for name, value in _EMISSION.items()}


def _checked_light(light, bands, t_bc):
    """Spectra that belong to the bands and to the age of birth clouds."""
    asked = tuple(get_band(name).name for name in bands)
    if light.bands != asked or light.t_bc != t_bc:
        msg = (
            f"light must be of the bands and the t_bc asked for, {asked} and {t_bc!r}, "
            f"got {light.bands} and {light.t_bc!r}"
        )
        raise InputError(msg)
    return light


def _within(name, values, n, nodes):
    """Values (n,) after a check that they lie within the nodes."""
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
