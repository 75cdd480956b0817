"""Input (`Batch`) and output (`Estimates`) of a method: plain arrays in declared units."""

from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from dustest.data.checks.numbers import is_number
from dustest.data.checks.sample_columns import limit_sigma
from dustest.data.errors import InputError
from dustest.data.kinds import KINDS
from dustest.data.messages import did_you_mean
from dustest.estimators.run.files.row_records import KEY_BYTES

__all__ = ["Batch", "Estimates", "ExtraColumn", "error_floor", "is_constant", "make_batch"]

_SEED_BYTES = 8
_ALWAYS = ("redshift", "pixel_scale")
"""Kinds whose arrays are in every batch, NaN if unknown: they are part of each seed."""
_SEED_VALUES = 128
"""Approximate number of values per column for the seed of a galaxy. They distinguish galaxies; a
digest of all pixels would take much of the run time of a network."""


@dataclass(frozen=True)
class Batch:
    """Some galaxies as float arrays; missing data have an axis of length 0, or are NaN.

    Arrays are attributes with the names of the columns of `~dustest.data.KINDS`, including those
    of plugins. For each kind, ``has_<kind>`` (ndarray of bool of shape (n,)) marks the rows with
    a usable value.

    Parameters
    ----------
    arrays : dict of str to ndarray of shape (n, ...)
        Arrays by name.
    items : dict of str to tuple of str
        Bands and lines of the second axes of arrays, by name.
    seed : ndarray of uint64 of shape (n,)
        One seed per galaxy, made from its data and the run's seed, so that random draws depend
        neither on the order of the rows nor on the number of workers.
    error_floor : float, optional
        Relative error of the photometry that is already included in its errors.
    keeps_data : bool, optional
        Whether the result keeps draws, and with them `Estimates.data`.

    Attributes
    ----------
    redshift, redshift_err : ndarray of shape (n,)
        Redshift and its standard deviation; NaN if unknown.
    pixel_scale : ndarray of shape (n,)
        Side of the pixels of the cutouts in arcsec; NaN if unknown.
    bands : tuple of str
        Bands of the photometry.
    flux, flux_err, flux_limit : ndarray of shape (n, n_bands)
        Photometry in nJy. Flux and error are NaN if a band is unusable: missing, not finite, or
        without a positive error. Upper limits are at one standard deviation; NaN unless above 0.
    flux_limit_sigma : ndarray of shape (n, n_bands)
        Number of standard deviations at which the limits were given; NaN in bands without.
    cutout_bands : tuple of str
        Bands of the cutouts.
    cutout, cutout_err : ndarray of shape (n, n_cutout_bands, ny, nx)
        Images in nJy per pixel, in single precision if the input was; errors are NaN if unknown.
    cutout_mask : ndarray of bool of shape (n, n_cutout_bands, ny, nx)
        True for bad pixels. Errors and masks that no band has take no memory, and are read-only.
    wavelength : ndarray of shape (n, n_wave)
        Observed wavelength in Angstrom.
    spectrum_flux, spectrum_flux_err : ndarray of shape (n, n_wave)
        Spectrum in erg/s/cm2/Angstrom; NaN if a pixel is unusable.
    features : ndarray of shape (n, p)
        Plain features of a 2-D array.
    lines : tuple of str
        Emission lines, names of `~dustest.data.LINES`.
    line, line_err, line_limit, line_limit_sigma : ndarray of shape (n, n_lines)
        Fluxes of lines in erg/s/cm2, like those of bands.
    magnification, magnification_err : ndarray of shape (n,)
        Magnification by a lens; NaN if unknown.
    redshift_grid, redshift_density : ndarray of shape (n, n_z)
        Redshifts, and the probability density at them.
    redshift_samples : ndarray of shape (n, n_samples)
        Draws from the probability density of the redshift.
    ra, dec, foreground_ebv : ndarray of shape (n,)
        Position in deg and colour excess of the Milky Way in mag, for estimators that require
        ``"position"`` or ``"foreground"``.
    """

    arrays: dict
    items: dict
    seed: np.ndarray
    error_floor: float = 0.0
    keeps_data: bool = False

    def __len__(self):
        return len(self.seed)

    def __getattr__(self, name):
        # Pickle looks up special names before any attribute exists.
        if not name.startswith("_"):
            for found in (self.arrays, self.items):
                if name in found:
                    return found[name]
            return self._absent(name)
        raise AttributeError(name)

    def _absent(self, name):
        """Arrays of a kind that the sample does not have, and the rows that have a kind."""
        for kind in KINDS.values():
            if name == f"has_{kind.name}":
                return self._has(kind)
            if kind.items == name:
                return ()
            for column in kind.arrays:
                if column.attribute == name:
                    return _blank(kind, column, len(self))
        msg = f"a Batch has no {name!r}: {did_you_mean(name, self.arrays)}"
        raise AttributeError(msg.rstrip(": "))

    def _has(self, kind):
        """Rows with a usable value of a kind."""
        masks = [getattr(self, one.attribute) for one in kind.with_role("mask")]
        values = [getattr(self, one.attribute) for one in kind.values]
        return np.any([_has_good(array, *masks) for array in values], axis=0)

    def __getitem__(self, rows):
        """Select rows (mask, slice or integer array)."""
        seed = self.seed[rows]
        arrays = {
            name: _repeated(value, len(seed)) if is_constant(value) else value[rows]
            for name, value in self.arrays.items()
        }
        return replace(self, arrays=arrays, seed=seed)

    def changed(self, **changes):
        """Replace arrays, or names of bands or lines.

        Parameters
        ----------
        **changes : ndarray of shape (n, ...) or tuple of str
            By name of the attribute.

        Returns
        -------
        batch : Batch
            A new batch.
        """
        arrays = {k: v for k, v in changes.items() if isinstance(v, np.ndarray)}
        items = {k: v for k, v in changes.items() if k not in arrays}
        return replace(self, arrays=self.arrays | arrays, items=self.items | items)

    def row_keys(self, fingerprint=""):
        """Compute a digest of each galaxy's data.

        Parameters
        ----------
        fingerprint : str, optional
            Everything else that a result depends on.

        Returns
        -------
        keys : list of bytes
            20 bytes per galaxy, equal for equal data and fingerprint.
        """
        return self._digests(fingerprint.encode(), KEY_BYTES)

    def seeded(self, base_seed):
        """Give each galaxy a seed, made from its data and the seed of the run.

        Parameters
        ----------
        base_seed : int
            Seed of the run.

        Returns
        -------
        batch : Batch
            The same galaxies.
        """
        base = int(base_seed).to_bytes(16, "little")
        digests = self._digests(base, _SEED_BYTES, most_values=_SEED_VALUES)
        return replace(self, seed=np.frombuffer(b"".join(digests), dtype=np.uint64))

    def _digests(self, prefix, n_bytes, most_values=None):
        """Digest of each galaxy, of its data or of some of its values."""
        columns = {
            name: value.reshape(len(self), -1)
            for name, value in self.arrays.items()
            if value.size and not is_constant(value)
        }
        if most_values is not None:
            # An odd step avoids sampling the same columns of the stamps.
            steps = {name: value.shape[1] // most_values | 1 for name, value in columns.items()}
            columns = {name: value[:, :: steps[name]] for name, value in columns.items()}
        shapes = [(name, value.dtype.str, value.shape[1]) for name, value in columns.items()]
        others = [pair for pair in self.items.items() if pair[0] not in ("bands", "cutout_bands")]
        # The digests of rows with only photometry and cutouts are those of earlier versions.
        prefix += repr((self.bands, self.cutout_bands, *others, shapes)).encode()
        if self.error_floor:
            prefix += np.float64(self.error_floor).tobytes()
        if most_values is None:
            # The seeds of earlier versions are made with the whole prefix in each row.
            prefix = blake2b(prefix, digest_size=n_bytes).digest()
        memory, width = _row_bytes(prefix, columns.values(), len(self))
        starts = range(0, len(memory), width)
        return [
            blake2b(memory[start : start + width], digest_size=n_bytes).digest()
            for start in starts
        ]


def _always(kind, n_rows):
    """Arrays of a kind that a sample does not have, if they are in every batch."""
    names = kind.arrays if kind.name in _ALWAYS else ()
    return {one.attribute: _blank(kind, one, n_rows) for one in names}


def _blank(kind, column, n_rows):
    """Array of a column that a sample does not have."""
    if not kind.per and column.axes == 1:
        return np.full(n_rows, column.blank)
    n_axes = column.axes if kind.per else column.axes - 1
    return np.empty((n_rows, *(0,) * n_axes), dtype=column.blank.dtype)


def is_constant(array):
    """Whether an array repeats one value without using memory for it.

    Parameters
    ----------
    array : ndarray of any shape
        Such as the errors or masks of a `Batch` whose galaxies have none.

    Returns
    -------
    bool
        True if it does; never for one axis, nor without values.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators.run.batch import is_constant
    >>> is_constant(np.broadcast_to(np.nan, (2, 3))), is_constant(np.zeros((2, 3)))
    (True, False)
    """
    return array.ndim > 1 and array.size > 0 and not any(array.strides)


def _repeated(constant, n_rows):
    """The same constant with another number of rows."""
    return np.broadcast_to(constant[(0,) * constant.ndim], (n_rows, *constant.shape[1:]))


def _row_bytes(prefix, columns, n_rows):
    """Bytes of all rows, each with the prefix before its values, and the bytes of one."""
    parts = [np.broadcast_to(np.frombuffer(prefix, dtype=np.uint8), (n_rows, len(prefix)))]
    parts += [np.ascontiguousarray(values).view(np.uint8) for values in columns]
    table = np.concatenate(parts, axis=1)
    return memoryview(table).cast("B"), table.shape[1]


def _has_good(values, mask=False):
    """Rows with at least one value that is finite and not masked."""
    if values.ndim < 4:
        return _any_good(values, mask)
    # Most stamps have a good pixel in their middle row; few must be read in full.
    middle = values.shape[2] // 2
    line = np.s_[:, :, middle : middle + 1]
    found = _any_good(values[line], mask[line])
    rest = np.flatnonzero(~found)
    found[rest] = _any_good(values[rest], mask[rest])
    return found


def _any_good(values, mask):
    """Rows with at least one value that is finite and not masked, after reading all values."""
    return (np.isfinite(values) & ~np.asarray(mask)).any(axis=tuple(range(1, values.ndim)))


@dataclass(frozen=True)
class Estimates:
    """Result of a method for a batch.

    Parameters
    ----------
    samples : dict of str to ndarray of shape (n,), (n, m) or (1, m)
        By quantity: m equally weighted draws for each galaxy (or once, for all of them), where
        draws with the same number belong to the same model in every quantity; or point estimates,
        which have no percentiles. NaN rows have no estimate. R_V follows from A_V and E_BV and is
        left out.
    flags : ndarray of int of shape (n,), optional
        Bits of `~dustest.data.FLAGS`.
    extra : dict of str to ndarray of shape (n, ...), optional
        Further columns for the result; they may not have the names of columns of every result.
    parameters : dict of str to ndarray of shape (n, m), optional
        Draws of parameters of the model, joint with those of ``samples``, and of quantities that
        the result does not have. They are kept if draws are requested.
    data : dict of str to ndarray of shape (n, ...), optional
        Columns of the data that were fitted and of the model, which are kept with draws; they
        may be left out unless ``keeps_data`` of the batch is set.
    best : dict of str to ndarray of shape (n,), optional
        Quantities of ``samples`` of the best-fitting model, of estimators with
        ``has_best_fit``.
    """

    samples: dict
    flags: np.ndarray | None = None
    extra: dict = field(default_factory=dict)
    parameters: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    best: dict = field(default_factory=dict)


@dataclass(frozen=True)
class ExtraColumn:
    """A further column of the results of an estimator.

    Parameters
    ----------
    unit : Unit, optional
        Unit of its numbers.
    shape : tuple of int, optional
        Shape of one row.
    dtype : dtype, optional
        Type; rows without an estimate are NaN, 0, False or empty.
    magnified : {"linear", "log10"}, optional
        Whether the numbers, or 10 to their power, are proportional to the flux, so that they are
        corrected for the magnification of lensed galaxies.
    of_spectrum : bool, optional
        Whether a row has a number for each pixel of the spectra of the sample; samples without
        spectra do not have the column.

    Examples
    --------
    >>> from dustest.estimators import ExtraColumn
    >>> ExtraColumn(shape=(500,)).blank(2).shape
    (2, 500)
    """

    unit: object = None
    shape: tuple = ()
    dtype: object = float
    magnified: str | None = None
    of_spectrum: bool = False

    def with_pixels(self, n_pixels):
        """Column for spectra of a number of pixels.

        Parameters
        ----------
        n_pixels : int
            Number of pixels.

        Returns
        -------
        ExtraColumn
            Of their shape, or the same if it is not of spectra.

        Examples
        --------
        >>> from dustest.estimators import ExtraColumn
        >>> ExtraColumn(of_spectrum=True).with_pixels(300).blank(2).shape
        (2, 300)
        """
        return replace(self, shape=(n_pixels,)) if self.of_spectrum else self

    def blank(self, n_rows):
        """Make a column without estimates.

        Parameters
        ----------
        n_rows : int
            Number of rows.

        Returns
        -------
        column : ndarray of shape (n_rows, ...)
            NaN, or zero for types without NaN.
        """
        dtype = np.dtype(self.dtype)
        fill = np.nan if dtype.kind == "f" else np.zeros((), dtype)
        return np.full((n_rows, *self.shape), fill, dtype=dtype)


def make_batch(sample, rows=slice(None), requires=(), usable=None):
    """Convert some rows of a sample to plain arrays.

    Parameters
    ----------
    sample : GalaxySample
        Result of `~dustest.data.as_sample`.
    rows : slice or ndarray of int, optional
        Rows to convert.
    requires : iterable of str, optional
        Names of kinds that the method requires; adds kinds that are available on request only.
    usable : collection of str, optional
        Names of the kinds to convert; all by default.

    Returns
    -------
    batch : Batch
        The batch, without seeds.

    Raises
    ------
    InputError
        If cutouts of two bands differ in shape, or a surface brightness has no pixel scale.
    """
    sample = sample[rows]
    arrays, items = {}, {}
    for kind in _ordered_kinds():
        if kind.on_request and kind.name not in requires:
            continue
        if usable is not None and kind.name not in usable:
            arrays |= _always(kind, len(sample))
        elif kind.per:
            names = kind.items_in(sample)
            if names:
                items[kind.items] = names
                arrays |= _usable(kind, _stacks(kind, sample, names))
        elif kind.is_in(sample):
            arrays |= _usable(kind, _columns(kind, sample))
        else:
            arrays |= _always(kind, len(sample))
    seed = np.zeros(len(sample), dtype=np.uint64)
    return Batch(arrays, items, seed, error_floor(sample))


def _ordered_kinds():
    """Kinds in an order that does not depend on when plugins were loaded."""
    added = KINDS.added()
    return [*list(KINDS.values())[: len(KINDS) - len(added)], *sorted(added, key=_name)]


def _name(kind):
    """Name of a kind."""
    return kind.name


def _columns(kind, sample):
    """Arrays of a kind with one column for all galaxies."""
    return {
        one.attribute: _bare(sample, one, one.name)
        if one.name in sample.colnames
        else _blank(kind, one, len(sample))
        for one in kind.arrays
    }


def _stacks(kind, sample, items):
    """Arrays of a kind with a column for each band or line, shape (n, n_items, ...)."""
    shapes = {sample[kind.column_name(kind.values[0], item)].shape for item in items}
    if len(shapes) > 1:
        found = sorted(shape[1:] for shape in shapes)
        msg = f"{kind.name}s of all {kind.per}s must have the same shape, got {found}"
        raise InputError(msg)
    shape = shapes.pop()
    arrays = {one.attribute: _stack(kind, one, sample, items, shape) for one in kind.arrays}
    for one in kind.with_role("limit"):
        arrays[f"{one.attribute}_sigma"] = _limit_sigmas(kind, one, sample, items)
    return arrays


def _limit_sigmas(kind, column, sample, items):
    """Numbers of standard deviations of limits, (n, n_items); NaN where none is given."""
    names = [kind.column_name(column, item) for item in items]
    sigmas = [limit_sigma(sample[n], n) if n in sample.colnames else np.nan for n in names]
    shape = (len(sample), len(names))
    if np.all(np.isnan(sigmas)):
        return np.broadcast_to(np.nan, shape)
    return np.broadcast_to(sigmas, shape).copy()


def _stack(kind, column, sample, items, shape):
    """Array of one column of all bands or lines; a constant without memory if none has it."""
    names = [kind.column_name(column, item) for item in items]
    if not set(names) & set(sample.colnames):
        return np.broadcast_to(column.blank, (shape[0], len(names), *shape[1:]))
    parts = [
        _bare(sample, column, name)
        if name in sample.colnames
        else np.broadcast_to(column.blank, shape)
        for name in names
    ]
    return np.stack(parts, axis=1)


def _bare(sample, column, name):
    """Values of a column without unit; upper limits are at one standard deviation."""
    if column.bare is not None:
        return column.bare(sample, name)
    found = sample[name]
    values = found if column.unit is None else found.to_value(column.unit)
    values = np.asarray(values, dtype=bool if column.role == "mask" else float)
    return values / limit_sigma(found, name) if column.role == "limit" else values


def _usable(kind, arrays):
    """Arrays with NaN for unusable limits, and for values and errors if both are required."""
    for limit in kind.with_role("limit"):
        values = arrays[limit.attribute]
        if not np.all(np.isnan(values)):
            good = np.isfinite(values) & (values > 0)
            arrays[limit.attribute] = np.where(good, values, np.nan)
    for error in kind.with_role("error"):
        if error.required:
            value = kind.values[0].attribute
            flux, err = arrays[value], arrays[error.attribute]
            good = np.isfinite(flux) & np.isfinite(err) & (err > 0)
            arrays[value] = np.where(good, flux, np.nan)
            arrays[error.attribute] = np.where(good, err, np.nan)
    return arrays


def error_floor(sample):
    """Relative error that was added to the photometry of a sample.

    Parameters
    ----------
    sample : GalaxySample
        Its ``meta`` has ``error_floor``, in upper or lower case.

    Returns
    -------
    floor : float
        Zero if none was added.

    Raises
    ------
    InputError
        If ``error_floor`` is not a fraction.

    Examples
    --------
    >>> from dustest.data.containers.sample import GalaxySample
    >>> from dustest.estimators.run.batch import error_floor
    >>> error_floor(GalaxySample({"id": [1]}, meta={"error_floor": 0.05}))
    0.05
    """
    named = [value for key, value in sample.meta.items() if str(key).lower() == "error_floor"]
    floor = named[0] if named and named[0] is not None else 0.0
    if is_number(floor) and 0.0 <= floor <= 1.0:
        return float(floor)
    msg = f"meta['error_floor'] of the sample must be a fraction of the flux, got {floor!r}"
    raise InputError(msg)
