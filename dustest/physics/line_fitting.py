r"""Fluxes of emission lines in a spectrum: Gaussians over a local continuum.

Windows around the lines that overlap are one segment. In a segment the continuum is linear, or
piecewise linear if it is long. Fluxes and continuum are linear parameters, which are solved for at
each step of a search for the shifts of the lines and their width. The covariance is that of all
parameters together, so that errors of blended lines include their degeneracy.
"""

from dataclasses import dataclass, field

import numpy as np
from astropy import constants
from astropy import units as u
from astropy.table import QTable
from scipy.optimize import least_squares
from scipy.special import ndtr
from scipy.stats import chi2 as chi_squared

from dustest.data.checks.units import SPECTRAL_UNIT
from dustest.data.checks.values import to_floats, to_flux_densities
from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.kinds import LINE_UNIT
from dustest.data.lines import LINES
from dustest.data.messages import not_one_of
from dustest.data.signal_to_noise import SNR_MIN
from dustest.physics._values import as_redshift
from dustest.physics.resolution import FWHM_PER_SIGMA, line_width

__all__ = ["fit_lines"]

_LEFT_OUT = ("Lya", "OII3729")
"""A line without a local continuum, and a doublet whose lines are fitted."""
_OTHERS = (3890.2, 3970.0, 5877.2, 7137.8)
"""Wavelengths in Angstrom of lines that are fitted by default, so that they do not raise the
continuum of others, and not reported: He I and H8, [Ne III] and H-epsilon, He I, [Ar III]."""
_WINDOW = 5.0
"""Half width of a window, in elements of resolution."""
_INTERVAL = 8.0
"""Length in elements of resolution of the pieces of a continuum."""
_SHARED = 1.0
"""Distance in elements of resolution below which lines have the same shift."""
_UNRESOLVED = 0.5
"""Distance in elements of resolution below which doublets have the flux ratio of thin gas."""
_LARGEST_SHIFT, _SHIFT_SPREAD = 1.0, 0.25
"""Bound and standard deviation of shifts, in elements of resolution."""
_AT_BOUND = 0.99
_STARTS = (0.0, -0.9, -0.6, -0.3, 0.3, 0.6, 0.9)
"""Shifts in elements of resolution from which the fit may start."""
_WIDTHS, _WIDTH, _WIDTH_SPREAD, _SAME_WIDTH = (0.4, 3.0), 0.85, 0.3, 0.1
"""Bounds of the width of lines over that of the line-spread function; its first value and standard
deviation; and the deviation between segments."""
_STRONG = 10.0
"""Signal-to-noise ratio of lines that fix width and shift of the others."""
_LEAST_PIXELS = 3
_LEAST_PROBABILITY = 1e-4
_STEP = 1e-4
_LIGHT = constants.c.to_value(u.km / u.s)


@dataclass(frozen=True)
class _Doublet:
    """A line whose flux is a fraction of that of another one.

    Parameters
    ----------
    weak, strong : str
        The lines.
    ratio : float
        Flux of the first over that of the second.
    always : bool
        Whether the ratio is fixed by atomic physics, not by the density of the gas.
    """

    weak: str
    strong: str
    ratio: float
    always: bool = True


_DOUBLETS = (
    # Storey & Zeippen 2000, MNRAS 312, 813.
    _Doublet("OIII4960", "OIII5008", 1.0 / 2.98),
    _Doublet("NII6550", "NII6585", 1.0 / 3.05),
    # Limits at low density: Osterbrock & Ferland 2006, section 5.6.
    _Doublet("OII3727", "OII3730", 1.0 / 1.45, always=False),
    _Doublet("SII6733", "SII6718", 1.0 / 1.45, always=False),
)


@dataclass(frozen=True)
class _Blend:
    """A line that is blended with a line of hydrogen at low resolution.

    Parameters
    ----------
    line, other : str
        The line, and that of hydrogen.
    ratio, spread : float
        Mean and standard deviation of the first flux over the second between galaxies.
    """

    line: str
    other: str
    ratio: float
    spread: float


