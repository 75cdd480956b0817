"""`ShiftDetector`: galaxies that differ from those that a network was trained on."""

import numpy as np
from astropy.table import QTable
from sklearn.base import BaseEstimator
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import check_is_fitted

from dustest.data import as_sample
from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.shift.features import border_noise, measure
from dustest.estimators.run.batch import make_batch

__all__ = ["ShiftDetector"]

_CLEAN = ""
_HIDDEN, _EPOCHS = 48, 12
_HELD_OUT = 4
"""One galaxy in four sets the thresholds and does not train the classifier."""


class ShiftDetector(BaseEstimator):
    """Detector of galaxies outside the training set of a network, with a reason for each.

    A classifier of stamps [1]_ learns to tell clean galaxies, and changes inside the trained
    range, from galaxies that were corrupted in known ways.

    Parameters
    ----------
    false_alarms : float, optional
        Share of clean galaxies that are reported, for each pixel scale of the training set.
    random_state : int, optional
        Seed of the corruptions and of the classifier.

    Attributes
    ----------
    reasons_ : tuple of str
        Reasons that can be reported; the first, an empty text, means that there is none.
    thresholds_ : dict of float to float
        Score above which a galaxy is reported, by pixel scale in arcsec.

    References
    ----------
    .. [1] Hendrycks & Gimpel 2017, ICLR, arXiv:1610.02136 (scores of classifiers as detectors).
    """

    def __init__(self, false_alarms=0.05, random_state=0):
        self.false_alarms = false_alarms
        self.random_state = random_state

    def fit(self, cnn, X):
        """Train the classifier on corrupted copies of clean galaxies.

        Parameters
        ----------
        cnn : CNNEstimator
            Trained networks, whose bands and size of stamps are used.
        X : GalaxySample
            Clean galaxies with cutouts in these bands. Stamps larger than those of the networks
            let corruptions bring in real pixels from beyond the border.

        Returns
        -------
        self : ShiftDetector
            The detector itself.
        """
        rng = np.random.default_rng(self.random_state)
        self.bands_, self.size_ = tuple(cnn.bands), cnn.size
        self.reasons_ = (_CLEAN, *sorted({one.reason for one in CORRUPTIONS.values()}))
        stamps, redshift, scale = self._read(X)
        held_out = np.arange(len(stamps)) % _HELD_OUT == 0
        learned = stamps[~held_out], redshift[~held_out], scale[~held_out]
        features, labels = self._corrupted(*learned, rng)
        self.mean_, self.std_ = features.mean(axis=0), features.std(axis=0) + 1e-6
        network = MLPClassifier(
            (_HIDDEN,),
            batch_size=min(256, len(features)),
            learning_rate_init=3e-3,
            random_state=self.random_state,
        )
        # Single passes: MLPClassifier.fit warns wherever it stops before its own criterion.
        scaled, classes = (features - self.mean_) / self.std_, np.arange(len(self.reasons_))
        for _ in range(_EPOCHS):
            order = rng.permutation(len(scaled))
            network.partial_fit(scaled[order], labels[order], classes=classes)
        self.weights_ = list(zip(network.coefs_, network.intercepts_, strict=True))
        score = 1.0 - self._probabilities(stamps[held_out], redshift[held_out], scale[held_out])
        self.thresholds_ = {
            float(value): float(
                np.quantile(score[scale[held_out] == value, 0], 1.0 - self.false_alarms)
            )
            for value in np.unique(scale[held_out])
        }
        return self

    def report(self, sample):
        """Report which galaxies are outside the training set, and why.

        Parameters
        ----------
        sample : GalaxySample
            n galaxies with cutouts in all bands of the detector.

        Returns
        -------
        report : QTable
            n rows: ``id``, ``score`` (probability of any reason, from 0 to 1), ``out_of_domain``
            and ``reason`` (empty if there is none).
        """
        check_is_fitted(self, "weights_")
        stamps, redshift, scale = self._read(sample)
        probability = self._probabilities(stamps, redshift, scale)
        score = 1.0 - probability[:, 0]
        known = np.array(list(self.thresholds_))
        nearest = np.abs(np.nan_to_num(scale, nan=known[0])[:, None] - known).argmin(axis=1)
        outside = score > np.array(list(self.thresholds_.values()))[nearest]
        reason = np.array(self.reasons_)[1 + probability[:, 1:].argmax(axis=1)]
        return QTable(
            {
                "id": as_sample(sample)["id"],
                "score": score,
                "out_of_domain": outside,
                "reason": np.where(outside, reason, _CLEAN),
            }
        )

    def _read(self, sample):
        """Stamps in the bands of the detector, redshifts and pixel scales."""
        batch = make_batch(as_sample(sample))
        place = [batch.cutout_bands.index(band) for band in self.bands_]
        stamps = np.where(batch.cutout_mask, 0.0, np.nan_to_num(batch.cutout))[:, place]
        return stamps, batch.redshift, batch.pixel_scale

    def _corrupted(self, stamps, redshift, scale, rng):
        """Features and reasons of clean galaxies and all their corruptions."""
        rms = border_noise(self._centre(stamps))
        features, labels = [self._features(stamps, redshift, scale)], [np.zeros(len(stamps), int)]
        for one in CORRUPTIONS.values():
            for reason, strength in ((one.reason, one.strength), (_CLEAN, one.inside)):
                if strength is not None:
                    changed, _, stated = one.apply(stamps, rms, redshift, rng, strength)
                    features.append(self._features(changed, stated, scale))
                    labels.append(np.full(len(stamps), self.reasons_.index(reason)))
        return np.concatenate(features), np.concatenate(labels)

    def _features(self, stamps, redshift, scale):
        """Features of the central parts of stamps."""
        return measure(self._centre(stamps), redshift, scale)

    def _centre(self, stamps):
        """Central parts of the size of the networks."""
        first = (stamps.shape[-1] - self.size_) // 2
        inside = slice(first, first + self.size_)
        return stamps[..., inside, inside]

    def _probabilities(self, stamps, redshift, scale):
        """Probability of each reason, (n, n_reasons)."""
        values = (self._features(stamps, redshift, scale) - self.mean_) / self.std_
        (hidden, first), (output, second) = self.weights_
        logits = np.maximum(values @ hidden + first, 0.0) @ output + second
        logits = np.exp(logits - logits.max(axis=1, keepdims=True))
        return logits / logits.sum(axis=1, keepdims=True)
