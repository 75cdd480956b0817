"""`ShiftDetector`: galaxies that differ from those that a network was trained on."""

import numpy as np
from astropy.table import QTable
from sklearn.base import BaseEstimator
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import check_is_fitted

from dustest.data import as_sample
from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.files.model_file import read_model, write_model
from dustest.estimators._cnn.shift.features import border_noise, measure
from dustest.estimators.run.batch import make_batch

__all__ = ["ShiftDetector"]

_CLEAN = ""
_HIDDEN, _EPOCHS = 64, 12
_ARRAYS = ("hidden", "hidden_bias", "output", "output_bias", "mean", "std", "scales", "thresholds")
"""Names of the arrays in a file."""
_HELD_OUT = 4
"""One galaxy in four sets the thresholds and does not train the classifier."""


class ShiftDetector(BaseEstimator):
    """Detector of galaxies outside the training set of a network, with a reason for each.

    A classifier [1]_ is trained to separate two kinds of stamps: clean galaxies, with or without
    changes inside the trained range, and galaxies that were corrupted in known ways.

    Parameters
    ----------
    false_alarms : float, optional
        Largest share that is reported of clean galaxies, and of those changed inside the trained
        range, for each pixel scale of the training set.
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

    def __init__(self, false_alarms=0.04, random_state=0):
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
        self.reasons_ = (_CLEAN, *sorted({one.reason for one in self._corruptions()}))
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
        self.thresholds_ = {
            float(value): self._threshold(
                *(array[held_out & (scale == value)] for array in (stamps, redshift, scale)), rng
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
        probability = self._probabilities(self._features(stamps, redshift, scale))
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

    def save(self, path):
        """Write the detector into one file of safetensors with a manifest in JSON.

        Parameters
        ----------
        path : str or path-like
            File, in a folder that exists.

        Returns
        -------
        sha256 : str
            Digest of the file.

        Raises
        ------
        InputError
            If the folder does not exist.
        """
        check_is_fitted(self, "weights_")
        fitted = {"bands": list(self.bands_), "size": self.size_, "reasons": list(self.reasons_)}
        manifest = {
            "kind": type(self).__name__,
            "parameters": {"constructor": self.get_params(), "fitted": fitted},
            "created": {},
        }
        (hidden, first), (output, second) = self.weights_
        arrays = hidden, first, output, second, self.mean_, self.std_
        arrays += tuple(np.array(list(one)) for one in zip(*self.thresholds_.items(), strict=True))
        return write_model(path, manifest, dict(zip(_ARRAYS, arrays, strict=True)))

    @classmethod
    def load(cls, path, *, sha256=None):
        """Read a detector that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.
        sha256 : str, optional
            Digest that the file must have.

        Returns
        -------
        detector : ShiftDetector
            Detector that reports as the saved one did.

        Raises
        ------
        ReadError
            If there is no such file, it is damaged, or it is no detector.
        """
        manifest, arrays = read_model(path, kind=cls.__name__, sha256=sha256)
        detector = cls(**manifest["parameters"]["constructor"])
        fitted = manifest["parameters"]["fitted"]
        detector.bands_, detector.size_ = tuple(fitted["bands"]), fitted["size"]
        detector.reasons_ = tuple(fitted["reasons"])
        hidden, first, output, second, mean, std, scales, limits = (arrays[k] for k in _ARRAYS)
        detector.weights_ = [(hidden, first), (output, second)]
        detector.mean_, detector.std_ = mean, std
        detector.thresholds_ = dict(zip(scales.tolist(), limits.tolist(), strict=True))
        return detector

    def _read(self, sample):
        """Stamps in the bands of the detector, redshifts and pixel scales."""
        batch = make_batch(as_sample(sample))
        place = [batch.cutout_bands.index(band) for band in self.bands_]
        stamps = np.where(batch.cutout_mask, 0.0, np.nan_to_num(batch.cutout))[:, place]
        return stamps, batch.redshift, batch.pixel_scale

    def _corruptions(self):
        """Corruptions that stamps in these bands show."""
        return [one for one in CORRUPTIONS.values() if one.least_bands <= len(self.bands_)]

    def _corrupted(self, stamps, redshift, scale, rng):
        """Features and reasons of clean galaxies and all their corruptions."""
        rms = border_noise(self._centre(stamps))
        features = self._clean(stamps, redshift, scale, rng)
        labels = [np.zeros(len(one), int) for one in features]
        for one in self._corruptions():
            changed, _, stated = one.apply(stamps, rms, redshift, rng)
            features.append(self._features(changed, stated, scale))
            labels.append(np.full(len(stamps), self.reasons_.index(one.reason)))
        return np.concatenate(features), np.concatenate(labels)

    def _clean(self, stamps, redshift, scale, rng):
        """Features of clean galaxies, then of each change inside the trained range."""
        rms = border_noise(self._centre(stamps))
        features = [self._features(stamps, redshift, scale)]
        for one in self._corruptions():
            if one.inside is not None:
                changed, _, stated = one.apply(stamps, rms, redshift, rng, one.inside)
                features.append(self._features(changed, stated, scale))
        return features

    def _threshold(self, stamps, redshift, scale, rng):
        """Score that few clean galaxies exceed, and few of those changed inside the range."""
        features = self._clean(stamps, redshift, scale, rng)
        groups = features[0], np.concatenate(features[1:])
        scores = (1.0 - self._probabilities(group)[:, 0] for group in groups)
        return max(float(np.quantile(score, 1.0 - self.false_alarms)) for score in scores)

    def _features(self, stamps, redshift, scale):
        """Features of the central parts of stamps."""
        return measure(self._centre(stamps), redshift, scale)

    def _centre(self, stamps):
        """Central parts of the size of the networks."""
        first = (stamps.shape[-1] - self.size_) // 2
        inside = slice(first, first + self.size_)
        return stamps[..., inside, inside]

    def _probabilities(self, features):
        """Probability of each reason, (n, n_reasons)."""
        values = (features - self.mean_) / self.std_
        (hidden, first), (output, second) = self.weights_
        logits = np.maximum(values @ hidden + first, 0.0) @ output + second
        logits = np.exp(logits - logits.max(axis=1, keepdims=True))
        return logits / logits.sum(axis=1, keepdims=True)
