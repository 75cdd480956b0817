"""Settings of a simulator, measured on the images of a sample."""

from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from astropy.stats import mad_std, sigma_clip
from astropy.table import QTable
from scipy import ndimage
from scipy.optimize import brentq

from dustest.data.checks.kind_readers import bare_stamps
from dustest.data.checks.numbers import check_not_negative, check_number
from dustest.data.checks.records import expect
from dustest.data.errors import InputError
from dustest.data.identity.seeds import as_generator
from dustest.data.messages import shown
from dustest.physics.telescope.psf import PSF
from dustest.simulate.galaxies.population import REDSHIFTS, GalaxyPopulation
from dustest.simulate.telescope.autocorrelation import closest_lags
from dustest.simulate.telescope.noise import CorrelatedNoise, aperture_rms

__all__ = ["SkyNoise", "SkyStatistics", "extra_width", "match_redshifts", "match_settings"]

_FEWEST = 20
"""Galaxies that measure a point-spread function."""
_N_TRIAL = 1000
_SNR = 5.0
_BORDER = 0.125
"""Width of the border of a stamp, in which the sky is measured, over the side of the stamp."""
_LAGS = (1, 2, 3)
_CLIP = 3.0
_MOST_REDSHIFTS = 31
_FLAT_TILT = 0.9
"""Tilt with which the mass function is about flat in log M."""
_TILTS = np.arange(-0.75, 2.01, 0.25)
_LOWEST = np.arange(0.0, 3.01, 0.25)
_APERTURE = 0.16
"""Radius in arcsec in which brightness is compared."""
_SMALLEST = 8
"""Pixels along the side of a stamp, for the correlation in its border."""
_SAME_SCALE = 0.01
"""Largest relative difference of pixel scales."""
_CORE = 0.1
_WHOLE = 0.3
_WIDEST = 0.3
"""Arcsec: largest standard deviation by which a point-spread function is broadened."""


@dataclass(frozen=True)
class SkyNoise:
    """Noise with a background that differs from stamp to stamp.

    Parameters
    ----------
    noise : CorrelatedNoise or BlankSkyNoise
        Noise of the pixels.
    level : float
        Mean of the background in nJy per pixel.
    scatter : float
        Its standard deviation.

    Raises
    ------
    InputError
        If the noise cannot be drawn, a number is not finite, or the scatter is negative.

    Examples
    --------
    >>> from dustest.simulate import CorrelatedNoise
    >>> from dustest.simulate.matching import SkyNoise
    >>> noise = SkyNoise(CorrelatedNoise(0.02, (0.66, 0.21, 0.06)), level=0.01, scatter=0.0)
    >>> round(float(noise.draw(400, 32, random_state=1).mean()), 3)
    0.01
    """

    noise: object
    level: float
    scatter: float

    def __post_init__(self):
        is_noise = callable(getattr(self.noise, "draw", None))
        expect(is_noise, "noise", "a CorrelatedNoise or BlankSkyNoise", self.noise)
        check_number(self.level, "level")
        check_not_negative(self.scatter, "scatter")

    def draw(self, n, shape, random_state=None):
        """Draw stamps of noise.

        Parameters
        ----------
        n : int
            Number of stamps.
        shape : int or tuple of int
            Number of rows and columns of a stamp; one number for square stamps.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers.

        Returns
        -------
        ndarray of shape (n, ny, nx)
            Noise in nJy.
        """
        rng = as_generator(random_state)
        levels = self.level + self.scatter * rng.standard_normal((n, 1, 1))
        return levels + self.noise.draw(n, shape, rng)


