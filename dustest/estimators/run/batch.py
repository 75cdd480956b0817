"""What a backend gets (`Batch`) and gives back (`Estimates`): bare arrays of declared units."""

from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from numbers import Real

import numpy as np
from astropy import units as u

from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT
from dustest.data.errors import InputError

__all__ = ["Batch", "Estimates", "ExtraColumn", "error_floor", "is_constant", "make_batch"]

_ROW_KEY_BYTES = 16
_SEED_BYTES = 8
_STAMP_AXES = (1, 2, 3)
_UNKNOWN, _NOT_MASKED = np.float32(np.nan), np.False_
_SEED_VALUES = 128
"""About so many numbers of each column make the seed of a galaxy: enough to tell galaxies apart,
while a digest of all pixels would take a fair part of the time of a network."""


@dataclass(frozen=True)
class Batch:
    """Some galaxies as bare float arrays; what a sample lacks has an axis of length 0.

    Parameters
    ----------
    redshift, redshift_err : ndarray of shape (n,)
        Redshift and its standard deviation; NaN where unknown.
    pixel_scale : ndarray of shape (n,)
        Side of the pixels of the cutouts in arcsec; NaN where unknown.
    bands : tuple of str
        Bands of the photometry.
    flux, flux_err : ndarray of shape (n, n_bands)
        Photometry in nJy. Both are NaN where a band is unusable: missing, not finite, or
        without a positive error.
    cutout_bands : tuple of str
        Bands of the cutouts.
    cutout, cutout_err : ndarray of shape (n, n_cutout_bands, ny, nx)
        Images in nJy per pixel, in single precision where they came so; errors are NaN where
        unknown.
    cutout_mask : ndarray of bool of shape (n, n_cutout_bands, ny, nx)
        True where a pixel is bad. Errors and masks that no band has take no memory, and cannot be
        written to.
    wavelength : ndarray of shape (n, n_wave)
        Observed wavelength in Angstrom.
    spectrum_flux, spectrum_flux_err : ndarray of shape (n, n_wave)
        Spectrum in erg/s/cm2/Angstrom; NaN where a pixel is unusable.
    features : ndarray of shape (n, p)
        Plain features of a 2-D array.
    seed : ndarray of uint64 of shape (n,)
        One seed a galaxy, made from its data and the run's seed, so that neither the order
        of the rows nor the number of workers changes a random draw.
    error_floor : float
        Relative error of the photometry that its errors include already.
    """

    redshift: np.ndarray
    redshift_err: np.ndarray
    pixel_scale: np.ndarray
    bands: tuple
    flux: np.ndarray
    flux_err: np.ndarray
    cutout_bands: tuple
    cutout: np.ndarray
    cutout_err: np.ndarray
    cutout_mask: np.ndarray
    wavelength: np.ndarray
    spectrum_flux: np.ndarray
    spectrum_flux_err: np.ndarray
    features: np.ndarray
    seed: np.ndarray
    error_floor: float = 0.0

    def __len__(self):
        return len(self.redshift)

    def __getitem__(self, rows):
        """The same for some of the rows (mask, slice or integer array)."""
        n_rows = len(self.redshift[rows])
        arrays = {
            name: _repeated(value, n_rows) if is_constant(value) else value[rows]
            for name, value in self._columns().items()
        }
        return replace(self, **arrays)

    def _columns(self):
        """The arrays by name, without the names of the bands."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    def row_keys(self):
        """Digest each galaxy's data.

        Returns
        -------
        keys : list of bytes
            16 bytes a galaxy, the same wherever its data are the same.
        """
        return self._digests(b"", _ROW_KEY_BYTES)

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
        """Digest of each galaxy, of its data or of some numbers spread over them."""
        columns = {
            name: value.reshape(len(self), -1)
            for name, value in self._columns().items()
            if name != "seed" and value.size and not is_constant(value)
        }
        if most_values is not None:
            # An odd step, so that it does not stay in some columns of the stamps.
            steps = {name: value.shape[1] // most_values | 1 for name, value in columns.items()}
            columns = {name: value[:, :: steps[name]] for name, value in columns.items()}
        kinds = [(name, value.dtype.str, value.shape[1]) for name, value in columns.items()]
        prefix += repr((self.bands, self.cutout_bands, kinds)).encode()
        if self.error_floor:
            prefix += np.float64(self.error_floor).tobytes()
        memory, width = _row_bytes(prefix, columns.values(), len(self))
        starts = range(0, len(memory), width)
        return [
            blake2b(memory[start : start + width], digest_size=n_bytes).digest()
            for start in starts
        ]

    @property
    def has_flux(self):
        """Whether any band of a galaxy is usable (ndarray of bool of shape (n,))."""
        return np.isfinite(self.flux).any(axis=1)

    @property
    def has_cutout(self):
        """Whether any pixel of a galaxy is usable (ndarray of bool of shape (n,))."""
        middle = self.cutout.shape[2] // 2
        line = np.s_[:, :, middle : middle + 1]
        found = _has_good(self.cutout[line], self.cutout_mask[line])
        # Few stamps have to be read whole.
        rest = np.flatnonzero(~found)
        found[rest] = _has_good(self.cutout[rest], self.cutout_mask[rest])
        return found

    @property
    def has_spectrum(self):
        """Whether any spectral pixel is usable (ndarray of bool of shape (n,))."""
        return np.isfinite(self.spectrum_flux).any(axis=1)

    @property
    def has_features(self):
        """Whether any feature is known (ndarray of bool of shape (n,))."""
        return np.isfinite(self.features).any(axis=1)

    @property
    def has_redshift(self):
        """Whether the redshift is known (ndarray of bool of shape (n,))."""
        return np.isfinite(self.redshift)


def is_constant(array):
    """Tell whether an array repeats one value without the memory for it.

    Parameters
    ----------
    array : ndarray of any shape
        Such as the errors or masks of a `Batch` whose galaxies have none.

    Returns
    -------
    bool
        Whether it does; never for one axis, nor without values.

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
    """Memory of all rows, each with the prefix before its values, and the bytes of one."""
    parts = [np.broadcast_to(np.frombuffer(prefix, dtype=np.uint8), (n_rows, len(prefix)))]
    parts += [np.ascontiguousarray(values).view(np.uint8) for values in columns]
    table = np.concatenate(parts, axis=1)
    return memoryview(table).cast("B"), table.shape[1]


