"""What a fitted detector knows, and how it judges galaxies."""

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import logsumexp

from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.estimators._cnn.context import ContextLayout
from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.inputs import central_pixels, prepare
from dustest.estimators._cnn.shift.bad_pixels import mend
from dustest.estimators._cnn.shift.features import N_PLAIN, REPEATED, measure
from dustest.estimators._cnn.shift.photometry import FAINT, measure_fluxes
from dustest.estimators.run.batch import is_constant

__all__ = ["CLEAN", "MOST", "OTHER_PIXELS", "UNUSUAL", "Detection", "Verdict"]

CLEAN, UNUSUAL = "", "unusual"
"""Reasons of galaxies inside, and of those that no known corruption makes."""
OTHER_PIXELS = CORRUPTIONS["pixel scale"].reason
"""Reason of galaxies with a pixel scale outside the training set, stated or not."""
_FARTHEST, MOST = 8.0, 4.0
"""Largest distance of a feature from its mean in standard deviations, for the classifier and for
the distance of a galaxy."""
_SCALE_STEP, _NOISE_STEP = 0.03, 0.3
"""Differences in dex of pixel scale and noise that count alike in the choice of a survey."""
_UNIT, _UNIT_OF_ANY, _SIMILAR = 0.8, 0.4, 0.15
"""Least distances in dex of the noise of all bands from that of the surveys of this pixel scale,
and from that of all surveys if it is unknown, and largest distance in dex of pixel scales."""
_FAINT_MARGIN = 3.0
"""Log-ratio by which fainter galaxies must exceed the limit, since none of them was learned."""
_MOST_UNUSUAL = 1.0
"""Largest excess that the distance alone gives a galaxy. Known corruptions can exceed it."""
_CERTAIN = 1e3
"""Excess of a galaxy that fails a plain check."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """Result of a detector for n galaxies.

    Parameters
    ----------
    score : ndarray of shape (n,)
        From 0 to 1; above 0.5 a galaxy is outside.
    reason : ndarray of str of shape (n,)
        Reason; empty if there is none.
    is_galaxy : ndarray of bool of shape (n,)
        False where the reason is that the source is no galaxy.
    """

    score: np.ndarray
    reason: np.ndarray
    is_galaxy: np.ndarray

    @property
    def flags(self):
        """Bits of `~dustest.data.FLAGS` (ndarray of int32 of shape (n,))."""
        outside = np.where(self.reason == CLEAN, 0, FLAGS["OUT_OF_DOMAIN"].value)
        other = np.where(self.is_galaxy, 0, FLAGS["NOT_A_GALAXY"].value)
        return (outside | other).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Detection:
    """A fitted detector: names and arrays.

    Parameters
    ----------
    kind : {"cutout", "flux"}
        Data that it judges.
    bands : tuple of str
        Bands of the data.
    size : int
        Side of the stamps in pixels.
    reasons : tuple of str
        Reasons; the first is `CLEAN`.
    false_alarms : float
        Share of clean galaxies that was to be reported.
    mean, std : ndarray of shape (p,)
        Of the features of clean galaxies.
    first, first_bias, second, second_bias, output, output_bias : ndarray
        Weights of the classifier: two hidden layers, and the logits of the reasons.
    whitening : ndarray of shape (p, p)
        Matrix that makes features of clean galaxies uncorrelated.
    surveys : ndarray of shape (n_surveys, 2)
        Median log10 of the pixel scale in arcsec, and of the noise in nJy.
    limits : ndarray of shape (n_surveys, 2)
        Largest squared distance from the mean, and log-ratio of the probability of all reasons to
        that of `CLEAN` above which a galaxy is reported.
    effects, levels, scatter : ndarray
        Responses of features to properties of a sample, see `~.sample_test`.
    """

    kind: str
    bands: tuple
    size: int
    reasons: tuple
    false_alarms: float
    mean: np.ndarray
    std: np.ndarray
    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    output: np.ndarray
    output_bias: np.ndarray
    whitening: np.ndarray
    surveys: np.ndarray
    limits: np.ndarray
    effects: np.ndarray
    levels: np.ndarray
    scatter: np.ndarray

    def judge(self, batch, inputs=None):
        """Judge galaxies.

        Parameters
        ----------
        batch : Batch
            n galaxies.
        inputs : CNNInputs, optional
            Result of `prepare` for them; made here by default.

        Returns
        -------
        Verdict
            Scores and reasons.
        """
        table, bright = self.features(batch, inputs)
        return self.verdict(table, bright)

    def features(self, batch, inputs=None):
        """Features of galaxies, and whether they are as bright as the training set."""
        if self.kind == "flux":
            return measure_fluxes(batch, self.bands)
        if inputs is None:
            inputs = prepare(batch, self.bands, size=self.size)
        present = inputs.context[:, ContextLayout(len(self.bands))["present"]] > 0.0
        pixels = self._pixels(batch)
        noise = inputs.pixel_noise, inputs.growth
        table = measure(pixels, *noise, present, batch.redshift, batch.pixel_scale)
        return table, (inputs.snr >= FAINT).any(axis=1)

    def _pixels(self, batch):
        """Central parts of stamps in all bands, without bad pixels."""
        rows, columns = central_pixels(batch.cutout.shape[2:], self.size)
        cutout, masked = (one[..., rows, columns] for one in (batch.cutout, batch.cutout_mask))
        if batch.cutout_bands != self.bands:
            cutout, masked = (self._ordered(one, batch.cutout_bands) for one in (cutout, masked))
        pixels = cutout.astype(np.float32, copy=False)
        if not is_constant(masked):
            pixels = np.where(masked, np.float32(np.nan), pixels)
        # A sum is finite if all pixels are, and needs no memory.
        return pixels if np.isfinite(pixels.sum()) else mend(pixels)

    def _ordered(self, stamps, bands):
        """Stamps in the bands of the detector; 0 in missing ones."""
        found = np.zeros((len(stamps), len(self.bands), self.size, self.size), stamps.dtype)
        for column, band in enumerate(self.bands):
            if band in bands:
                found[:, column] = stamps[:, bands.index(band)]
        return found

    def verdict(self, table, bright):
        """Judge galaxies by their features.

        Parameters
        ----------
        table : ndarray of shape (n, p)
            Features.
        bright : ndarray of bool of shape (n,)
            Whether galaxies are as bright as those of the training set.

        Returns
        -------
        Verdict
            Scores and reasons; galaxies without data have the score NaN and no reason.
        """
        ratios = self.ratios(table)
        # Noise can be as compact as point sources and artefacts.
        ratios[np.ix_(~bright, np.isin(self.reasons[1:], _no_galaxies()))] = -np.inf
        best = ratios.argmax(axis=1)
        distance, known = self.excess(table, ratios).T
        if self.kind == "cutout":
            self._check_plainly(table, known, best)
        margin = np.where(bright, 0.0, _FAINT_MARGIN)
        largest = np.maximum(np.minimum(distance, _MOST_UNUSUAL), known) - margin
        largest = np.where(self._is_blank(table), np.nan, largest)
        score = 1.0 / (1.0 + np.exp(-np.clip(largest, -30.0, 30.0)))
        likely = (known > margin) | (ratios.max(axis=1) > 0.0)
        reason = np.where(likely, np.array(self.reasons[1:])[best], UNUSUAL)
        reason = np.where(largest > 0.0, reason, CLEAN)
        return Verdict(score, reason, ~np.isin(reason, _no_galaxies()))

    def excess(self, table, ratios):
        """Half the squared distance, and log-ratio of all reasons, above their limits, (n, 2)."""
        values = np.clip(self.values(table), -MOST, MOST) @ self.whitening
        found = [np.square(values).sum(axis=1), logsumexp(ratios, axis=1)]
        excess = np.stack(found, axis=1) - self.limits[self.survey_of(table)]
        return excess * [0.5, 1.0]

    def _is_blank(self, table):
        """Galaxies without data in any band."""
        return ~self.has_band(table).any(axis=1)

    def has_band(self, table):
        """Bands that galaxies have, by their features (ndarray of bool of shape (n, n_bands))."""
        n_bands = len(self.bands)
        if self.kind == "cutout":
            return np.isfinite(table[:, : N_PLAIN * n_bands : N_PLAIN])
        return np.isfinite(table[:, n_bands : 2 * n_bands])

    def _check_plainly(self, table, excess, best):
        """Change excess and reason of galaxies whose fault is plain to see, in place."""
        n_bands = len(self.bands)
        plain = table[:, : N_PLAIN * n_bands].reshape(-1, n_bands, N_PLAIN)
        broken = np.any(plain[..., 2:] >= REPEATED, axis=2)
        scale = np.abs(self._distances(table)[0])
        # Where the pixel scale is unknown, its distance from all surveys is 0.
        near = scale <= np.minimum(scale.min(axis=1, keepdims=True), _SIMILAR)
        change = np.abs(plain[:, None, :, 0] - self.surveys[:, 1, None])
        limit = np.where(np.isnan(table[:, -2]), _UNIT_OF_ANY, _UNIT)
        same = np.any(change <= limit[:, None, None], axis=2)
        wrong = near.any(axis=1) & ~np.any(near & same, axis=1)
        for rows, reason in ((wrong, "units"), (broken.any(axis=1), "saturation")):
            excess[rows] = _CERTAIN
            best[rows] = self.reasons.index(reason) - 1

    def values(self, table):
        """Features in standard deviations from their means, 0 if unknown."""
        values = (table - self.mean) / self.std
        np.nan_to_num(values, copy=False)
        return np.clip(values, -_FARTHEST, _FARTHEST, out=values)

    def activations(self, values):
        """Last hidden units of the classifier, (n, n_hidden)."""
        first = np.maximum(values @ self.first + self.first_bias, 0.0)
        return np.maximum(first @ self.second + self.second_bias, 0.0)

    def ratios(self, table):
        """Log-ratios of all reasons to clean, (n, n_reasons - 1)."""
        logits = self.activations(self.values(table)) @ self.output + self.output_bias
        return logits[:, 1:] - logits[:, :1]

    def survey_of(self, table):
        """Number of the survey that is most similar in pixel scale and noise."""
        scale, noise = self._distances(table)
        distance = np.nan_to_num(np.abs(scale) / _SCALE_STEP + np.abs(noise) / _NOISE_STEP)
        return distance.argmin(axis=1)

    def _distances(self, table):
        """Differences in dex from all surveys, of pixel scale and noise."""
        if self.kind == "flux":
            return np.zeros((2, len(table), 1))
        noise = table[:, : N_PLAIN * len(self.bands) : N_PLAIN]
        known = np.isfinite(noise)
        mean = np.where(known, noise, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        scale = table[:, -2, None] - self.surveys[:, 0]
        return np.nan_to_num(scale), mean[:, None] - self.surveys[:, 1]

    def to_file(self):
        """Names for a manifest, and arrays by name.

        Returns
        -------
        names : dict
            Plain JSON.
        arrays : dict of str to ndarray
            All arrays.
        """
        content = {item.name: getattr(self, item.name) for item in fields(self)}
        arrays = {name: v for name, v in content.items() if isinstance(v, np.ndarray)}
        names = {name: v for name, v in content.items() if name not in arrays}
        plain = {name: list(v) if isinstance(v, tuple) else v for name, v in names.items()}
        return plain, arrays

    @classmethod
    def from_file(cls, names, arrays):
        """Read the result of `to_file`.

        Parameters
        ----------
        names : dict
            Plain JSON.
        arrays : dict of str to ndarray
            All arrays.

        Returns
        -------
        Detection
            The detector.

        Raises
        ------
        InputError
            If they do not fit together.
        """
        plain = {name: tuple(v) if isinstance(v, list) else v for name, v in names.items()}
        try:
            found = cls(**plain, **arrays)
            table = np.zeros((1, len(found.mean)))
            found.excess(table, found.ratios(table))
            shapes = found.output_bias.shape, found.limits.shape[1:]
        except (TypeError, ValueError) as error:
            msg = f"the detector must have all its arrays, {error}"
            raise InputError(msg) from error
        if shapes != ((len(found.reasons),), (2,)):
            msg = f"the detector must have a logit for each reason and two limits, got {shapes}"
            raise InputError(msg)
        return found


def _no_galaxies():
    """Reasons of sources that are no galaxies."""
    return sorted({one.reason for one in CORRUPTIONS.values() if not one.is_galaxy})