@dataclass(frozen=True)
class SkyStatistics:
    """Sky in the borders of the stamps of one band.

    Parameters
    ----------
    rms : float
        Standard deviation of the pixels of a stamp, the median of all stamps, in nJy.
    autocorrelation : tuple of float
        Correlation of pixels 1, 2 and 3 apart along rows or columns.
    levels : ndarray of shape (n,)
        Median of each stamp in nJy.
    """

    rms: float
    autocorrelation: tuple
    levels: np.ndarray

    @classmethod
    def measure(cls, stamps):
        """Measure the sky of stamps.

        Parameters
        ----------
        stamps : ndarray of shape (n, ny, nx)
            Stamps in nJy; bad pixels are NaN.

        Returns
        -------
        SkyStatistics
            The statistics; correlations below zero are zero.
        """
        sky = np.where(_border(stamps.shape[1:]), stamps, np.nan)
        flat = sky.reshape(len(sky), -1)
        clipped = sigma_clip(np.ma.masked_invalid(flat), sigma=_CLIP, axis=1, masked=True)
        levels, rms = np.ma.median(clipped, axis=1), clipped.std(axis=1)
        residual = (clipped - levels[:, None]).reshape(sky.shape)
        variance = np.ma.mean(residual**2)
        lags = tuple(max(_correlation(residual, lag) / variance, 0.0) for lag in _LAGS)
        return cls(float(np.ma.median(rms)), lags, levels.filled(0.0))

    def noise(self, pixel_scale):
        """Noise with this standard deviation and autocorrelation.

        Parameters
        ----------
        pixel_scale : float
            Side of a pixel in arcsec.

        Returns
        -------
        CorrelatedNoise
            The noise; the closest possible one, if no noise has these correlations.
        """
        return CorrelatedNoise(self.rms, closest_lags(self.autocorrelation), pixel_scale)

    def correct(self, noise, trial):
        """Noise with the background, corrected by what was measured on simulated stamps.

        Clipping makes standard deviations too small, and the border contains light of galaxies
        and errors of the median.

        Parameters
        ----------
        noise : CorrelatedNoise
            Noise of the simulated stamps.
        trial : SkyStatistics
            Statistics of the simulated stamps.

        Returns
        -------
        SkyNoise
            The noise.
        """
        level = np.median(self.levels) - np.median(trial.levels)
        variance = mad_std(self.levels) ** 2 - mad_std(trial.levels) ** 2
        better = replace(noise, rms=noise.rms * self.rms / trial.rms)
        return SkyNoise(better, float(level), float(np.sqrt(max(variance, 0.0))))


def _border(shape):
    """Pixels of the border of a stamp."""
    ny, nx = (np.minimum(np.arange(side), np.arange(side)[::-1]) for side in shape)
    return np.minimum(ny[:, None], nx) < max(round(_BORDER * min(shape)), 1)


def _correlation(residual, lag):
    """Mean product of pixels a lag apart along rows and columns."""
    products = [
        (residual[:, lag:] * residual[:, :-lag]).ravel(),
        (residual[:, :, lag:] * residual[:, :, :-lag]).ravel(),
    ]
    return float(np.ma.mean(np.ma.concatenate(products)))


def _stamps(sample, bands, size):
    """Stamps of a sample by band, not larger than a size, and their pixel scale in arcsec."""
    needed = [f"cutout_{band}" for band in bands] + ["pixel_scale", "redshift"]
    lacking = [name for name in needed if name not in sample.colnames]
    if lacking:
        msg = (
            f"sample must have the columns {', '.join(needed)}, but it lacks "
            f"{', '.join(lacking)}; it has {shown(sample.colnames)}"
        )
        raise InputError(msg)
    stamps = {band: _crop(_read_stamps(sample, band), size) for band in bands}
    for band, images in stamps.items():
        _check_border(images, band)
    return stamps, _read_scale(sample)


def _check_border(stamps, band):
    """Raise an error if there is no noise to measure in the border of stamps."""
    if min(stamps.shape[1:]) < _SMALLEST:
        msg = f"cutout_{band} must have at least {_SMALLEST} pixels a side, got {stamps.shape[1:]}"
        raise InputError(msg)
    sky = stamps[:, _border(stamps.shape[1:])]
    sky = sky[np.isfinite(sky)]
    if not sky.size or np.ptp(sky) == 0.0:
        got = f"only {sky[0]:g}" if sky.size else "none"
        msg = (
            f"cutout_{band} must have good pixels with noise in the borders of the stamps, got "
            f"{got}; leave out the band with changed(bands=...)"
        )
        raise InputError(msg)


def _read_scale(sample):
    """The pixel scale of all stamps, in arcsec."""
    scales = sample["pixel_scale"].to_value(u.arcsec)
    known = scales[np.isfinite(scales) & (scales > 0.0)]
    if not known.size or np.ptp(known) > _SAME_SCALE * known[0]:
        got = f"{known.min():g} to {known.max():g}" if known.size else "none that is positive"
        msg = (
            f"pixel_scale of the sample must be the same for all galaxies, in arcsec, got {got}; "
            "match the galaxies of each mosaic alone"
        )
        raise InputError(msg)
    return float(np.median(known))


