"""Photometry of Bagpipes from tables: matrix products instead of one spectrum per model.

At a fixed redshift, the emission of stars and gas is linear in the mass formed in each age bin.
Tables contain it separately for birth clouds and for older stars, so that each can have its own
dust of any shape. In each band, the transmission of dust is a polynomial in the logarithm of the
wavelength through a few nodes, so that the emission need only be known as its share in each node.
"""

import itertools
import math

import numpy as np

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.estimators._sed.tabulated.emission import BandLight
from dustest.physics.stellar.bilinear import axis_weights

__all__ = ["SEDTable"]

_EMISSION = {"qpah": 2.0, "umin": 1.0, "gamma": 0.01}  # those of Bagpipes
_DEPTH = np.float32(0.4 * np.log(10.0))  # optical depth of a magnitude
_OPAQUE = np.float32(50.0)  # optical depth of zero transmission; float32 stays normal
_MIN_LIGHT = 1e-15  # of the brightest; fainter values are zero, for the same reason
_CHUNK = 1024  # models whose light at all nodes fits in the cache of a core
_STEP, _PANEL = 0.05, 0.3
"""Mean distance of nodes, and greatest width of one polynomial, in ln wavelength."""
_SIGNS, _ROUNDING = np.resize([1.0, -1.0], 64), 1e-18
_TAIL = 1e-5
"""Share of a band at either end without nodes of its own."""


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
    exact : bool, optional
        Whether all wavelengths are nodes. Fluxes are then those of Bagpipes to 1e-5, otherwise to
        1e-3 for A_V up to 2.

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
        exact=False,
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
        columns = [*response.T]
        if np.any(self._glow):
            # Warm dust emits the energy that dust absorbs at any wavelength.
            columns.append(light.steps)
        if exact or wavelength is not None:
            parts = [_AllNodes(light.wavelength, np.array(columns))]
        else:
            # In the integral over all wavelengths, the bluest have the least share and most light.
            tails = np.where(np.arange(len(columns)) < self._glow.size, _TAIL, 0.0)
            parts = [
                _Nodes(light.wavelength, column, tail)
                for column, tail in zip(columns, tails, strict=True)
            ]
        self._set_light(light, n_age, parts)
        nodes = np.concatenate([part.wavelength for part in parts])
        laws = (law,) if law.birth_clouds is None else (law, law.birth_clouds)
        self._curves = [_Curve(each, nodes) for each in laws]
        ends = np.cumsum([part.wavelength.size for part in parts])
        self._blocks = [*zip([0, *ends[:-1]], ends, strict=True)]
        self._sums = _diagonal([part.sums for part in parts])

    def _set_light(self, light, n_age, parts):
        """Shares of birth clouds and of older stars in the nodes, metallicity first."""
        n_old = n_age - light.n_young + 1
        self._unit = np.concatenate([part.unit for part in parts]) * light.unit
        self._young, self._old = (
            _single(np.concatenate([part.share(spectra) for part in parts], axis=-1))
            for spectra in (light.single[0], light.single[1][:, :n_old])
        )

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
        metals = _within("metallicity", metallicity, n, (0.0, np.inf))
        cells = self.cells(metals, _within("log_u", log_u, n, self.log_u))
        column = _within("a_v", a_v, n, (0.0, np.inf)).astype(np.float32)
        clouds = None if eta is None else column * _within("eta", eta, n, (0.0, np.inf))
        shape = self._checked_shape(shape or {}, n)
        light = self.light(weights, cells)
        flux = np.empty((n, self._glow.size))
        for rows in (slice(start, start + _CHUNK) for start in range(0, n, _CHUNK)):
            here = {key: _rows_of(values, rows) for key, values in shape.items()}
            flux[rows] = self.behind_dust(
                [part[rows] for part in light],
                column[rows],
                None if clouds is None else np.float32(clouds[rows]),
                here,
            )
        return flux

    def cells(self, metallicity, log_u):
        """Cells of models between the nodes of metallicity and ionisation parameter.

        Parameters
        ----------
        metallicity : ndarray of shape (n,)
            In solar units; outside the grid, the value at its end is used.
        log_u : ndarray of shape (n,)
            Within the nodes.

        Returns
        -------
        poor, metal_share, thin, gas_share : ndarray of shape (n,)
            Nodes below the values, and weights of those above: the same in all tables of a band
            set.
        """
        metals = np.clip(metallicity, self.metallicity[0], self.metallicity[-1])
        return *axis_weights(self.metallicity, metals), *axis_weights(self.log_u, log_u)

    def light(self, weights, cells):
        """Light of models in the nodes, before dust.

        Parameters
        ----------
        weights : ndarray of shape (n, n_age)
            Mass formed in each age bin.
        cells : sequence of ndarray of shape (n,)
            Result of `cells`.

        Returns
        -------
        young, old : ndarray of shape (n, n_nodes)
            That of birth clouds and of older stars, in single precision.
        """
        poor, metal_share, thin, gas_share = cells
        order = np.argsort(poor * self.log_u.size + thin, kind="stable")
        poor, thin = poor[order], thin[order]
        metal_share, gas_share = np.float32(metal_share[order]), np.float32(gas_share[order])
        weights = _single(weights[order])
        spread = _at_corners(weights[:, : self._n_young], [metal_share, gas_share])
        n_nodes = self._old.shape[-1]
        young, old = np.empty((2, len(weights), n_nodes), dtype=np.float32)
        for start, stop in _runs(poor, thin):
            z, u = poor[start], thin[start]
            corners = _flat(self._young[z : z + 2, u : u + 2])
            young[order[start:stop]] = spread[start:stop] @ corners
        spread = _at_corners(weights[:, self._n_young - 1 :], [metal_share])
        for start, stop in _runs(poor):
            corners = _flat(self._old[poor[start] : poor[start] + 2])
            old[order[start:stop]] = spread[start:stop] @ corners
        return young, old

    def behind_dust(self, light, column, clouds, shape):
        """Fluxes of models behind dust.

        Parameters
        ----------
        light : sequence of ndarray of shape (n, n_nodes)
            Result of `light`.
        column, clouds : ndarray of shape (n,)
            Attenuation of older stars and of birth clouds in mag, in single precision; None for
            clouds without dust of their own.
        shape : dict of str to ndarray of shape (n,) or (1,)
            Parameters of the shape of the law.

        Returns
        -------
        flux : ndarray of shape (n, n_bands)
            In nJy for weights in solar masses.
        """
        parts = zip(*self._parts(light, column, clouds, shape), strict=True)
        n_bands = self._glow.size
        seen, absorbed = 0.0, 0.0
        for part, depth in parts:
            seen = seen + (part * np.exp(-depth)) @ self._sums[:, :n_bands]
            if n_bands < self._unit.size:
                absorbed = absorbed + (part * -np.expm1(-depth)) @ self._sums[:, n_bands]
        return self._flux(seen, absorbed)

    def behind_columns(self, light, column, clouds, shape):
        """Fluxes of groups of models, each behind all dust of its group.

        Parameters
        ----------
        light : sequence of ndarray of shape (n_groups, n, n_nodes)
            Result of `light`, by group.
        column, clouds : ndarray of shape (n_groups * n_columns,)
            Attenuation as in `behind_dust`, one group after the other.
        shape : dict of str to ndarray of shape (n_groups * n_columns,)
            Parameters of the shape of the law.

        Returns
        -------
        flux : ndarray of shape (n_groups, n, n_columns, n_bands)
            In nJy for weights in solar masses.
        """
        n_groups, n, _ = light[0].shape
        seen = np.zeros((n_groups, n, column.size // n_groups, self._unit.size), np.float32)
        for part, flat in zip(*self._parts(light, column, clouds, shape), strict=True):
            depth = flat.reshape(n_groups, -1, flat.shape[-1]).swapaxes(1, 2)
            for k, (start, stop) in enumerate(self._blocks):
                through = depth[:, start:stop]
                glows = k >= self._glow.size
                dust = -np.expm1(-through) if glows else np.exp(-through)
                seen[..., k] += part[..., start:stop] @ dust
        return self._flux(seen[..., : self._glow.size], seen[..., -1])

    def _parts(self, light, column, clouds, shape):
        """Light of stars behind the same dust, and its optical depths."""
        young, old = light
        curves = [curve.at(shape) for curve in self._curves]
        depth = _depth(column, curves[0])
        if clouds is None:
            return [young + old], [depth]
        return [old, young], [depth, _cloud_depth(column, clouds, curves)]

    def _flux(self, seen, absorbed):
        """Fluxes in nJy from sums over the nodes, with the emission of warm dust."""
        n_bands = self._glow.size
        flux = seen * self._unit[:n_bands]
        if n_bands < self._unit.size:
            flux += (self._unit[n_bands] * absorbed)[..., np.newaxis] * self._glow
        return flux

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
        values = _within("metallicity", metallicity, len(weights), (0.0, np.inf))
        return self.living_fraction(weights, self.cells(values, self.log_u[:1]))

    def living_fraction(self, weights, cells):
        """Surviving mass per mass formed, as `surviving_fraction`, of models in cells.

        Parameters
        ----------
        weights : ndarray of shape (n, n_age)
            Mass formed in each age bin.
        cells : sequence of ndarray of shape (n,)
            Result of `cells`.

        Returns
        -------
        fraction : ndarray of shape (n,)
            NaN if no mass is formed.
        """
        below, share = cells[:2]
        living, rows = weights @ self._living.T, np.arange(len(weights))
        mass = (1.0 - share) * living[rows, below] + share * living[rows, below + 1]
        formed = weights.sum(axis=1)
        return np.divide(mass, formed, out=np.full(len(mass), np.nan), where=formed > 0)

    @property
    def n_age(self):
        """Number of age bins."""
        return self.age_edges.size - 1

    @property
    def n_bands(self):
        """Number of bands or wavelengths."""
        return self._glow.size

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


class _Nodes:
    """Few nodes of the transmission of dust in one band, and shares of its wavelengths in them."""

    def __init__(self, wavelength, response, tail):
        seen = np.flatnonzero(response)
        self.unit = np.array([response.max(initial=0.0) or 1.0])
        weight = response[seen] / self.unit
        nodes, shares = np.empty(0), np.empty((0, 0))
        if seen.size:
            nodes, shares = _interpolation(np.log(wavelength[seen]), weight, tail)
        self.wavelength, self.sums = np.exp(nodes), np.ones((nodes.size, 1))
        self._weight = (weight[:, np.newaxis] * shares).astype(np.float32)
        gapless = seen.size and seen.size == np.ptp(seen) + 1
        self._seen = slice(seen[0], seen[-1] + 1) if gapless else seen

    def share(self, spectra):
        """Integrals (..., n_nodes) of spectra (..., n_wave) by node."""
        flat = spectra.reshape(-1, spectra.shape[-1])[:, self._seen]
        return (flat @ self._weight).reshape(*spectra.shape[:-1], -1)


class _AllNodes:
    """All wavelengths as nodes, shared by all bands."""

    def __init__(self, wavelength, responses):
        self._seen = np.flatnonzero(responses.any(axis=0))
        self.wavelength = wavelength[self._seen]
        self.unit = responses.max(axis=1)
        self.unit[self.unit == 0.0] = 1.0
        self.sums = (responses[:, self._seen] / self.unit[:, np.newaxis]).T

    def share(self, spectra):
        """Spectra (..., n_nodes) at the nodes."""
        return spectra[..., self._seen]


def _diagonal(blocks):
    """Matrix of blocks along its diagonal, in single precision."""
    rows, columns = np.cumsum([(0, 0), *(block.shape for block in blocks)], axis=0).T
    matrix = np.zeros((rows[-1], columns[-1]), dtype=np.float32)
    for k, block in enumerate(blocks):
        matrix[rows[k] : rows[k + 1], columns[k] : columns[k + 1]] = block
    return matrix


def _interpolation(x, weight, tail):
    """Nodes for functions of some places, and values there as sums of those at the nodes.

    Places in either tail of the weight have the value of the last place outside it.
    """
    order = np.argsort(x)
    share = np.cumsum(weight[order]) / weight.sum()
    low, high = x[order[np.searchsorted(share, (tail, 1.0 - tail)).clip(max=x.size - 1)]]
    x = np.clip(x, low, high)
    n_panels = max(int(np.ceil((high - low) / _PANEL)), 1)
    width = (high - low) / n_panels
    panel = np.minimum(((x - low) / max(width, 1e-12)).astype(int), n_panels - 1)
    n = min(int(np.ceil(width / _STEP)) + 2, np.bincount(panel).max())
    angle = np.pi * (np.arange(n) + 0.5) / n
    nodes, shares = np.empty((n_panels, n)), np.zeros((x.size, n_panels, n))
    for k in range(n_panels):
        nodes[k] = low + width * (k + 0.5 + 0.5 * np.cos(angle))
        here = np.flatnonzero(panel == k)
        # The barycentric form of the polynomial through Chebyshev nodes.
        step = x[here, np.newaxis] - nodes[k]
        term = (np.sin(angle) * _SIGNS[:n]) / np.where(step == 0.0, _ROUNDING, step)
        shares[here, k] = term / term.sum(axis=1, keepdims=True)
    return nodes.ravel(), shares.reshape(x.size, -1)


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
        return _depth(clouds, curves[0])
    both = column[:, np.newaxis] * curves[0] + (clouds - column)[:, np.newaxis] * curves[1]
    return np.clip(_DEPTH * both, 0.0, _OPAQUE)


def _single(values):
    """Values in single precision, zero where they are negligible: float32 stays normal."""
    negligible = np.abs(values) < _MIN_LIGHT * np.abs(values).max(initial=0.0)
    return np.where(negligible, 0.0, values).astype(np.float32)


def _runs(*sorted_columns):
    """First and last row of runs of equal values, in portions that fit in the cache."""
    changes = np.any([np.diff(column) for column in sorted_columns], axis=0)
    ends = np.flatnonzero(changes) + 1
    n = len(sorted_columns[0])
    limits = np.unique(np.concatenate([ends, np.arange(0, n, _CHUNK), [n]]))
    return itertools.pairwise(limits.tolist())


def _rows_of(values, rows):
    """Values of some rows; a single value is returned unchanged."""
    return values[rows] if len(values) > 1 else values


def _flat(corners):
    """Light of all ages at the corners of a cell, (n_corners * n_age, n_nodes), also of none."""
    return corners.reshape(math.prod(corners.shape[:-1]), corners.shape[-1])


def _at_corners(weights, shares):
    """Weights (n, n_corners * n_age) distributed to corners of cells, linear in each weight."""
    (n, n_age), spread = weights.shape, weights[:, np.newaxis]
    for share in shares:
        above = spread * share[:, np.newaxis, np.newaxis]
        spread = np.stack([spread - above, above], axis=2)
        spread = spread.reshape(n, 2 * spread.shape[1], n_age)
    return spread.reshape(n, spread.shape[1] * n_age)


def _checked_emission(parameters):
    """Parameters of the warm dust, after a check of their names."""
    if unknown := parameters.keys() - _EMISSION.keys():
        msg = f"emission may have {', '.join(_EMISSION)}, got {', '.join(sorted(unknown))}"
        raise InputError(msg)
    return _EMISSION | parameters


def _checked_light(light, bands, t_bc):
    """Spectra for the bands and the age of birth clouds."""
    asked = tuple(bands)
    if light.bands != asked:
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
