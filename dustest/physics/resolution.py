"""Resolving power of spectrographs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dustest.data.checks.numbers import check_number, is_number
from dustest.data.checks.records import check_ascending
from dustest.data.registry import Registry
from dustest.physics._values import as_angstrom

__all__ = ["DISPERSERS", "Disperser", "line_width", "register_disperser", "resolving_power"]

FWHM_PER_SIGMA = np.sqrt(8.0 * np.log(2.0))
"""Full width at half maximum of a Gaussian over its standard deviation."""
PIXELS_PER_ELEMENT = 2.2
"""Pixels of NIRSpec in an element of resolution."""
_PRISM = (0.256, -0.844, 0.29, 1.886, -0.617, 3.459)
"""ln R of the prism, as a polynomial in ln(wavelength / micron)."""


@dataclass(frozen=True)
class Disperser:
    """A grating or prism of a spectrograph.

    Parameters
    ----------
    name : str
        Name, such as ``"G395M"``.
    wavelength_range : tuple of float
        Observed-frame ends in micron. Beyond them the resolving power is that at the end.
    power : callable
        ``power(micron)`` returns the wavelength over the full width at half maximum of the
        line-spread function, for an ndarray of wavelengths in micron.
    aliases : tuple of str, optional
        Other names.
    references : tuple of str, optional
        Keys of references of dustest, or BibTeX entries.

    Raises
    ------
    InputError
        If the range does not ascend.

    Examples
    --------
    >>> from dustest.physics import DISPERSERS
    >>> DISPERSERS["g395m"].wavelength_range
    (2.87, 5.27)
    """

    name: str
    wavelength_range: tuple
    power: Callable
    aliases: tuple = ()
    references: tuple = ()

    def __post_init__(self):
        check_ascending(self.wavelength_range, f"wavelength_range of disperser {self.name!r}")


@dataclass(frozen=True)
class _ConstantWidth:
    """Resolving power where an element of resolution has the same width at all wavelengths."""

    micron_per_pixel: float

    def __call__(self, micron):
        return micron / (PIXELS_PER_ELEMENT * self.micron_per_pixel)


def _prism_power(micron):
    """Resolving power of the prism of NIRSpec."""
    return np.exp(np.polyval(_PRISM, np.log(micron)))


def _grating(name, low, high, micron_per_pixel):
    """A grating of NIRSpec."""
    power = _ConstantWidth(micron_per_pixel)
    return Disperser(name, (low, high), power, references=("Jakobsen2022",))


PRISM = Disperser("prism", (0.6, 5.3), _prism_power, references=("Jakobsen2022",))
"""The prism of NIRSpec."""

DISPERSERS = Registry(
    "disperser",
    Disperser,
    [
        PRISM,
        _grating("G140M", 0.7, 1.89, 0.00063),
        _grating("G235M", 1.66, 3.17, 0.00106),
        _grating("G395M", 2.87, 5.27, 0.00179),
        _grating("G140H", 0.7, 1.89, 0.000238),
        _grating("G235H", 1.66, 3.17, 0.000396),
        _grating("G395H", 2.87, 5.27, 0.000666),
    ],
)
"""Dispersers by name: the prism and the gratings of NIRSpec."""


def register_disperser(disperser):
    """Add a disperser, whose name is then known to `resolving_power` and `fit_lines`.

    Parameters
    ----------
    disperser : Disperser
        The disperser.

    Returns
    -------
    disperser : Disperser
        The same disperser.

    Raises
    ------
    InputError
        If its name or an alias is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.physics import Disperser, register_disperser, resolving_power
    >>> wide = Disperser("MOSFIRE", (0.97, 2.41), lambda micron: np.full_like(micron, 3500.0))
    >>> disperser = register_disperser(wide)
    >>> float(resolving_power(16500.0, "mosfire"))
    3500.0
    """
    return DISPERSERS.register(disperser)


def resolving_power(wavelength, disperser="prism"):
    r"""Wavelength over the width of an element of resolution.

    Parameters
    ----------
    wavelength : float, array_like, Column or `~astropy.units.Quantity`
        Observed-frame wavelengths; Angstrom if they have no unit. Beyond the range of the
        disperser they have the value at its end.
    disperser : str, Disperser or float, optional
        A `Disperser` or its name in ``DISPERSERS``: ``"prism"``, or a grating of NIRSpec,
        ``"G140M"``, ``"G235M"``, ``"G395M"``, ``"G140H"``, ``"G235H"`` or ``"G395H"``; or a
        resolving power that is the same at all wavelengths.

    Returns
    -------
    power : float or ndarray
        :math:`R = \lambda / \Delta\lambda`, where :math:`\Delta\lambda` is the full width at half
        maximum of the line-spread function.

    Raises
    ------
    InputError
        If a wavelength is not positive, or the disperser is unknown.

    Notes
    -----
    For a source that fills the shutter. R of the prism falls from 64 at 0.6 micron to 30 at 1.2
    and rises to 320 at 5.3; a polynomial of the fifth order in the logarithm of the wavelength
    agrees with the published curve to 1.6 per cent. An element of resolution of the gratings
    is 2.2 pixels at all wavelengths, so that R is proportional to the wavelength and 1,000 or
    2,700 near the centre of a grating. A compact source fills less than the shutter and is
    resolved better, by up to a factor of 1.5 to 2 [1]_.

    References
    ----------
    .. [1] Jakobsen et al. 2022, A&A 661, A80 (NIRSpec); de Graaff et al. 2024, A&A 684, A87.

    Examples
    --------
    >>> from dustest.physics import resolving_power
    >>> resolving_power([12000.0, 40000.0], "prism").round()
    array([ 30., 180.])
    >>> round(resolving_power(40000.0, "G395M"))
    1016
    """
    observed = as_angstrom(wavelength)
    if is_number(disperser):
        constant = check_number(disperser, "disperser", 0.0, above=True)
        return np.full(observed.shape, constant)[()]
    known = isinstance(disperser, Disperser)
    record = disperser if known else DISPERSERS.find(disperser, "disperser")
    return record.power(np.clip(1e-4 * observed, *record.wavelength_range))[()]


def line_width(wavelength, disperser="prism"):
    """Standard deviation of the line-spread function.

    Parameters
    ----------
    wavelength : float, array_like, Column or `~astropy.units.Quantity`
        Observed-frame wavelengths; Angstrom if they have no unit.
    disperser : str, Disperser or float, optional
        See `resolving_power`.

    Returns
    -------
    sigma : float or ndarray
        In Angstrom.

    Raises
    ------
    InputError
        If a wavelength is not positive, or the disperser is unknown.

    Examples
    --------
    >>> from dustest.physics import line_width
    >>> round(float(line_width(12000.0, "prism")))
    168
    """
    observed = as_angstrom(wavelength)
    return observed[()] / resolving_power(observed, disperser) / FWHM_PER_SIGMA