def _has_good(pixels, mask):
    """Rows with any pixel that is finite and not masked."""
    return (np.isfinite(pixels) & ~mask).any(axis=tuple(range(1, pixels.ndim)))


@dataclass(frozen=True)
class Estimates:
    """What a backend found for a batch.

    Parameters
    ----------
    samples : dict of str to ndarray of shape (n,), (n, m) or (1, m)
        By quantity: m equally weighted draws for each galaxy (or once, for all of them), the
        same draw number meaning the same model in every quantity; or bare point estimates,
        which have no percentiles. NaN rows have no answer. R_V follows from A_V and E_BV and
        is left out.
    flags : ndarray of int of shape (n,), optional
        Bits of `~dustest.data.FLAGS`.
    extra : dict of str to ndarray of shape (n, ...), optional
        Further columns for the result; not named as those that every result has.
    """

    samples: dict
    flags: np.ndarray | None = None
    extra: dict = field(default_factory=dict)


@dataclass(frozen=True)
class ExtraColumn:
    """A further column that the results of an estimator have, whatever its rows are.

    Parameters
    ----------
    unit : Unit, optional
        Unit of its numbers.
    shape : tuple of int, optional
        Shape of one row.
    dtype : dtype, optional
        Type; rows without an answer are NaN, 0, False or empty.

    Examples
    --------
    >>> from dustest.estimators import ExtraColumn
    >>> ExtraColumn(shape=(500,)).blank(2).shape
    (2, 500)
    """

    unit: object = None
    shape: tuple = ()
    dtype: object = float

    def blank(self, n_rows):
        """Make a column without answers.

        Parameters
        ----------
        n_rows : int
            Number of rows.

        Returns
        -------
        column : ndarray of shape (n_rows, ...)
            NaN, or zero where numbers have no NaN.
        """
        dtype = np.dtype(self.dtype)
        fill = np.nan if dtype.kind == "f" else np.zeros((), dtype)
        return np.full((n_rows, *self.shape), fill, dtype=dtype)


def make_batch(sample, rows=slice(None)):
    """Bare arrays of some rows of a sample.

    Parameters
    ----------
    sample : GalaxySample
        From `~dustest.data.as_sample`.
    rows : slice or ndarray of int, optional
        Rows to take.

    Returns
    -------
    batch : Batch
        Without seeds.

    Raises
    ------
    InputError
        If cutouts of two bands differ in shape, or a surface brightness has no pixel scale.
    """
    sample = sample[rows]
    n_rows = len(sample)
    flux, flux_err = _photometry(sample)
    spectrum, spectrum_err = _usable(
        _array(sample, "spectrum_flux", SPECTRAL_UNIT),
        _array(sample, "spectrum_flux_err", SPECTRAL_UNIT),
    )
    cutouts = sample.cutout_bands
    return Batch(
        redshift=_vector(sample, "redshift"),
        redshift_err=_vector(sample, "redshift_err"),
        pixel_scale=_vector(sample, "pixel_scale", u.arcsec),
        bands=sample.bands,
        flux=flux,
        flux_err=flux_err,
        cutout_bands=cutouts,
        cutout=_stamps(sample, "cutout", cutouts, _UNKNOWN),
        cutout_err=_stamps(sample, "cutout_err", cutouts, _UNKNOWN),
        cutout_mask=_stamps(sample, "cutout_mask", cutouts, _NOT_MASKED),
        wavelength=_array(sample, "spectrum_wavelength", u.AA),
        spectrum_flux=spectrum,
        spectrum_flux_err=spectrum_err,
        features=_array(sample, "features", None),
        seed=np.zeros(n_rows, dtype=np.uint64),
        error_floor=error_floor(sample),
    )