def _crop(stamps, size):
    """The centre of stamps that are larger than a size."""
    corner = [max(side - size, 0) // 2 for side in stamps.shape[1:]]
    return stamps[:, corner[0] : corner[0] + size, corner[1] : corner[1] + size]


def _read_stamps(sample, band):
    """Stamps of one band, with NaN in place of bad pixels."""
    stamps = bare_stamps(sample, f"cutout_{band}").astype(float)
    bad, mask = ~np.isfinite(stamps), f"cutout_mask_{band}"
    if mask in sample.colnames:
        bad |= np.asarray(sample[mask], dtype=bool)
    return np.where(bad, np.nan, stamps)


def match_redshifts(redshift):
    """Redshifts that are distributed as those of a sample when drawn evenly.

    Parameters
    ----------
    redshift : ndarray of shape (n,)
        Redshifts; unknown ones are not finite.

    Returns
    -------
    redshifts : ndarray of shape (m,)
        Three to 31 quantiles; one redshift if all are equal.

    Raises
    ------
    InputError
        If no redshift is known.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.matching import match_redshifts
    >>> match_redshifts(np.array([6.0, 7.0, np.nan]))
    array([6.167, 6.5  , 6.833])
    """
    known = redshift[np.isfinite(redshift)]
    if not known.size:
        msg = "sample must have known redshifts, got none that is finite"
        raise InputError(msg)
    n = int(np.clip(known.size, 3, _MOST_REDSHIFTS)) if np.ptp(known) > 0.0 else 1
    return np.round(np.quantile(known, (np.arange(n) + 0.5) / n), 3)


def _redshifts_of(sample, population):
    """Redshifts that are distributed as those of a sample, at which there are galaxies."""
    given = np.asarray(sample["redshift"], dtype=float)
    found = match_redshifts(given)
    low, high = REDSHIFTS
    if isinstance(population, GalaxyPopulation) and np.any((found < low) | (found > high)):
        outside = given[(given < low) | (given > high)]
        msg = (
            f"sample must have redshifts from {low:g} to {high:g}, at which the population of the "
            f"simulator has galaxies, but {len(outside)} of {len(given)} are outside, the first "
            f"at {outside[0]:g}: leave them out"
        )
        raise InputError(msg)
    return found


def _with_masses(population, lowest, tilt):
    """A `GalaxyPopulation` with another smallest log M and tilt of its mass function."""
    function = replace(population.mass_function, tilt=tilt)
    return replace(population, log_mass=(lowest, population.log_mass[1]), mass_function=function)


def _match_masses(population, flux, trial_flux, log_mass):
    """Smallest mass and tilt that make galaxies as bright as those of a sample."""
    low, high = population.log_mass
    best = np.inf
    for tilt in _TILTS:
        for lowest in low + _LOWEST[high - low > _LOWEST]:
            share = _shares(log_mass, lowest, tilt)
            distance = _distance(flux, trial_flux, share) if share.any() else np.inf
            if distance < best:
                best, chosen = distance, (float(lowest), float(tilt))
    return chosen


def _shares(log_mass, lowest, tilt):
    """Weights by which galaxies with the tilt ``_FLAT_TILT`` are distributed as with another."""
    return 10.0 ** ((tilt - _FLAT_TILT) * (log_mass - lowest)) * (log_mass >= lowest)


def _distance(flux, other, weights):
    """Mean distance of the quantiles of two sets of fluxes in dex, the second with weights."""
    levels = np.linspace(0.05, 0.95, 19)
    order = np.argsort(other)
    below = np.cumsum(weights[order]) - 0.5 * weights[order]
    quantiles = np.interp(levels, below / weights.sum(), np.log10(other[order]))
    return np.abs(quantiles - np.quantile(np.log10(flux), levels)).mean()


def _aperture_flux(stamps, pixel_scale, radius=_APERTURE):
    """Flux of stamps within a radius in arcsec about their centre; bad pixels are left out."""
    from photutils.aperture import CircularAperture

    ny, nx = stamps.shape[-2:]
    circle = CircularAperture((0.5 * (nx - 1), 0.5 * (ny - 1)), radius / pixel_scale)
    return np.nansum(stamps * circle.to_mask(method="exact").to_image((ny, nx)), axis=(-2, -1))


def _stack(stamps, flux, weights):
    """Weighted mean of stamps, each divided by its flux."""
    scaled = np.ma.masked_invalid(stamps / flux[:, None, None])
    return np.ma.average(scaled, axis=0, weights=weights).filled(0.0)


def extra_width(real, trial, pixel_scale):
    """Width of the Gaussian that makes one stack as concentrated as another.

    Parameters
    ----------
    real, trial : ndarray of shape (ny, nx)
        Stacks of a sample and of simulated galaxies.
    pixel_scale : float
        Side of a pixel in arcsec.

    Returns
    -------
    width : float
        Standard deviation in arcsec by which the trial is broadened; 0 if it is not sharper.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from dustest.simulate.matching import extra_width
    >>> point = np.zeros((33, 33))
    >>> point[16, 16] = 1.0
    >>> stacks = gaussian_filter(point, 2.5), gaussian_filter(point, 2.0)
    >>> round(extra_width(*stacks, pixel_scale=0.03), 3)
    0.045
    """
    target = _concentration(real, pixel_scale)

    def excess(width):
        return _concentration(ndimage.gaussian_filter(trial, width), pixel_scale) - target

    most = _WIDEST / pixel_scale
    if excess(0.0) <= 0.0:
        return 0.0
    return pixel_scale * (brentq(excess, 0.0, most) if excess(most) < 0.0 else most)


def _concentration(image, pixel_scale):
    """Share of the light within 0.3 arcsec that is within 0.1 arcsec."""
    core, whole = (_aperture_flux(image, pixel_scale, r) for r in (_CORE, _WHOLE))
    return core / whole


def _broadened(psf, width):
    """A point-spread function convolved with a Gaussian of a width in arcsec."""
    image = ndimage.gaussian_filter(psf.image, width / psf.pixel_scale, mode="constant")
    return PSF(image, psf.pixel_scale, psf.band)


def _match_survey(survey, sample, pixel_scale):
    """The survey with the pixel scale and the known flux errors of a sample."""
    mosaics = dict(survey.mosaics)
    for band in survey.bands:
        if f"flux_err_{band}" in sample.colnames:
            errors = sample[f"flux_err_{band}"].to_value(u.nJy)
            known = errors[np.isfinite(errors) & (errors > 0.0)]
            if known.size:
                limit = 5.0 * np.median(known) * mosaics[band].light * u.nJy
                mosaics[band] = replace(mosaics[band], depth=float(limit.to_value(u.ABmag)))
    return replace(survey, pixel_scale=pixel_scale, mosaics=mosaics, one_source=False)


@dataclass(frozen=True)
class _Side:
    """Stamps of a sample or of the trial, and which galaxies are bright, by band."""

    stamps: dict
    pixel_scale: float
    flux: dict
    bright: dict

    @classmethod
    def of(cls, stamps, sky, pixel_scale, noise):
        """Subtract the sky and measure fluxes; bright galaxies have S/N >= 5 in the noise."""
        stamps = {band: stamp - sky[band].levels[:, None, None] for band, stamp in stamps.items()}
        flux = {band: _aperture_flux(stamp, pixel_scale) for band, stamp in stamps.items()}
        limits = {band: _SNR * aperture_rms(noise[band], 2 * _APERTURE) for band in stamps}
        return cls(stamps, pixel_scale, flux, {b: flux[b] > limits[b] for b in stamps})

    def stack(self, band, weights):
        """Stack of the bright galaxies."""
        bright = self.bright[band]
        return _stack(self.stamps[band][bright], self.flux[band][bright], weights[bright])


def match_settings(simulator, sample, psfs, seed):
    """Measure the settings by which a simulator makes images like those of a sample.

    Parameters
    ----------
    simulator : GalaxySimulator
        The simulator.
    sample : GalaxySample
        Galaxies with cutouts in its bands, pixel scale and redshift.
    psfs : mapping of str to PSF or None
        Known point-spread functions.
    seed : int
        Seed of the trial.

    Returns
    -------
    settings : dict
        Arguments of the simulator that change.
    measured : QTable
        A row for each band.

    Raises
    ------
    InputError
        If columns are missing, redshifts are outside the population, stamps have different pixel
        scales or no noise in their borders, or fewer than 20 galaxies are bright enough in all
        bands.
    """
    stamps, scale = _stamps(sample, simulator.bands, simulator.size)
    sky = _measure_sky(stamps)
    noise = {band: one.noise(scale) for band, one in sky.items()}
    settings = {
        "preset": _match_survey(simulator.survey, sample, scale),
        "redshift": _redshifts_of(sample, simulator.population),
        "noise": noise,
        "psfs": psfs,
    }
    basic = simulator.changed(**settings)
    trial, log_mass = _draw_trial(basic, seed)
    trial_sky = _measure_sky(trial)
    given, made = _Side.of(stamps, sky, scale, noise), _Side.of(trial, trial_sky, scale, noise)
    population, weights = _match_population(simulator.population, given, made, log_mass)
    if psfs is None:
        psfs = {b: _match_psf(psf, given, made, b, weights) for b, psf in basic.psfs.items()}
    rng = np.random.default_rng(seed)
    like = rng.choice(len(weights), len(weights), p=weights / weights.sum())
    trial_sky = _measure_sky({band: stamp[like] for band, stamp in trial.items()})
    settings |= {
        "population": population,
        "noise": {band: sky[band].correct(noise[band], trial_sky[band]) for band in noise},
        "psfs": psfs,
    }
    return settings, _as_table(settings["noise"], psfs, basic.psfs)


def _measure_sky(stamps):
    """Statistics of the sky by band."""
    return {band: SkyStatistics.measure(stamp) for band, stamp in stamps.items()}


def _draw_trial(simulator, seed):
    """Stamps and masses of galaxies, about as many at all masses."""
    population = simulator.population
    if isinstance(population, GalaxyPopulation):
        population = _with_masses(population, population.log_mass[0], _FLAT_TILT)
    trial = simulator.changed(
        population=population, views=("xy",), photometry_bands=(), spectrograph=None
    )
    sample, truth = trial.draw(_N_TRIAL, random_state=seed)
    return _stamps(sample, trial.bands, trial.size)[0], np.asarray(truth["log_mass"], dtype=float)


def _match_population(population, given, made, log_mass):
    """Population as bright as the sample in the band with most bright galaxies, and weights."""
    counts = {band: int(bright.sum()) for band, bright in given.bright.items()}
    band = max(counts, key=counts.get)
    if counts[band] < _FEWEST:
        msg = (
            f"sample must have at least {_FEWEST} galaxies with a signal-to-noise ratio of "
            f"{_SNR:g} in a band, got {counts}"
        )
        raise InputError(msg)
    if not isinstance(population, GalaxyPopulation):
        return population, np.ones(len(log_mass))
    bright = made.bright[band]
    if not bright.any():
        msg = (
            "sample must have noise in which galaxies of the population are seen, but of "
            f"{len(log_mass)} none has a signal-to-noise ratio of {_SNR:g} in {band}: check the "
            "unit of the cutouts, or give the simulator a brighter population"
        )
        raise InputError(msg)
    chosen = _match_masses(
        population, given.flux[band][given.bright[band]], made.flux[band][bright], log_mass[bright]
    )
    return _with_masses(population, *chosen), _shares(log_mass, *chosen)


def _match_psf(psf, given, made, band, weights):
    """A point-spread function as wide as the stack of the sample requires."""
    enough = given.bright[band].sum() >= _FEWEST and (weights[made.bright[band]] > 0).any()
    if not enough:
        return psf
    real = given.stack(band, np.ones(len(given.flux[band])))
    width = extra_width(real, made.stack(band, weights), given.pixel_scale)
    return psf if width == 0.0 else _broadened(psf, width)


def _as_table(noise, psfs, psfs_before):
    """What was measured, by band, with units."""
    sky = list(noise.values())
    return QTable(
        {
            "band": list(noise),
            "rms": [one.noise.rms for one in sky] * u.nJy,
            "background": [one.level for one in sky] * u.nJy,
            "background_scatter": [one.scatter for one in sky] * u.nJy,
            "psf_fwhm": [psfs[band].fwhm for band in noise] * u.arcsec,
            "psf_fwhm_before": [psfs_before[band].fwhm for band in noise] * u.arcsec,
        }
    )
