"""Figure of the fit of one spectral energy distribution."""

import numpy as np
from astropy import units as u

from dustest.data.checks.units import FLUX_UNIT, SPECTRAL_UNIT
from dustest.data.containers.fitted_data import MODEL_SPECTRUM
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

__all__ = ["plot_sed"]

_WHAT = "the spectra of models, which BagpipesEstimator keeps"
_HEIGHT = 3.6
_LEAST_SNR = 2.0
"""Fluxes below this many errors are drawn as upper limits of as many."""
_REACH = (0.4, 2.5)
"""Factors of the smallest and the largest flux between which the axis ranges."""
_MICRON = 1e4


def plot_sed(table, id, *, figure=None):  # noqa: A002 - the column of a result
    """Draw the photometry of one galaxy with the best model of its SED fit.

    The band around the best model is the 16th to the 84th percentile of the posterior; the dashed
    curve is the best model without its dust. Squares are the photometry of the best model. Fluxes
    below two errors are drawn as upper limits of two. Residuals are in units of the errors of the
    fit, which include its error floor.

    Parameters
    ----------
    table : DustTable
        Result of an SED fit, of ``estimate(..., draws=n)``.
    id : int or str
        Identifier of the galaxy.
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`, optional
        Figure to draw on; by default a new figure that is not registered with pyplot.

    Returns
    -------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        The figure, with axes of the spectrum and of the residuals.

    Raises
    ------
    InputError
        If the result has no spectra of models, or the galaxy is not in it or has no estimate.

    Examples
    --------
    >>> from dustest.io import load_demo
    >>> from dustest import BagpipesEstimator
    >>> sample, truth = load_demo()
    >>> table = BagpipesEstimator().estimate(sample[:1], draws=100)  # doctest: +SKIP
    >>> figure = table.plot_sed(sample["id"][0])  # doctest: +SKIP
    """
    row = galaxy_row(table, id, MODEL_SPECTRUM, _WHAT)
    figure = empty_figure(_HEIGHT, 0.75 * PAGE_WIDTH) if figure is None else figure
    axes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    measured = fitted_bands(row)
    _draw_models(axes[0], row)
    _draw_spectrum(axes[0], row)
    _draw_photometry(axes[0], row, measured)
    _draw_residuals(axes[1], row, measured)
    _set_limits(axes[0], row, measured)
    axes[0].set_ylabel(r"$f_\nu$ [nJy]")
    axes[1].set(xlabel="observed wavelength [μm]", ylabel="residual [σ]")
    for ax in axes:
        dress(ax).tick_params(labelsize=SMALL_FONT_SIZE, direction="in", which="minor")
    axes[0].legend(fontsize=SMALL_FONT_SIZE, frameon=False, loc="best")
    _add_rest_frame(axes[0], redshift_of(row))
    figure.suptitle(headline(row, ("A_V", "log_sSFR")), fontsize=FONT_SIZE)
    return figure


def _draw_models(ax, row):
    """Best model with the band of the posterior, and without dust."""
    wavelength = _micron(row)
    low, best, high, bare = (
        row[name].to_value(FLUX_UNIT) for name in ("SED_p16", "SED", "SED_p84", "SED_dust_free")
    )
    ax.fill_between(wavelength, low, high, color=COLORS[0], alpha=0.25, lw=0, label="16–84 %")
    ax.plot(wavelength, best, color=COLORS[0], lw=0.8, label="best model")
    ax.plot(wavelength, bare, color=COLORS[5], lw=0.8, ls="--", label="without dust")


def _draw_spectrum(ax, row):
    """Spectrum that was fitted, behind all else."""
    wavelength, flux, _ = fitted_spectrum(row)
    if wavelength.size:
        at = u.spectral_density(wavelength * u.AA)
        flux = (flux * SPECTRAL_UNIT).to_value(FLUX_UNIT, at)
        style = {"color": AGAINST_COLOR, "lw": 0.5, "zorder": 0}
        ax.plot(wavelength / _MICRON, flux, label="spectrum", **style)


def _draw_photometry(ax, row, measured):
    """Fluxes with their errors, upper limits, and the photometry of the best model."""
    if not measured.bands:
        return
    x, flux, error = measured.pivot / _MICRON, measured.flux, measured.error
    seen = flux >= _LEAST_SNR * error
    style = {"fmt": "o", "color": INK, "ms": 3.5, "elinewidth": 0.8, "zorder": 4}
    ax.errorbar(x[seen], flux[seen], error[seen], label="photometry", **style)
    limit = np.maximum(flux, 0.0) + _LEAST_SNR * error
    style |= {"fmt": "none", "uplims": True, "capsize": 2}
    ax.errorbar(x[~seen], limit[~seen], 0.4 * limit[~seen], **style)
    model = [row[f"model_{band.name}"].to_value(FLUX_UNIT) for band in measured.bands]
    ax.scatter(x, model, marker="s", s=26, facecolor="none", edgecolor=COLORS[0], zorder=3)


def _draw_residuals(ax, row, measured):
    """Fluxes minus those of the best model, over the errors."""
    ax.axhline(0.0, color=COLORS[0], lw=0.8)
    ax.axhspan(-1.0, 1.0, color=COLORS[0], alpha=0.12, lw=0)
    if measured.bands:
        model = np.array([row[f"model_{band.name}"].value for band in measured.bands])
        residual = (measured.flux - model) / measured.error
        ax.errorbar(measured.pivot / _MICRON, residual, 1.0, fmt="o", color=INK, ms=3.5, lw=0.8)
        reach = 1.15 * max(2.5, np.abs(residual).max() + 1.0)
        ax.set_ylim(-reach, reach)


def _set_limits(ax, row, measured):
    """Ranges of both axes: the wavelengths of the models, and the fluxes that are seen."""
    wavelength = _micron(row)
    ax.set(xscale="log", yscale="log", xlim=(wavelength[0], wavelength[-1]))
    ax.xaxis.set_major_formatter(_plain)
    ax.xaxis.set_minor_formatter(_plain_if_few(wavelength))
    best = row["SED"].to_value(FLUX_UNIT)
    seen = measured.flux[measured.flux >= _LEAST_SNR * measured.error]
    values = np.concatenate([seen, best[best > 0.05 * best.max()]])
    ax.set_ylim(_REACH[0] * values.min(), _REACH[1] * values.max())


def _micron(row):
    """Observed wavelengths of the models [micron]."""
    return row["SED_wavelength"].to_value(u.um)


def _plain(value, _position):
    """A wavelength without powers of ten."""
    return f"{value:g}"


def _plain_if_few(wavelength):
    """Labels of minor ticks, for ranges of about a decade."""
    shown = {1, 2, 3, 5} if wavelength[-1] < 20.0 * wavelength[0] else set()

    def label(value, _position):
        digit = round(value / 10.0 ** np.floor(np.log10(value) + 1e-9))
        return f"{value:g}" if digit in shown else ""

    return label


def _add_rest_frame(ax, redshift):
    """A second axis with wavelengths in the rest frame."""
    if not np.isfinite(redshift):
        return
    stretch = 1.0 + redshift
    top = ax.secondary_xaxis("top", functions=(lambda x: x / stretch, lambda x: x * stretch))
    ax.tick_params(top=False, which="both")
    top.tick_params(labelsize=SMALL_FONT_SIZE, direction="in", width=0.6, which="both")
    top.xaxis.set_major_formatter(_plain)
    top.xaxis.set_minor_formatter(ax.xaxis.get_minor_formatter())
    top.set_xlabel("rest-frame wavelength [μm]", fontsize=FONT_SIZE)
