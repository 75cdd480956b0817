"""How a detector learns: corrupted galaxies, a classifier, and limits for each survey."""

from dataclasses import dataclass, fields, replace

import numpy as np
from sklearn.neural_network import MLPClassifier

from dustest.data.bands import get_band
from dustest.data.errors import InputError
from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.corruptions.pixels import (
    NoiseSource,
    distance_from_centre,
    psf_widths,
)
from dustest.estimators._cnn.inputs import border_noise
from dustest.estimators._cnn.shift.detection import CLEAN, MOST, Detection
from dustest.estimators._cnn.shift.features import N_PLAIN, log_pixel_scale, measure
from dustest.estimators._cnn.shift.photometry import flux_table
from dustest.estimators._cnn.shift.sample_test import PROPERTIES, responses

__all__ = ["Galaxies", "learn_detection", "mosaic_source"]

_HIDDEN, _RATE, _DECAY = (128, 64), 2e-3, 1e-3
_BATCHES = (*[1] * 9, *[4] * 6)
"""Size of batches in each epoch; larger ones average, as smaller learning rates do."""
_LEAST, _MOST, _STEPS = 32, 256, 400
"""Smallest and largest of the smaller batches, and steps of an epoch between these limits."""
_HELD_OUT = 4
"""One group of galaxies in four sets the limits, and is not learned."""
_INSIDE = 0.045
"""Largest share that is reported of galaxies of one survey with one change inside the range."""
_UNUSUAL = 0.005
"""Share of clean galaxies beyond the largest distance from the mean."""
_LOST_REDSHIFTS, _LOST_SCALES, _SPARSE, _LOST_BANDS = 0.1, 0.1, 0.25, 0.4
"""Shares of galaxies without redshift, without pixel scale, and that lose bands; share of bands
that these lose."""
_SHRINKAGE = 0.05
"""Share of the unit matrix in the covariance of features."""
_MOST_TESTED = 1500
_N_NOISE, _BORDER, _LAGS, _MOST_NOISE = 300, 0.42, 7, 4.0
"""Stamps that show the correlation of noise, least distance from their centre over their side,
largest distance of pixels, and largest noise in standard deviations."""
_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Galaxies:
    """Galaxies of a training set; fluxes are stamps of one pixel.

    Parameters
    ----------
    stamps : ndarray of shape (n, n_bands, side, side)
        Stamps in nJy per pixel, at least as large as those of the networks.
    errors : ndarray of shape (n, n_bands)
        Standard deviation of a pixel.
    redshift, pixel_scale : ndarray of shape (n,)
        Redshift, and side of a pixel in arcsec.
    present : ndarray of bool of shape (n, n_bands)
        Whether a band is present.
    survey, group : ndarray of shape (n,)
        Number of the survey, and name or number of the galaxy that views share.
    """

    stamps: np.ndarray
    errors: np.ndarray
    redshift: np.ndarray
    pixel_scale: np.ndarray
    present: np.ndarray
    survey: np.ndarray
    group: np.ndarray

    def __len__(self):
        return len(self.redshift)

    def __getitem__(self, rows):
        """Select rows."""
        return Galaxies(**{name: value[rows] for name, value in vars(self).items()})

    def changed(self, corruption, source, *, inside=False):
        """Corrupted galaxies."""
        strength = corruption.inside if inside else None
        known = self.stamps, self.errors, self.redshift
        found = corruption.apply(*known, source, strength)
        stamps, errors, redshift = found
        return replace(self, stamps=stamps, errors=errors, redshift=redshift)

    def parts(self):
        """Some galaxies of one survey at a time, in order, so that arrays stay small."""
        for number in np.unique(self.survey):
            rows = np.flatnonzero(self.survey == number)
            for start in range(0, len(rows), _CHUNK):
                yield number, self[rows[start : start + _CHUNK]]

    def by_survey(self):
        """The same galaxies, in the order of surveys."""
        return self[np.argsort(self.survey, kind="stable")]