# Our own choice: wide enough for star-forming galaxies of any metallicity.
_BLENDS = (_Blend("NII6585", "Ha", 0.2, 0.2), _Blend("OIII4364", "Hg", 0.15, 0.15))

_PARTNERS = {one.weak: one.strong for one in _DOUBLETS if one.always}


def fit_lines(spectrum, redshift, lines=None, *, disperser="prism"):
    r"""Measure emission lines of a spectrum.

    Each line is a Gaussian, integrated over the pixels, over a local continuum. Lines may be
    shifted by up to one element of resolution. Lines that are closer than that have a common
    shift. The fluxes of blended lines are fitted together.

    Parameters
    ----------
    spectrum : object
        Any object with Quantities ``wavelength`` (observed frame), ``flux`` and ``flux_err`` of
        shape (n_wave,), such as the result of `dustest.io.read_spectrum`.
    redshift : float
        Redshift of the galaxy.
    lines : str or sequence of str, optional
        Names in `~dustest.data.LINES`; by default all but Lyman-alpha. Name the neighbours of a
        line with it: the flux of a line that is left out is counted for its neighbours.
    disperser : str, Disperser or float, optional
        Disperser of the spectrograph, or resolving power, see
        `~dustest.physics.resolving_power`.

    Returns
    -------
    table : `~astropy.table.QTable`
        A row for each line, in the order of wavelengths: ``line``; ``flux``, ``flux_err``
        [erg/s/cm2]; ``wavelength``, ``sigma`` [Angstrom], centre and standard deviation of the
        Gaussian in the observed frame; ``shift``, ``shift_err`` [km/s] from the redshift;
        ``width``, ``width_err``, in units of the width of the line-spread function;
        ``continuum``, ``continuum_err`` [erg/s/cm2/Angstrom] at the line; ``ew``, ``ew_err``
        [Angstrom], the equivalent width in the rest frame, positive in emission; ``blended``,
        whether another line is within one element of resolution; ``tied_to``, the line that this
        one has its flux from by a ratio of the notes, else empty; ``chi2`` and ``n_pixels`` of
        the segment; ``flags``. Lines that the spectrum does not cover are NaN.

    Raises
    ------
    InputError
        If the spectrum has no members of fitting units, a line is unknown, or the redshift or the
        disperser is invalid.

    Notes
    -----
    The doublets [O III] 4960, 5008 and [N II] 6550, 6585 have flux ratios of 1:2.98 and 1:3.05
    [1]_. The doublets [O II] 3727, 3730 and [S II] 6718, 6733 have those of gas of low density
    where they are not resolved. [N II] 6585 and [O III] 4364 within half an element of H-alpha and
    H-gamma have ratios to them of 0.2 +- 0.2 and 0.15 +- 0.15. Shifts have a Gaussian prior of
    0.25 elements of resolution, around the mean shift of the lines with a signal-to-noise ratio
    above 10, since free shifts would find a peak of the noise for each weak line. The width over
    that of the line-spread function is common to the lines of a segment, and nearly so to all:
    sources that do not fill the shutter are resolved better. Errors are enlarged by
    sqrt(chi2 / dof) where that is above one.

    The flags, bits of `~dustest.data.FLAGS`, are ``NO_DATA`` for lines that are not covered,
    ``LOW_SNR`` below a signal-to-noise ratio of 5, ``AT_PRIOR_EDGE`` where a shift is at its
    bound, and ``POOR_FIT`` where the chi-squared of a segment has a probability below 1e-4.

    References
    ----------
    .. [1] Storey & Zeippen 2000, MNRAS 312, 813.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from dustest.physics import fit_lines, line_width
    >>> unit = u.Unit("erg / (s cm2 AA)")
    >>> wavelength = np.linspace(30_000.0, 40_000.0, 400)
    >>> centre = 6564.61 * 5.0
    >>> sigma = line_width(centre, "G395M")
    >>> line = np.exp(-0.5 * ((wavelength - centre) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)
    >>> flux, error = 2e-18 * line + 1e-21, np.full(400, 1e-21)
    >>> spectrum = SimpleNamespace(wavelength=wavelength * u.AA, flux=flux * unit,
    ...                            flux_err=error * unit)
    >>> table = fit_lines(spectrum, 4.0, ["Ha", "NII6585"], disperser="G395M")
    >>> print(table["line", "flux"][0]["line"], f"{table['flux'][0]:.1e}")
    Ha 2.0e-18 erg / (s cm2)
    """
    redshift = as_redshift(redshift)
    names = _line_names(lines)
    pixels = _pixels(spectrum)
    rest = {name: LINES[name].wavelength for name in names}
    rest |= {} if lines is not None else {str(one): one for one in _OTHERS}
    places = sorted(rest.items(), key=lambda pair: pair[1])
    marks = [_Mark(name, one * (1.0 + redshift), disperser) for name, one in places]
    covered = [mark for mark in marks if _covers(pixels, mark)]
    segments = [_Segment(pixels, group) for group in _groups(covered)]
    found = [_fit(segment, _Guide()) for segment in segments]
    guide = _Guide.of(found)
    found = [_fit(segment, guide) for segment in segments]
    rows = {name: row for one in found for name, row in one.rows(redshift).items()}
    return _table(names, rows)