def error_floor(sample):
    """Relative error that was added to the photometry of a sample when it was read.

    Parameters
    ----------
    sample : GalaxySample
        Its ``meta`` has ``error_floor``, in whatever case a file format writes it.

    Returns
    -------
    floor : float
        Zero where none was added.

    Raises
    ------
    InputError
        If what ``meta`` has is not a fraction.

    Examples
    --------
    >>> from dustest.data.containers.sample import GalaxySample
    >>> from dustest.estimators.run.batch import error_floor
    >>> error_floor(GalaxySample({"id": [1]}, meta={"error_floor": 0.05}))
    0.05
    """
    named = [value for key, value in sample.meta.items() if str(key).lower() == "error_floor"]
    floor = named[0] if named and named[0] is not None else 0.0
    if isinstance(floor, Real) and 0.0 <= floor <= 1.0:
        return float(floor)
    msg = f"meta['error_floor'] of the sample must be a fraction of the flux, got {floor!r}"
    raise InputError(msg)


def _photometry(sample):
    """Flux and error in nJy, both NaN where unusable."""
    empty = np.empty((len(sample), 0))
    stacks = [
        [sample[f"{kind}_{band}"].to_value(FLUX_UNIT) for band in sample.bands]
        for kind in ("flux", "flux_err")
    ]
    return _usable(*(np.stack(stack, axis=1) if stack else empty for stack in stacks))


def _usable(flux, error):
    """Flux and error with NaN in both where either cannot be used."""
    good = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    return np.where(good, flux, np.nan), np.where(good, error, np.nan)


def _vector(sample, name, unit=None):
    """One number a row, in a unit or without; NaN where the column is absent."""
    if name not in sample.colnames:
        return np.full(len(sample), np.nan)
    column = sample[name]
    return np.asarray(column if unit is None else column.to_value(unit), dtype=float)


def _array(sample, name, unit):
    """A 2-D column as floats in a unit; no columns where it is absent."""
    if name not in sample.colnames:
        return np.empty((len(sample), 0))
    column = sample[name]
    return np.asarray(column if unit is None else column.to_value(unit), dtype=float)


def _stamps(sample, kind, bands, missing):
    """Images of all bands, shape (n, n_bands, ny, nx), in nJy per pixel."""
    shapes = {sample[f"cutout_{band}"].shape[1:] for band in bands}
    if len(shapes) > 1:
        msg = f"cutouts of all bands must have the same shape, got {sorted(shapes)}"
        raise InputError(msg)
    if not bands:
        return np.empty((len(sample), 0, 0, 0), dtype=missing.dtype)
    shape = (len(sample), *shapes.pop())
    names = [f"{kind}_{band}" for band in bands]
    if not set(names) & set(sample.colnames):
        return np.broadcast_to(missing, (shape[0], len(bands), *shape[1:]))
    stack = [
        _stamp(sample, name) if name in sample.colnames else np.broadcast_to(missing, shape)
        for name in names
    ]
    return np.stack(stack, axis=1)


def _stamp(sample, name):
    """Images of one band as bare numbers, in single precision where they came so."""
    column = sample[name]
    unit = getattr(column, "unit", None)
    values = np.asarray(column)
    if values.dtype.kind == "b":
        return values
    values = values.astype(np.result_type(values.dtype, _UNKNOWN.dtype), copy=False)
    if unit is None:
        return values
    if unit.is_equivalent(FLUX_UNIT):
        factor = unit.to(FLUX_UNIT)
    else:
        factor = _pixel_area(sample, name, unit).astype(values.dtype)[:, None, None]
    return values if np.all(factor == 1.0) else values * factor


def _pixel_area(sample, name, unit):
    """What turns a surface brightness into nJy per pixel, a number a row."""
    if "pixel_scale" not in sample.colnames:
        msg = (
            f"column {name} is a surface brightness ({unit}), so the sample needs a column "
            "pixel_scale in arcsec to turn it into a flux per pixel"
        )
        raise InputError(msg)
    return (sample["pixel_scale"] ** 2 * unit).to_value(FLUX_UNIT)