def noise_correlation(galaxies):
    """Measure the autocorrelation of the noise in the border of the faintest stamps.

    Parameters
    ----------
    galaxies : Galaxies
        Galaxies of one survey.

    Returns
    -------
    autocorrelation : ndarray of shape (n_bands, n_lags, n_lags)
        Correlation by distance along rows and columns, 1 in the middle.
    """
    peak = (galaxies.stamps.max(axis=(2, 3)) / galaxies.errors).max(axis=1)
    faint = galaxies[np.argsort(peak)[:_N_NOISE]]
    side = faint.stamps.shape[-1]
    outer = (distance_from_centre(side) > _BORDER * side).astype(np.float32)
    level = np.sum(faint.stamps * outer, axis=(2, 3)) / outer.sum()
    noise = (faint.stamps - level[..., None, None]) / faint.errors[..., None, None]
    noise = np.clip(noise, -_MOST_NOISE, _MOST_NOISE) * outer
    wide = 2 * side
    power = np.square(np.abs(np.fft.rfft2(noise, s=(wide, wide)))).mean(axis=0)
    pairs = np.fft.irfft2(np.square(np.abs(np.fft.rfft2(outer, s=(wide, wide)))))
    products = np.fft.irfft2(power) / np.maximum(pairs, 1.0)
    place = np.arange(-_LAGS, _LAGS + 1)
    products = products[:, place[:, None], place]
    variance = np.maximum(products[:, _LAGS, _LAGS], 1e-6)
    distance = np.hypot(place[:, None], place)
    taper = np.cos(0.5 * np.pi * np.minimum(distance / (_LAGS + 1), 1.0)) ** 2
    return np.float32(products / variance[:, None, None] * taper)


def mosaic_source(galaxies, bands, rng):
    """Make the source of noise and point sources like those of the mosaics of some galaxies.

    Parameters
    ----------
    galaxies : Galaxies
        Galaxies of one survey.
    bands : sequence of str
        Their bands.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    NoiseSource
        The source.
    """
    scale = np.ma.median(np.ma.masked_invalid(galaxies.pixel_scale))
    widths = None
    if scale is not np.ma.masked and scale > 0.0:
        widths = psf_widths([1e-4 * get_band(band).pivot for band in bands], float(scale))
    return NoiseSource(rng, noise_correlation(galaxies), widths)


def learn_detection(galaxies, examples, bands, size, kind, false_alarms, seed):
    """Fit a detector.

    Parameters
    ----------
    galaxies : Galaxies
        Clean galaxies.
    examples : dict of str to Galaxies
        Further galaxies outside the trained range, by their reason.
    bands : tuple of str
        Bands.
    size : int
        Side of the stamps in pixels.
    kind : {"cutout", "flux"}
        Kind of the data.
    false_alarms : float
        Share of clean galaxies that is reported.
    seed : int
        Seed of corruptions and classifier.

    Returns
    -------
    Detection
        The detector.
    """
    rng = np.random.default_rng(seed)
    galaxies = galaxies.by_survey()
    known = [
        one
        for one in CORRUPTIONS.values()
        if one.least_bands <= len(bands) and (kind == "cutout" or one.is_photometric)
    ]
    reasons = (CLEAN, *sorted({one.reason for one in known} | set(examples)))
    held_out = _held_out(galaxies)
    surveys = range(galaxies.survey.max() + 1)
    sources = [NoiseSource(rng) for _ in surveys]
    if kind == "cutout":
        sources = [mosaic_source(galaxies[galaxies.survey == one], bands, rng) for one in surveys]
    learned = _Maker(galaxies[~held_out], size, kind, rng, sources)
    clean = [learned.table()]
    clean += [learned.table(one, inside=True) for one in known if one.inside]
    outside = [(one.reason, learned.table(one)) for one in known for _ in range(one.repeats)]
    outside += [
        (name, _Maker(one, size, kind, rng, sources).table()) for name, one in examples.items()
    ]
    names = {"kind": kind, "bands": bands, "size": size, "reasons": reasons}
    detection = _untrained(clean, learned.galaxies, names | {"false_alarms": false_alarms})
    labels = [np.zeros(sum(map(len, clean)), int)]
    labels += [np.full(len(table), reasons.index(reason)) for reason, table in outside]
    tables = np.concatenate([*clean, *(table for _, table in outside)])
    detection = _classified(detection, tables, np.concatenate(labels), seed, rng)
    aside = replace(learned, galaxies=galaxies[held_out])
    detection = _limited(detection, aside, known)
    if kind == "flux":
        return detection
    return _tested(detection, aside)


