"""Figure of the ultraviolet slope of one galaxy."""

import numpy as np
from astropy import units as u

from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT
from dustest.data.containers.fitted_data import POWER_LAW
from dustest.data.formatting import format_measurement
from dustest.report.figures._drawing import (
    AGAINST_COLOR,
    COLORS,
    FONT_SIZE,
    INK,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    dress,
    empty_figure,
)
from dustest.report.figures.galaxy._row import (
    fitted_bands,
    fitted_spectrum,
    galaxy_row,
    headline,
    redshift_of,
)

__all__ = ["plot_beta"]

_WHAT = "the power law, which MeurerEstimator keeps"
_HEIGHT = 2.8
_AT = 1600.0
"""Rest-frame Angstrom of the amplitude."""
_N_POINTS = 100
_MARGIN = 0.08
_GAP = 3.0
"""Pixels that are further apart than this many times the median step begin another window."""


def plot_beta(table, id, *, ax=None):  # noqa: A002 - the column of a result
    """Draw the ultraviolet slope of one galaxy, with the data it is fitted to.

    Points are the fluxes in the bands, whose widths are the horizontal bars, or the pixels of the
    spectrum; the windows that are fitted are shaded. The band around the power law is its
    standard error, about the weighted centre of the data.

    Parameters
    ----------
    table : DustTable
        Result of `~dustest.MeurerEstimator`, of ``estimate(..., draws=n)``.
    id : int or str
        Identifier of the galaxy.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure that is not registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes.

    Raises
    ------
    InputError
        If the result has no power laws, or the galaxy is not in it or has no slope.

    Examples
    --------
    >>> from dustest import MeurerEstimator
    >>> from dustest.io import load_demo
    >>> sample, truth = load_demo()
    >>> table = MeurerEstimator().estimate(sample, draws=100)
    >>> table.plot_beta(3).get_xlabel()
    'rest-frame wavelength [μm]'
    """
    row = galaxy_row(table, id, POWER_LAW, _WHAT)
    if ax is None:
        ax = empty_figure(_HEIGHT, 0.6 * PAGE_WIDTH).subplots()
    stretch = 1.0 + redshift_of(row)
    wavelength, flux, error, windows = _data(row)
    rest = wavelength / stretch
    for low, high in windows / stretch:
        ax.axvspan(low / 1e4, high / 1e4, color=AGAINST_COLOR, alpha=0.15, lw=0)
    scale = 10.0 ** np.floor(np.log10(np.nanmax(np.abs(flux))))
    many = len(fitted_spectrum(row)[0]) > 0
    style = {"ms": 1.5 if many else 4, "elinewidth": 0.4 if many else 0.8, "color": INK}
    widths = None if many else _half_widths(rest, windows / stretch) / 1e4
    ax.errorbar(rest / 1e4, flux / scale, error / scale, widths, fmt="o", **style)
    _draw_power_law(ax, row, rest, error, windows / stretch, scale)
    power = round(np.log10(scale))
    ax.set_xlabel("rest-frame wavelength [μm]")
    ax.set_ylabel(rf"$f_\lambda$ [$10^{{{power}}}$ erg s$^{{-1}}$ cm$^{{-2}}$ Å$^{{-1}}$]")
    ax.legend(fontsize=SMALL_FONT_SIZE, frameon=False)
    ax.set_title(headline(row), fontsize=FONT_SIZE)
    return dress(ax)


def _data(row):
    """Wavelengths, fluxes and errors in erg/s/cm2/Angstrom, and fitted windows (n, 2)."""
    wavelength, flux, error = fitted_spectrum(row)
    if wavelength.size:
        gaps = np.diff(wavelength)
        ends = np.flatnonzero(gaps > _GAP * np.median(gaps))
        starts = np.append(0, ends + 1)
        windows = np.stack([wavelength[starts], wavelength[np.append(ends, -1)]], axis=1)
        return wavelength, flux, error, windows
    measured = fitted_bands(row)
    at = u.spectral_density(measured.pivot * u.AA)
    flux, error = (
        (values * FLUX_UNIT).to_value(SPECTRAL_UNIT, at)
        for values in (measured.flux, measured.error)
    )
    windows = np.array([band.edges(0.5) for band in measured.bands])
    return measured.pivot, flux, error, windows


def _half_widths(middle, windows):
    """Distances of the edges of bands from their middles, (2, n)."""
    return np.abs(windows.T - middle)


def _draw_power_law(ax, row, rest, error, windows, scale):
    """The power law over the windows, with its standard error."""
    low, high = windows.min(), windows.max()
    low, high = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
    x = np.linspace(low, high, _N_POINTS)
    beta, beta_err = (float(row[name]) for name in ("beta", "beta_err"))
    at = _AT * (1.0 + redshift_of(row)) * u.AA
    amplitude = row[POWER_LAW].to_value(SPECTRAL_UNIT, u.spectral_density(at)) / scale
    model = amplitude * (x / _AT) ** beta
    middle = np.exp(np.average(np.log(rest), weights=error**-2.0))
    low, high = (model * (x / middle) ** (sign * beta_err) for sign in (-1.0, 1.0))
    ax.fill_between(x / 1e4, low, high, color=COLORS[0], alpha=0.25, lw=0)
    label = rf"$\beta$ = {format_measurement(beta, beta_err)}"
    ax.plot(x / 1e4, model, color=COLORS[0], lw=1.0, label=label)
    ax.set_xlim(x[0] / 1e4, x[-1] / 1e4)