def _line_names(lines):
    """Canonical names in the order of wavelengths."""
    asked = [name for name in LINES if name not in _LEFT_OUT] if lines is None else lines
    asked = [asked] if isinstance(asked, str) else list(asked)
    unknown = [name for name in asked if not isinstance(name, str) or name not in LINES]
    if unknown or not asked:
        raise InputError(not_one_of("lines", (unknown or [lines])[0], list(LINES)))
    names = {LINES[name].name for name in asked}
    return sorted(names, key=lambda name: LINES[name].wavelength)


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Usable pixels: centres, edges, flux densities and errors."""

    centre: np.ndarray
    low: np.ndarray
    high: np.ndarray
    flux: np.ndarray
    error: np.ndarray

    def __getitem__(self, chosen):
        parts = (self.centre, self.low, self.high, self.flux, self.error)
        return _Pixels(*(part[chosen] for part in parts))


def _pixels(spectrum):
    """Usable pixels of a spectrum."""
    members = [getattr(spectrum, name, None) for name in ("wavelength", "flux", "flux_err")]
    if any(getattr(values, "unit", None) is None for values in members):
        msg = (
            "spectrum must have wavelength, flux and flux_err with units of length and of "
            f"spectral flux density, as read_spectrum gives them, got {type(spectrum).__name__}"
        )
        raise InputError(msg)
    options = {"unit": u.AA, "equivalencies": u.spectral(), "sentinels": False}
    wavelength = to_floats(members[0], "wavelength", **options)
    flux, error = (
        to_flux_densities(values, name, wavelength * u.AA, unit=SPECTRAL_UNIT)
        for values, name in zip(members[1:], ("flux", "flux_err"), strict=True)
    )
    if wavelength.ndim != 1 or wavelength.size < _LEAST_PIXELS or wavelength.shape != flux.shape:
        msg = (
            "wavelength, flux and flux_err must be one-dimensional, of equal length and of at "
            f"least {_LEAST_PIXELS} pixels, got shapes {wavelength.shape}, {flux.shape} and "
            f"{error.shape}"
        )
        raise InputError(msg)
    order = np.argsort(wavelength)
    wavelength, flux, error = wavelength[order], flux[order], error[order]
    middle = 0.5 * (wavelength[1:] + wavelength[:-1])
    low = np.concatenate([[2.0 * wavelength[0] - middle[0]], middle])
    high = np.concatenate([middle, [2.0 * wavelength[-1] - middle[-1]]])
    good = np.isfinite(flux) & np.isfinite(error) & (error > 0) & (high > low)
    return _Pixels(wavelength, low, high, flux, error)[good]


class _Mark:
    """A line at its place in a spectrum."""

    def __init__(self, name, wavelength, disperser):
        self.name = name
        self.wavelength = wavelength
        self.sigma = float(line_width(wavelength, disperser))
        self.element = self.sigma * FWHM_PER_SIGMA


def _covers(pixels, mark):
    """Whether there are pixels at a line, on both sides of its centre."""
    near = np.abs(pixels.centre - mark.wavelength) < mark.element
    place = pixels.centre[near]
    enough = place.size >= _LEAST_PIXELS
    return enough and place[0] < mark.wavelength < place[-1]


def _groups(marks):
    """Lines whose windows overlap, and both lines of doublets with a fixed ratio."""
    by_name = {mark.name: mark for mark in marks}
    groups, reach = [], -np.inf
    for mark in marks:
        if mark.wavelength - _WINDOW * mark.element < reach:
            groups[-1].append(mark)
        else:
            groups.append([mark])
        partner = _PARTNERS.get(mark.name)
        ends = [one for one in (mark, by_name.get(partner)) if one is not None]
        reach = max(reach, *(one.wavelength + _WINDOW * one.element for one in ends))
    return groups


@dataclass(frozen=True)
class _Guide:
    """Expected shift and width of lines: shift over wavelength, width, and its deviation."""

    shift: float = 0.0
    width: float = _WIDTH
    width_spread: float = _WIDTH_SPREAD

    @classmethod
    def of(cls, fits):
        """Means over strong lines of all segments, weighted by their precision."""
        strong = [pair for one in fits for pair in one.strong_shifts()]
        widths = [one.width for one in fits if one.strong_shifts()]
        if not strong:
            return cls()
        shift, error = np.array(strong).T
        width, width_err = np.array(widths).T
        return cls(
            float(np.average(shift, weights=error**-2.0)),
            float(np.average(width, weights=width_err**-2.0)),
            _SAME_WIDTH,
        )


class _Segment:
    """Pixels around some lines, and the design of the fit to them.

    The nonlinear parameters are a shift for each set of close lines, in elements of resolution,
    and the width. The linear ones are the fluxes of independent lines and the continuum at knots.
    """

    def __init__(self, pixels, marks):
        self.marks = marks
        first, last = marks[0], marks[-1]
        low = first.wavelength - _WINDOW * first.element
        high = last.wavelength + _WINDOW * last.element
        self.pixels = pixels[(pixels.centre >= low) & (pixels.centre <= high)]
        centre = self.pixels.centre
        elements = (centre[-1] - centre[0]) / np.mean([mark.element for mark in marks])
        pieces = max(round(elements / _INTERVAL), 1)
        self.knots = np.linspace(centre[0], centre[-1], pieces + 1)
        self.continuum = self.hats(centre)
        self.sets = self._close_sets()
        self.parents, self.ratios = self._ties()
        self.free = [number for number, parent in enumerate(self.parents) if parent == number]
        self.priors = np.empty((0, len(self.free) + self.knots.size))
        self.tied_to = {
            marks[number].name: marks[parent].name
            for number, parent in enumerate(self.parents)
            if parent != number
        }
        blends = self._blends()
        self.tied_to |= {one.line: one.other for one in blends}
        self.priors = self._ratio_priors(blends)

    def _close_sets(self):
        """Number of the shift of each line."""
        sets = [0]
        for before, mark in zip(self.marks, self.marks[1:], strict=False):
            distance = (mark.wavelength - before.wavelength) / mark.element
            sets.append(sets[-1] + (distance >= _SHARED))
        names = [mark.name for mark in self.marks]
        for number, name in enumerate(names):
            if _PARTNERS.get(name) in names:
                sets[number] = sets[names.index(_PARTNERS[name])]
        return np.unique(sets, return_inverse=True)[1]

    def _ties(self):
        """Line whose flux that of each line is a multiple of, and the multiple."""
        names = [mark.name for mark in self.marks]
        parents, ratios = list(range(len(names))), [1.0] * len(names)
        for one in _DOUBLETS:
            if one.weak in names and one.strong in names:
                weak, strong = names.index(one.weak), names.index(one.strong)
                distance = abs(self.marks[weak].wavelength - self.marks[strong].wavelength)
                if one.always or distance < _UNRESOLVED * self.marks[weak].element:
                    parents[weak], ratios[weak] = strong, one.ratio
        return parents, ratios

    def _blends(self):
        """Lines that cannot be separated from a line of hydrogen."""
        marks = {self.marks[number].name: self.marks[number] for number in self.free}
        return [
            one
            for one in _BLENDS
            if one.line in marks
            and one.other in marks
            and abs(marks[one.line].wavelength - marks[one.other].wavelength)
            < _UNRESOLVED * marks[one.other].element
        ]

    def _ratio_priors(self, blends):
        """Rows of the design for the ratios of blends, over their spread."""
        names = [self.marks[number].name for number in self.free]
        rows = []
        for one in blends:
            row = np.zeros(self.priors.shape[1])
            row[names.index(one.line)], row[names.index(one.other)] = 1.0, -one.ratio
            rows.append(row / (one.spread * self._blend_flux(names.index(one.other), row)))
        return np.reshape(rows, (-1, self.priors.shape[1]))

    def _blend_flux(self, place, row):
        """Flux of a line of hydrogen, if its neighbour has the expected ratio."""
        start = np.append(np.zeros(max(self.sets) + 1), _WIDTH)
        matrix, data = self.design(start), self.pixels.flux / self.pixels.error
        tight = row * 1e6 * np.abs(matrix[:, place]).max()
        found = np.linalg.lstsq(np.vstack([matrix, tight]), np.append(data, 0.0))[0]
        error = 1.0 / np.sqrt(np.sum(np.square(matrix[:, place])))
        return max(abs(found[place]), error)

    def hats(self, wavelength):
        """Basis of the piecewise linear continuum, (n_wave, n_knots)."""
        wavelength = np.atleast_1d(wavelength)
        return np.stack(
            [np.interp(wavelength, self.knots, one) for one in np.eye(self.knots.size)], axis=1
        )

    def profiles(self, parameters):
        """Mean flux density in each pixel of lines of unit flux, (n_pixels, n_lines)."""
        pixels = self.pixels
        wavelength = np.array([mark.wavelength for mark in self.marks])
        element = np.array([mark.element for mark in self.marks])
        centre = wavelength + parameters[self.sets] * element
        sigma = np.array([mark.sigma for mark in self.marks]) * parameters[-1]
        inside = ndtr((pixels.high[:, None] - centre) / sigma)
        inside -= ndtr((pixels.low[:, None] - centre) / sigma)
        return inside / (pixels.high - pixels.low)[:, None]

    def design(self, parameters):
        """Matrix of the linear parameters over the errors, (n_pixels, n_free + n_knots)."""
        profiles = self.profiles(parameters)
        lines = np.zeros_like(profiles)
        for number, (parent, ratio) in enumerate(zip(self.parents, self.ratios, strict=True)):
            lines[:, parent] += ratio * profiles[:, number]
        matrix = np.concatenate([lines[:, self.free], self.continuum], axis=1)
        return matrix / self.pixels.error[:, None]

    def solve(self, parameters):
        """Best linear parameters, and the residuals over the errors of pixels and ratios."""
        matrix = np.concatenate([self.design(parameters), self.priors])
        data = np.append(self.pixels.flux / self.pixels.error, np.zeros(len(self.priors)))
        scale = np.sqrt(np.sum(np.square(matrix), axis=0))
        scale[scale == 0.0] = 1.0
        linear = np.linalg.lstsq(matrix / scale, data)[0] / scale
        return linear, data - matrix @ linear


def _fit(segment, guide):
    """Fit a segment."""
    elements = np.array([mark.element for mark in segment.marks])
    wavelength = np.array([mark.wavelength for mark in segment.marks])
    number = np.bincount(segment.sets)
    expected = guide.shift * np.bincount(segment.sets, wavelength / elements) / number
    expected = np.clip(expected, -0.9 * _LARGEST_SHIFT, 0.9 * _LARGEST_SHIFT)
    centre = np.append(expected, guide.width)
    spread = np.append(np.full(expected.size, _SHIFT_SPREAD), guide.width_spread)
    low = np.append(np.full(expected.size, -_LARGEST_SHIFT), _WIDTHS[0])
    high = np.append(np.full(expected.size, _LARGEST_SHIFT), _WIDTHS[1])

    def residuals(parameters):
        return np.concatenate([segment.solve(parameters)[1], (parameters - centre) / spread])

    # A line that is shifted by its width is not found from zero.
    starts = [np.append(np.clip(expected + one, low[0], high[0]), centre[-1]) for one in _STARTS]
    start = min(starts, key=lambda one: np.sum(np.square(residuals(one))))
    start = np.clip(start, 0.999 * low + 0.001 * high, 0.001 * low + 0.999 * high)
    best = least_squares(residuals, start, bounds=(low, high)).x
    return _Fit.at(segment, best, spread)


@dataclass(frozen=True, eq=False)
class _Fit:
    """A fitted segment: parameters, their covariance and chi-squared."""

    segment: _Segment
    parameters: np.ndarray
    linear: np.ndarray
    covariance: np.ndarray
    chi2: float
    dof: int = field(default=0)

    @classmethod
    def at(cls, segment, parameters, spread):
        """Fit at the best parameters, with the covariance of linear and nonlinear ones."""
        linear, residuals = segment.solve(parameters)
        residuals = residuals[: segment.pixels.centre.size]
        slopes = [_slope(segment, parameters, linear, n) for n in range(parameters.size)]
        jacobian = np.concatenate([segment.design(parameters), np.stack(slopes, axis=1)], axis=1)
        prior = np.append(np.zeros(linear.size), spread**-2.0)
        information = jacobian.T @ jacobian + np.diag(prior)
        information[: linear.size, : linear.size] += segment.priors.T @ segment.priors
        scale = np.sqrt(np.diag(information))
        scale[scale == 0.0] = 1.0
        covariance = np.linalg.pinv(information / np.outer(scale, scale), hermitian=True)
        covariance /= np.outer(scale, scale)
        chi2 = float(residuals @ residuals)
        dof = max(residuals.size - linear.size - parameters.size, 1)
        return cls(segment, parameters, linear, covariance * max(chi2 / dof, 1.0), chi2, dof)

    @property
    def width(self):
        """Width over that of the line-spread function, and its error."""
        return float(self.parameters[-1]), float(np.sqrt(self.covariance[-1, -1]))

    def shift(self, number):
        """Shift of a line in elements of resolution, and its error."""
        place = self.segment.sets[number]
        index = self.linear.size + place
        return float(self.parameters[place]), float(np.sqrt(self.covariance[index, index]))

    def flux(self, number):
        """Place of the flux of a line among the parameters, the flux and its error."""
        parent, ratio = self.segment.parents[number], self.segment.ratios[number]
        place = self.segment.free.index(parent)
        error = ratio * np.sqrt(self.covariance[place, place])
        return place, ratio * float(self.linear[place]), float(error)

    def strong_shifts(self):
        """Shifts over wavelengths, with errors, of lines with a high signal-to-noise ratio."""
        found = []
        for number in self.segment.free:
            _, flux, error = self.flux(number)
            if flux > _STRONG * error:
                mark = self.segment.marks[number]
                found.append(np.array(self.shift(number)) * mark.element / mark.wavelength)
        return found

    def rows(self, redshift):
        """Results of all lines, by name."""
        return {mark.name: self._row(n, redshift) for n, mark in enumerate(self.segment.marks)}

    def _row(self, number, redshift):
        """Result of one line."""
        mark = self.segment.marks[number]
        place, flux, error = self.flux(number)
        shift, shift_err = self.shift(number)
        basis = np.zeros(self.parameters.size + self.linear.size)
        knots = slice(len(self.segment.free), self.linear.size)
        basis[knots] = self.segment.hats(mark.wavelength)[0]
        continuum = float(basis[: self.linear.size] @ self.linear) or np.nan
        change = -flux / continuum**2 * basis
        change[place] = self.segment.ratios[number] / continuum
        to_velocity = _LIGHT * mark.element / mark.wavelength
        flags = {
            "LOW_SNR": flux < SNR_MIN * error,
            "AT_PRIOR_EDGE": abs(shift) > _AT_BOUND * _LARGEST_SHIFT,
            "POOR_FIT": chi_squared.sf(self.chi2, self.dof) < _LEAST_PROBABILITY,
        }
        near = [abs(one.wavelength - mark.wavelength) < mark.element for one in self.segment.marks]
        return {
            "flux": flux,
            "flux_err": error,
            "wavelength": mark.wavelength + shift * mark.element,
            "sigma": mark.sigma * self.width[0],
            "shift": shift * to_velocity,
            "shift_err": shift_err * to_velocity,
            "width": self.width[0],
            "width_err": self.width[1],
            "continuum": np.nan_to_num(continuum),
            "continuum_err": float(np.sqrt(basis @ self.covariance @ basis)),
            "ew": flux / continuum / (1.0 + redshift),
            "ew_err": float(np.sqrt(change @ self.covariance @ change)) / (1.0 + redshift),
            "blended": sum(near) > 1,
            "tied_to": self.segment.tied_to.get(mark.name, ""),
            "chi2": self.chi2,
            "n_pixels": self.segment.pixels.centre.size,
            "flags": sum(FLAGS[name].value for name, is_set in flags.items() if is_set),
        }


def _slope(segment, parameters, linear, number):
    """Change of the model over the errors with a nonlinear parameter."""
    ahead, behind = parameters.copy(), parameters.copy()
    ahead[number] += _STEP
    behind[number] -= _STEP
    return (segment.design(ahead) - segment.design(behind)) @ linear / (2.0 * _STEP)


_UNITS = {
    "flux": LINE_UNIT,
    "flux_err": LINE_UNIT,
    "wavelength": u.AA,
    "sigma": u.AA,
    "shift": u.km / u.s,
    "shift_err": u.km / u.s,
    "width": None,
    "width_err": None,
    "continuum": SPECTRAL_UNIT,
    "continuum_err": SPECTRAL_UNIT,
    "ew": u.AA,
    "ew_err": u.AA,
    "blended": None,
    "tied_to": None,
    "chi2": None,
    "n_pixels": None,
    "flags": None,
}
"""Units of the columns of a result."""

_BLANK = {"blended": False, "tied_to": "", "n_pixels": 0, "flags": FLAGS["NO_DATA"].value}
"""Values of lines that are not covered; others are NaN."""


def _table(names, rows):
    """Table of results by the names of lines."""
    table = QTable({"line": names})
    for column, unit in _UNITS.items():
        blank = _BLANK.get(column, np.nan)
        values = np.array([rows[name][column] if name in rows else blank for name in names])
        if column == "flags":
            values = values.astype(np.int32)
        table[column] = values if unit is None else values << unit
    return table