def _held_out(galaxies):
    """Galaxies that set the limits: every fourth group of those that each survey adds."""
    _, first, group = np.unique(galaxies.group, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(galaxies.survey[first], kind="stable"))
    held_out = place[group] % _HELD_OUT == 0
    for number in range(galaxies.survey.max() + 1):
        share = held_out[galaxies.survey == number]
        if share.all() or not share.any():
            msg = (
                f"X must have {_HELD_OUT} or more different galaxies with data in each survey, "
                f"and thousands to judge well, got {len(share)} rows in survey {number}; views "
                "of one group are one galaxy"
            )
            raise InputError(msg)
    return held_out


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes features of changed galaxies."""

    galaxies: Galaxies
    size: int
    kind: str
    rng: np.random.Generator
    sources: list

    def table(self, corruption=None, *, inside=False, sparse=True):
        """Features of all galaxies after a corruption."""
        tables = []
        for survey, part in self.galaxies.parts():
            source = self.sources[survey]
            one = part if corruption is None else part.changed(corruption, source, inside=inside)
            tables.append(self.features(one, sparse=sparse))
        return np.concatenate(tables)

    def features(self, galaxies, *, sparse):
        """Features of galaxies, of which some have no redshift, pixel scale or band if sparse."""
        if sparse:
            return _sparse(galaxies, self.size, self.kind, self.rng)
        return _features(galaxies, self.size, self.kind, galaxies.present)


def _sparse(galaxies, size, kind, rng):
    """Features of galaxies, some of which have no redshift, pixel scale or band."""
    n, n_bands = galaxies.errors.shape
    lost = (rng.random((n, n_bands)) < _LOST_BANDS) & (rng.random((n, 1)) < _SPARSE)
    spared = np.argmax(galaxies.present * rng.random((n, n_bands)), axis=1)
    lost[np.arange(n), spared] = False
    redshift = np.where(rng.random(n) < _LOST_REDSHIFTS, np.nan, galaxies.redshift)
    scale = np.where(rng.random(n) < _LOST_SCALES, np.nan, galaxies.pixel_scale)
    galaxies = replace(galaxies, redshift=redshift, pixel_scale=scale)
    return _features(galaxies, size, kind, galaxies.present & ~lost)


def _features(galaxies, size, kind, present):
    """Features of galaxies with some of their bands."""
    if kind == "flux":
        flux = np.where(present, galaxies.stamps[..., 0, 0], np.nan)
        return flux_table(flux, galaxies.errors, galaxies.redshift)
    first = (galaxies.stamps.shape[-1] - size) // 2
    inside = slice(first, first + size)
    pixels = np.ascontiguousarray(galaxies.stamps[..., inside, inside], np.float32)
    noise, growth = border_noise(pixels.reshape(-1, size, size))
    noise, growth = (one.reshape(present.shape) for one in (noise, growth))
    pixels[~present] = 0.0
    return measure(pixels, noise, growth, present, galaxies.redshift, galaxies.pixel_scale)


def _untrained(clean, learned, names):
    """Detector with the statistics of clean galaxies and those inside the trained range."""
    tables = np.concatenate(clean)
    mean, std = _known_statistics(tables)
    surveys = np.zeros((1, 2))
    if names["kind"] == "cutout":
        noise = np.nanmean(clean[0][:, : N_PLAIN * len(names["bands"]) : N_PLAIN], axis=1)
        known = np.ma.masked_invalid(
            np.stack([log_pixel_scale(learned.pixel_scale), noise], axis=1)
        )
        number = range(learned.survey.max() + 1)
        medians = [np.ma.median(known[learned.survey == one], axis=0) for one in number]
        surveys = np.array([one.filled(np.nan) for one in medians])
    arrays = {item.name: np.zeros(0) for item in fields(Detection) if item.name not in names}
    arrays |= {"mean": mean, "std": std, "whitening": _whitening((tables - mean) / std)}
    arrays |= {"surveys": surveys, "limits": np.zeros((len(surveys), 2))}
    return Detection(**names, **_single(arrays))


def _single(arrays):
    """Arrays in single precision."""
    return {name: value.astype(np.float32) for name, value in arrays.items()}


def _known_statistics(tables):
    """Mean and standard deviation of features; the mean of one that is never known is NaN."""
    known = ~np.isnan(tables).all(axis=0)
    mean, std = np.full((2, tables.shape[1]), np.nan, tables.dtype)
    mean[known] = np.nanmean(tables[:, known], axis=0)
    std[known] = np.nanstd(tables[:, known], axis=0)
    return mean, np.nan_to_num(std) + 1e-4


def _whitening(values):
    """Matrix that makes features uncorrelated."""
    values = np.clip(np.nan_to_num(values), -MOST, MOST)
    covariance = values.T @ values / len(values)
    covariance = (1.0 - _SHRINKAGE) * covariance + _SHRINKAGE * np.eye(len(covariance))
    return np.linalg.inv(np.linalg.cholesky(covariance)).T.astype(np.float32)


def _classified(detection, tables, labels, seed, rng):
    """The detector with a trained classifier."""
    network = MLPClassifier(
        _HIDDEN,
        alpha=_DECAY,
        learning_rate_init=_RATE,
        random_state=seed,
    )
    values, classes = detection.values(tables), np.arange(len(detection.reasons))
    # Single passes: MLPClassifier.fit warns wherever it stops before its own criterion.
    size = int(np.clip(len(values) // _STEPS, _LEAST, _MOST))
    for factor in _BATCHES:
        network.set_params(batch_size=min(factor * size, len(values)))
        order = rng.permutation(len(values))
        network.partial_fit(values[order], labels[order], classes=classes)
    layers = ("first", "second", "output")
    arrays = dict(zip(layers, network.coefs_, strict=True))
    biases = zip(layers, network.intercepts_, strict=True)
    return replace(detection, **_single(arrays | {f"{name}_bias": v for name, v in biases}))


def _limited(detection, aside, known):
    """The detector with limits for each survey, from galaxies that it did not learn."""
    groups = [aside.table(sparse=False)]
    groups += [aside.table(one, inside=True, sparse=False) for one in known if one.inside]
    excess = [detection.excess(group, detection.ratios(group)) for group in groups]
    survey = aside.galaxies.survey
    if detection.kind == "flux":
        survey = np.zeros_like(survey)
    limits = [
        _limits([one[survey == number] for one in excess], detection.false_alarms)
        for number in range(len(detection.surveys))
    ]
    return replace(detection, limits=np.array(limits, np.float32))


def _limits(groups, false_alarms):
    """Limits that few clean galaxies exceed, and few of those changed inside the range."""
    distance = 2.0 * np.quantile(np.concatenate(groups)[:, 0], 1.0 - _UNUSUAL)
    shares = [false_alarms, *[_INSIDE] * (len(groups) - 1)]
    pairs = zip(groups, shares, strict=True)
    return distance, max(np.quantile(group[:, 1], 1.0 - share) for group, share in pairs)


def _tested(detection, aside):
    """The detector with the responses of features to properties of a sample."""
    galaxies = aside.galaxies
    some = galaxies[aside.rng.permutation(len(galaxies))[:_MOST_TESTED]]
    aside = replace(aside, galaxies=some.by_survey())
    tables = [[aside.table(one.corruption(level)) for level in one.levels] for one in PROPERTIES]
    effects, levels, scatter = responses(tables, detection)
    arrays = {"effects": effects, "levels": levels, "scatter": scatter}
    return replace(detection, **_single(arrays))
