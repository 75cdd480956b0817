"""Photometry of Bagpipes from tables: matrix products instead of one spectrum per model.

At a fixed redshift, the emission of stars and gas is linear in the mass formed in each age bin.
Tables contain it separately for birth clouds and for older stars, so that each can have its own
dust of any shape. In each band, the transmission of dust is a polynomial in the logarithm of the
wavelength through a few nodes, so that the emission need only be known as its share in each node.
"""

import itertools

import numpy as np

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.estimators._sed.tabulated.light.band_nodes import NARROW_NODES
from dustest.estimators._sed.tabulated.light.emission import BandLight
from dustest.physics.stellar.bilinear import axis_weights

__all__ = ["MEASURES", "SEDTable", "light_at"]

MEASURES = ("reference", "absorbed")
"""What models may have besides fluxes, in the order of their columns."""
_LYMAN_LIMIT = 912.0  # Angstrom
_FAR_INFRARED = 2e5
"""Rest wavelength in Angstrom beyond which a modified black body replaces other emission."""

_EMISSION = {"qpah": 2.0, "umin": 1.0, "gamma": 0.01}  # those of Bagpipes
_DEPTH = np.float32(0.4 * np.log(10.0))  # optical depth of a magnitude
_OPAQUE = np.float32(50.0)  # optical depth of zero transmission; float32 stays normal
_MIN_LIGHT = 1e-15  # of the brightest; fainter values are zero, for the same reason
_CHUNK = 2**17  # values of the light of models at all nodes that fit in the cache of a core


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
    escaping : bool, optional
        Whether ionising photons may escape.
    gas_law : DustLaw, optional
        The law of the dust in front of the gas, if ``light`` has the gas apart; its attenuation
        is then that of ``clouds`` and ``eta``, and that of all stars the other.
    measures : tuple of str, optional
        What models have besides fluxes, in further columns: ``"reference"``, the continuum at
        rest 5100 Angstrom behind dust in solar luminosities per Angstrom, and ``"absorbed"``, the
        light that dust absorbs in solar luminosities.

    Attributes
    ----------
    age_edges : ndarray of shape (n_age + 1,)
        Edges in yr of the age bins that begin after the Big Bang.
    metallicity, log_u : ndarray
        Nodes: solar units, dex.
    young : ndarray of shape (n_metallicity, n_log_u, n_young, n_nodes)
        Light of birth clouds in the nodes of the transmission of dust.
    old : ndarray of shape (n_metallicity, n_age - first_old, n_nodes)
        That of older stars, or of all if the gas is apart.
    bare : ndarray of shape (n_metallicity, n_young, n_nodes)
        That of the stars of birth clouds without gas; empty if no photons may escape.

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
        escaping=False,
        gas_law=None,
        measures=(),
    ):
        emission = _checked_emission(emission or {})
        light = BandLight(bands, t_bc) if light is None else _checked_light(light, bands, t_bc)
        n_age = light.n_age_at(redshift)
        self.redshift = float(redshift)
        self.bands, self.escaping = light.bands, escaping
        self.age_edges = light.age_edges[: n_age + 1].copy()
        self.metallicity = light.metallicity.copy()
        self.log_u = light.log_u.copy()
        self._living = light.living[:, :n_age].copy()
        response = light.response(redshift, wavelength)
        self.measures = tuple(name for name in MEASURES if name in measures)
        n_lines = 0 if wavelength is not None else light.line_wavelength.size
        glow = self._emission(light, emission, wavelength) @ response
        self._glow = np.concatenate([glow, np.zeros(n_lines)])
        # Warm dust emits the energy that dust absorbs at any wavelength.
        has_energy = np.any(self._glow) or "absorbed" in measures
        energy = light.steps[:, np.newaxis][:, : int(has_energy)]
        reference = light.reference[:, np.newaxis][:, : int("reference" in measures)]
        if exact or wavelength is not None:
            parts = [_AllNodes(light.wavelength, np.hstack([response, reference, energy]))]
            n_spectral = 1
        else:
            parts = _few_nodes(light, redshift, response)
            n_spectral = len(parts)
            if n_lines:
                parts.append(_Lines(light, redshift))
            if reference.size:
                parts.append(_FewNodes(light.reference_nodes, light.wavelength, reference))
            if energy.size:
                parts.append(_FewNodes(light.energy_nodes, light.wavelength, energy))
        self._n_seen = self._glow.size + reference.shape[1]
        self._set_light(light, n_age, parts)
        if "reference" in self.measures:
            self._set_continuum(light, parts[:n_spectral], glow.size)
        nodes = np.concatenate([part.wavelength for part in parts])
        laws = (law,) if law.birth_clouds is None else (law, law.birth_clouds)
        self._curves = [_Curve(each, nodes) for each in laws]
        if gas_law is not None:
            self._curves = [self._curves[0], _Curve(gas_law, nodes, fixed=True)]
        self._gas_apart = gas_law is not None
        self._sums = _diagonal([part.sums for part in parts])
        self._pixels = self._pixel_nodes = slice(0, 0)
        if light.channels.pixels is not None and wavelength is None and not exact:
            self._pixels = light.channels.of_pixels
            first = int(np.count_nonzero(self._sums[:, : self._pixels.start]))
            n_nodes = NARROW_NODES * (self._pixels.stop - self._pixels.start)
            self._pixel_nodes = slice(first, first + n_nodes)

    def _set_light(self, light, n_age, parts):
        """Shares of birth clouds and of older stars in the nodes."""
        young, old, bare = light.single
        self._unit = np.concatenate([part.unit for part in parts]) * light.unit
        bare = bare if self.escaping else bare[:, :0]
        spectra = {"young": young, "old": old[: n_age - light.first_old], "bare": bare}
        self.young, self.old, self.bare = (
            _single(np.moveaxis(np.concatenate(light, axis=-1), 0, -2))
            for light in (
                [part.share(each, source) for part in parts] for source, each in spectra.items()
            )
        )

    def _emission(self, light, emission, wavelength):
        """Spectrum of warm dust; at single wavelengths, without what has its own far infrared."""
        spectrum = light.dust_emission(**emission)
        if wavelength is not None and "absorbed" in self.measures:
            return np.where(light.wavelength < _FAR_INFRARED, spectrum, 0.0)
        return spectrum

    def _set_continuum(self, light, parts, n_spectral):
        """Nodes of the bands, and the fluxes of a smooth spectrum that is one in one of them."""
        visible = (light.wavelength >= _LYMAN_LIMIT).astype(float)[np.newaxis]
        weight = np.concatenate([part.share(visible, "old")[0] for part in parts])
        self.continuum_nodes = np.concatenate([part.wavelength for part in parts])
        sums = _diagonal([part.sums for part in parts])[:, :n_spectral]
        unit = np.concatenate([part.unit for part in parts])[:n_spectral]
        n_lines = self._glow.size - n_spectral
        flux = weight[:, np.newaxis] * sums * unit
        self._continuum = np.pad(flux, ((0, 0), (0, n_lines)))

    def continuum(self, spectra):
        """Fluxes of smooth spectra without dust, to which the Lyman limit and the IGM are added.

        Parameters
        ----------
        spectra : ndarray of shape (n, n_continuum_nodes)
            Solar luminosities per Angstrom at ``continuum_nodes``, rest-frame wavelengths in
            Angstrom.

        Returns
        -------
        ndarray of shape (n, n_bands)
            In nJy.
        """
        return spectra @ self._continuum

    @property
    def _blocks(self):
        """First and last node of each column of sums, if none is in two of them."""
        ends = np.cumsum(np.count_nonzero(self._sums, axis=0)).tolist()
        return itertools.pairwise([0, *ends])

    def photometry(self, weights, metallicity, log_u, a_v, eta=None, shape=None, **shares):
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
        **shares : float or array_like of shape (n,)
            ``clear``, the share of the light that no dust covers, and ``escape``, that of the
            ionising photons of birth clouds that escape; 0 if not given.

        Returns
        -------
        flux : ndarray of shape (n, n_columns)
            In nJy for weights in solar masses, and ``measures``.

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
        clear, escape = (
            np.float32(_within(name, shares[name], n, (0.0, 1.0))) if name in shares else None
            for name in ("clear", "escape")
        )
        place, apart = np.zeros(n, dtype=int), clouds is not None
        light = light_at([self], place, weights, cells, escape, apart=apart)
        clouds = None if clouds is None else np.float32(clouds)
        return self.behind_dust(light, column, clouds, shape, clear)

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

    def behind_dust(self, light, column, clouds, shape, clear=None):
        """Fluxes of models behind dust.

        Parameters
        ----------
        light : sequence of ndarray of shape (n, n_nodes)
            Result of `light_at`, apart if clouds have dust of their own.
        column, clouds : ndarray of shape (n,)
            Attenuation of older stars and of birth clouds in mag, in single precision; None for
            clouds without dust of their own.
        shape : dict of str to ndarray of shape (n,) or (1,)
            Parameters of the shape of the law.
        clear : ndarray of shape (n,), optional
            Share of the light that no dust covers, in single precision.

        Returns
        -------
        flux : ndarray of shape (n, n_columns)
            In nJy for weights in solar masses, and ``measures``.
        """
        flux = np.empty((len(column), self.n_columns))
        step = max(_CHUNK // max(self.n_nodes, 1), 1)
        for rows in (slice(start, start + step) for start in range(0, len(flux), step)):
            flux[rows] = self._behind(
                [part[rows] for part in light],
                column[rows],
                None if clouds is None else clouds[rows],
                {key: _rows_of(values, rows) for key, values in shape.items()},
                None if clear is None else clear[rows, np.newaxis],
            )
        return flux

    def _behind(self, light, column, clouds, shape, share):
        """Fluxes of few models behind dust, of which a share (n, 1) is clear."""
        n_seen = self._n_seen
        seen, absorbed = 0.0, 0.0
        for part, depth in zip(*self._parts(light, column, clouds, shape), strict=True):
            seen = seen + self._summed(part, _transmission(depth, share))
            if n_seen < self._unit.size:
                absorbed = absorbed + (part * _absorption(depth, share)) @ self._sums[:, n_seen]
        return self._flux(seen, absorbed)

    def behind_columns(self, light, column, clouds, shape, clear=None):
        """Fluxes of groups of models, each behind all dust of its group.

        Parameters
        ----------
        light : sequence of ndarray of shape (n_groups, n, n_nodes)
            Result of `light_at`, by group.
        column, clouds : ndarray of shape (n_groups * n_columns,)
            Attenuation as in `behind_dust`, one group after the other.
        shape : dict of str to ndarray of shape (n_groups * n_columns,)
            Parameters of the shape of the law.
        clear : ndarray of shape (n_groups * n_columns,), optional
            Share of the light that no dust covers, in single precision.

        Returns
        -------
        flux : ndarray of shape (n_groups, n, n_dusts, n_columns)
            In nJy for weights in solar masses, and ``measures``.
        """
        n_groups, n, _ = light[0].shape
        seen = np.zeros((n_groups, n, column.size // n_groups, self._unit.size), np.float32)
        for part, flat in zip(*self._parts(light, column, clouds, shape), strict=True):
            depth = flat.reshape(n_groups, -1, flat.shape[-1]).swapaxes(1, 2)
            share = None if clear is None else clear.reshape(n_groups, 1, -1)
            for k, (start, stop) in enumerate(self._blocks):
                dust = (_transmission if k < self._n_seen else _absorption)(
                    depth[:, start:stop], share
                )
                seen[..., k] += part[..., start:stop] @ dust
        return self._flux(seen[..., : self._n_seen], seen[..., -1])

    def _summed(self, light, transmitted):
        """Sums (n, n_bands) of light in the nodes, of which dust transmits a share, by band."""
        n_bands, pixels, nodes = self._n_seen, self._pixels, self._pixel_nodes
        seen = np.multiply(light, transmitted, out=transmitted)
        if pixels.start == pixels.stop:
            return seen @ self._sums[:, :n_bands]
        # Pixels have the same number of nodes each, which is faster than a product with zeros.
        sums = np.empty((len(light), n_bands), np.float32)
        of_pixels = (seen[:, nodes][:, k::NARROW_NODES] for k in range(NARROW_NODES))
        np.add(*of_pixels, out=sums[:, pixels])
        for rows, bands in (
            (slice(0, nodes.start), slice(0, pixels.start)),
            (slice(nodes.stop, None), slice(pixels.stop, n_bands)),
        ):
            sums[:, bands] = seen[:, rows] @ self._sums[rows, bands]
        return sums

    def _parts(self, light, column, clouds, shape):
        """Light of stars behind the same dust, and its optical depths."""
        curves = [curve.at(shape) for curve in self._curves]
        depth = _depth(column, curves[0])
        if clouds is None:
            return light, [depth]
        if self._gas_apart:
            return light, [_depth(clouds, curves[1]), depth]
        return light, [_cloud_depth(column, clouds, curves), depth]

    def _flux(self, seen, absorbed):
        """Fluxes in nJy from sums over the nodes, with the emission of warm dust; measures."""
        flux = seen * self._unit[: self._n_seen]
        if self._n_seen < self._unit.size:
            energy = (self._unit[self._n_seen] * absorbed)[..., np.newaxis]
            flux[..., : self._glow.size] += energy * self._glow
            if "absorbed" in self.measures:
                flux = np.concatenate([flux, energy], axis=-1)
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
    def n_nodes(self):
        """Number of nodes of the transmission of dust."""
        return self.old.shape[-1]

    @property
    def n_bands(self):
        """Number of bands or wavelengths."""
        return self._glow.size

    @property
    def n_columns(self):
        """Number of bands or wavelengths, and of measures."""
        return self._glow.size + len(self.measures)

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


class _FewNodes:
    """Few nodes of the transmission of dust in each band, and shares of the light in them."""

    def __init__(self, nodes, wavelength, response, stretch=1.0):
        self.wavelength = nodes.wavelength / stretch
        self.unit = response.max(axis=0)
        self.unit[self.unit == 0.0] = 1.0
        self.sums = (nodes.band[:, np.newaxis] == np.arange(self.unit.size)).astype(np.float32)
        self._shares = nodes.shares(wavelength * stretch, response / self.unit)

    def share(self, spectra, source):  # noqa: ARG002 - the same for each
        """Integrals (..., n_nodes) of spectra (..., n_wave) by node."""
        flat = spectra.reshape(-1, spectra.shape[-1])
        result = np.empty((len(flat), self.wavelength.size), np.float32)
        for seen, nodes, matrix in self._shares:
            np.matmul(flat[:, seen], matrix, out=result[:, nodes])
        return result.reshape(*spectra.shape[:-1], self.wavelength.size)


class _AllNodes:
    """All wavelengths as nodes, shared by all bands."""

    def __init__(self, wavelength, responses):
        self._seen = np.flatnonzero(responses.any(axis=1))
        self.wavelength = wavelength[self._seen]
        self.unit = responses.max(axis=0)
        self.unit[self.unit == 0.0] = 1.0
        self.sums = responses[self._seen] / self.unit

    def share(self, spectra, source):  # noqa: ARG002 - the same for each
        """Spectra (..., n_nodes) at the nodes."""
        return spectra[..., self._seen]


class _Lines:
    """Emission lines, each a node of its own: light of young stars' gas alone."""

    def __init__(self, light, redshift):
        self.wavelength = light.line_wavelength
        self._light, unit = light.single_lines
        self.unit = unit * light.line_flux(redshift) / light.unit
        self.sums = np.eye(unit.size, dtype=np.float32)

    def share(self, spectra, source):
        """Luminosities (..., n_lines) of the lines."""
        if source == "young":
            return self._light
        return np.zeros((*spectra.shape[:-1], self.wavelength.size), np.float32)


def _few_nodes(light, redshift, response):
    """Nodes of bands and of pixels."""
    parts, first = [], 0
    for nodes in light.nodes:
        columns = slice(first, first + nodes.n_bands)
        own = response[:, columns]
        parts.append(_FewNodes(nodes, light.wavelength, own, light.stretch(redshift)))
        first = columns.stop
    return parts


def _diagonal(blocks):
    """Matrix of blocks along its diagonal, in single precision."""
    rows, columns = np.cumsum([(0, 0), *(block.shape for block in blocks)], axis=0).T
    matrix = np.zeros((rows[-1], columns[-1]), dtype=np.float32)
    for k, block in enumerate(blocks):
        matrix[rows[k] : rows[k + 1], columns[k] : columns[k + 1]] = block
    return matrix


class _Curve:
    """A / A_V of a law at some wavelengths, in single precision.

    A law without parameters, or whose parameters are fixed, is stored as numbers.
    """

    def __init__(self, law, wavelength, *, fixed=False):
        self.names = () if fixed else tuple(law.shape)
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
    depth = (_DEPTH * column)[:, np.newaxis] * curve
    return np.minimum(depth, _OPAQUE, out=depth)


def _cloud_depth(column, clouds, curves):
    """Optical depth in front of young stars, including one column of diffuse dust."""
    if len(curves) == 1:
        return _depth(clouds, curves[0])
    both = column[:, np.newaxis] * curves[0] + (clouds - column)[:, np.newaxis] * curves[1]
    return np.clip(_DEPTH * both, 0.0, _OPAQUE)


def light_at(tables, place, weights, cells, escape=None, *, apart=True):
    """Light of models at several redshifts in the nodes, before dust.

    Parameters
    ----------
    tables : sequence of SEDTable
        Tables by falling number of age bins.
    place : ndarray of int of shape (n,)
        Table of each model.
    weights : ndarray of shape (n, n_age)
        Mass formed in each age bin of the first table.
    cells : sequence of ndarray of shape (n,)
        Result of `SEDTable.cells`.
    escape : ndarray of shape (n,), optional
        Share of the ionising photons of birth clouds that escapes and makes no gas shine.
    apart : bool, optional
        Whether birth clouds have dust of their own.

    Returns
    -------
    list of ndarray of shape (n, n_nodes)
        That of birth clouds and of older stars, or of both together, in single precision; tables
        may have fewer nodes.
    """
    poor, metal_share, thin, gas_share = cells
    n_young, n_gas = tables[0].young.shape[2], tables[0].log_u.size
    order = np.argsort((place * tables[0].metallicity.size + poor) * n_gas + thin, kind="stable")
    place, poor, thin = place[order], poor[order], thin[order]
    metal_share, gas_share = np.float32(metal_share[order]), np.float32(gas_share[order])
    weights = _single(weights[order])
    new, aged = weights[:, :n_young], weights[:, weights.shape[1] - tables[0].old.shape[1] :]
    shape = len(weights), max(table.n_nodes for table in tables)
    light = np.zeros((2 if apart else 1, *shape), dtype=np.float32)
    young, old = light[0], light[-1]
    if escape is not None:
        leaking = new * escape[order, np.newaxis]
        new = new - leaking
        bare = [table.bare for table in tables]
        _add_light(young, _at_corners(leaking, metal_share), bare, (place, poor))
    spread = _at_corners(new, metal_share, gas_share)
    _add_light(young, spread, [table.young for table in tables], (place, poor, thin))
    spread = _at_corners(aged, metal_share)
    _add_light(old, spread, [table.old for table in tables], (place, poor))
    back = np.argsort(order)
    return [part[back] for part in light]


def _add_light(light, spread, sources, cells):
    """Add the light (n, n_nodes) of weights (n, n_corners, n_age) at the corners of their cells.

    Models are sorted by their cells: their source, and the nodes below them.
    """
    place, *below = cells
    starts, stops = _runs(*cells)
    corners = zip(*([slice(k, k + 2) for k in one[starts].tolist()] for one in below), strict=True)
    flat = {
        n_age: spread[..., :n_age].reshape(len(spread), spread.shape[1] * n_age)
        for n_age in {source.shape[-2] for source in sources}
    }
    runs = zip(starts.tolist(), stops.tolist(), place[starts].tolist(), corners, strict=True)
    for start, stop, k, corner in runs:
        n_age, n_nodes = sources[k].shape[-2:]
        masses = flat[n_age][start:stop]
        # Also for tables without nodes or ages.
        shape = masses.shape[1], n_nodes
        light[start:stop, :n_nodes] += masses @ sources[k][corner].reshape(shape)


def _transmission(depth, clear):
    """Share of the light that dust of some optical depth transmits or does not cover."""
    through = np.negative(depth)
    np.exp(through, out=through)
    return through if clear is None else clear + (1.0 - clear) * through


def _absorption(depth, clear):
    """Share of the light that dust of some optical depth absorbs."""
    absorbed = -np.expm1(-depth)
    return absorbed if clear is None else (1.0 - clear) * absorbed


def _single(values):
    """Values in single precision, zero where they are negligible: float32 stays normal."""
    negligible = np.abs(values) < _MIN_LIGHT * np.abs(values).max(initial=0.0)
    return np.where(negligible, 0.0, values).astype(np.float32)


def _runs(*sorted_columns):
    """First rows of runs of equal values, and their ends."""
    n = len(sorted_columns[0])
    changes = np.any([np.diff(column) for column in sorted_columns], axis=0)
    starts = np.flatnonzero(np.append(n > 0, changes))
    return starts, np.append(starts, n)[1:]


def _rows_of(values, rows):
    """Values of some rows; a single value is returned unchanged."""
    return values[rows] if len(values) > 1 else values


def _at_corners(weights, *shares):
    """Weights (n, n_corners, n_age) distributed to corners of cells, linear in each weight."""
    spread = weights[:, np.newaxis]
    for share in shares:
        above = spread * share[:, np.newaxis, np.newaxis]
        both = np.stack([spread - above, above], axis=2)
        spread = both.reshape(len(weights), 2 * spread.shape[1], weights.shape[1])
    return spread


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
