"""`ShiftDetector`: galaxies that differ from those that a network was trained on."""

from numbers import Integral

import numpy as np
from astropy.table import QTable
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from dustest.data import as_sample
from dustest.data.checks.numbers import check_number, is_number
from dustest.data.checks.sample_columns import band_column_name
from dustest.data.checks.units import FLUX_UNIT
from dustest.data.errors import InputError, ReadError
from dustest.data.identity.seeds import as_generator
from dustest.data.messages import not_one_of
from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.corruptions.pixels import NoiseSource
from dustest.estimators._cnn.files.manifest import DETECTOR, detector_of
from dustest.estimators._cnn.files.pretrained import pretrained_file
from dustest.estimators._cnn.inputs import border_noise, central_pixels, check_bands
from dustest.estimators._cnn.shift.bad_pixels import mend
from dustest.estimators._cnn.shift.learning import Galaxies, learn_detection, mosaic_source
from dustest.estimators._cnn.shift.sample_test import compare_with_training
from dustest.estimators.non_galaxies import COLOUR_BANDS, find_non_galaxies
from dustest.estimators.run.batch import make_batch
from dustest.estimators.run.files.model_file import rebuild, write_model

__all__ = ["ShiftDetector"]

_DATA = {"cutout": "cutouts", "flux": "fluxes"}
"""Words for the data of each kind."""
_CHUNK = 4096
"""Galaxies that are converted at once."""


class ShiftDetector(BaseEstimator):
    """Detector of galaxies outside the training set of a network, with a reason for each.

    A classifier [1]_ separates clean galaxies, with or without changes inside the range that
    networks are trained on, from galaxies that were corrupted in known ways. What no known
    corruption makes is found by its distance from the training set [2]_ in features of the
    stamps, and zeros, saturated pixels and wrong units by plain checks.

    Parameters
    ----------
    bands : sequence of str, optional
        Bands; all of the training set by default.
    size : int, optional
        Side of the stamps in pixels. Larger stamps lose their border.
    kind : {"cutout", "flux"}, optional
        Data to judge: stamps, or photometry alone.
    false_alarms : float, optional
        Share that is reported of the clean galaxies of each survey.
    random_state : int, optional
        Seed of the corruptions and of the classifier.

    Attributes
    ----------
    reasons_ : tuple of str
        Reasons that can be reported, besides ``"unusual"`` for unknown ones.

    See Also
    --------
    dustest.CNNEstimator.use_detector : Let a detector flag galaxies whenever a network estimates.

    Notes
    -----
    Galaxies with a signal-to-noise ratio below 2 in all bands, which are fainter than those that
    were learned, are reported only if they exceed the limits by far, and never as point sources
    or artefacts. Other grains or
    another relation of star formation and mass change stamps no more than galaxies differ, and
    cannot be seen.

    References
    ----------
    .. [1] Hendrycks & Gimpel 2017, ICLR, arXiv:1610.02136 (scores of classifiers as detectors).
    .. [2] Lee et al. 2018, Advances in Neural Information Processing Systems 31,
       arXiv:1807.03888 (Mahalanobis distance of features).

    Examples
    --------
    >>> import numpy as np
    >>> from dustest import GalaxySample, ShiftDetector
    >>> from astropy import units as u
    >>> rng = np.random.default_rng(1)
    >>> stamps = rng.normal(0.0, 0.1, (60, 40, 40))
    >>> stamps += 5.0 * np.exp(-0.1 * np.sum((np.mgrid[:40, :40] - 19.5) ** 2, axis=0))
    >>> columns = {"id": np.arange(60), "redshift": rng.uniform(6.0, 9.0, 60)}
    >>> columns |= {"cutout_F277W": stamps * u.nJy, "pixel_scale": np.full(60, 0.03) * u.arcsec}
    >>> detector = ShiftDetector().fit(GalaxySample(columns))
    >>> stamps[0, 18:22, 18:22] = 0.0
    >>> report = detector.report(GalaxySample(columns | {"cutout_F277W": stamps * u.nJy}))
    >>> report["reason"][0]
    np.str_('saturation')
    """

    def __init__(self, bands=None, *, size=32, kind="cutout", false_alarms=0.03, random_state=0):
        self.bands = bands
        self.size = size
        self.kind = kind
        self.false_alarms = false_alarms
        self.random_state = random_state

    def fit(self, X, survey=None, *, examples=None):
        """Train the detector on corrupted copies of clean galaxies.

        Parameters
        ----------
        X : GalaxySample
            Clean galaxies. Stamps larger than ``size`` let corruptions bring in real pixels from
            beyond the border. Views of one galaxy share a ``group``.
        survey : array_like of shape (n,), optional
            Name or number of the survey of each galaxy; each survey has limits of its own. All
            are of one by default.
        examples : dict of str to GalaxySample, optional
            Galaxies outside the training set by their reason, in addition to the corruptions.

        Returns
        -------
        self : ShiftDetector
            The detector itself.

        Raises
        ------
        InputError
            If an argument is invalid, bands are missing, stamps are smaller than ``size``, or a
            survey has too few galaxies.
        """
        self._check()
        sample = as_sample(X)
        bands = self._bands_of(sample)
        others = {
            reason: self._galaxies(as_sample(one), bands, name=f"examples[{reason!r}]")
            for reason, one in _check_examples(examples).items()
        }
        galaxies = self._galaxies(sample, bands, _survey_numbers(survey, len(sample)))
        self.detection_ = learn_detection(
            galaxies, others, bands, self.size, self.kind, self.false_alarms, self.random_state
        )
        return self

    @property
    def reasons_(self):
        """Reasons that can be reported."""
        return self.detection_.reasons[1:]

    def report(self, sample):
        """Report which galaxies are outside the training set, and why.

        Parameters
        ----------
        sample : GalaxySample
            n galaxies with data in some of the bands of the detector.

        Returns
        -------
        report : QTable
            n rows: ``id``, ``score`` (from 0 to 1), ``out_of_domain`` (whether it exceeds 0.5),
            ``reason`` (empty if there is none) and ``not_a_galaxy``: for point sources and
            artefacts, and by `find_non_galaxies` where the sample has photometry for it. The
            score of galaxies without data is NaN.

        Raises
        ------
        InputError
            If the sample has no data in the bands of the detector, or stamps that are too small.
        """
        check_is_fitted(self, "detection_")
        sample = as_sample(sample)
        found = self.detection_
        check_bands(found.bands, _bands_with(found.kind, sample), _DATA[found.kind])
        verdicts = [self.detection_.judge(batch) for batch in _batches(sample)]
        score, reason, is_galaxy = (
            np.concatenate([getattr(one, name) for one in verdicts])
            for name in ("score", "reason", "is_galaxy")
        )
        other = ~is_galaxy
        if set(COLOUR_BANDS) <= set(sample.bands):
            other |= find_non_galaxies(sample)["not_a_galaxy"]
        columns = {"id": sample["id"], "score": score, "out_of_domain": reason != ""}
        return QTable(columns | {"reason": reason, "not_a_galaxy": other})

    def test_sample(self, sample):
        """Test which property of a whole sample differs from the training set, and by how much.

        Parameters
        ----------
        sample : GalaxySample
            Galaxies, 100 or more. Those that lack one of the bands, or have a signal-to-noise
            ratio below 2 in all, are left out.

        Returns
        -------
        result : QTable
            A row for each property: ``property``, ``quantity``, ``usual`` (value of the training
            set), ``value`` with its ``error``, ``significance`` and ``differs``. Two samples
            whose galaxies differ in size, colour or brightness differ in these, too.

        Raises
        ------
        InputError
            If the detector is one of photometry, or fewer than two galaxies are left.
        """
        check_is_fitted(self, "detection_")
        if self.kind == "flux":
            msg = "test_sample needs a detector of stamps, got one of photometry"
            raise InputError(msg)
        found = [self.detection_.features(batch) for batch in _batches(as_sample(sample))]
        table, bright = (np.concatenate(parts) for parts in zip(*found, strict=True))
        table = table[bright & self.detection_.has_band(table).all(axis=1)]
        if len(table) < 2:
            bands = ", ".join(self.detection_.bands)
            msg = (
                "the sample must have 2 galaxies or more, and better 100, with a signal-to-noise "
                f"ratio of 2 and stamps in all of {bands}, got {len(table)}; a detector of fewer "
                "bands needs no others, see ShiftDetector(bands=...)"
            )
            raise InputError(msg)
        return QTable(rows=compare_with_training(table, self.detection_))

    def corrupt(self, sample, corruption, *, strength=None, random_state=None):
        """Change galaxies in one of the ways that detectors learn.

        Parameters
        ----------
        sample : GalaxySample
            n galaxies with data of the detector's kind, all of one survey.
        corruption : str
            One of the corruptions, such as ``"wide PSF"`` or ``"zero point"``.
        strength : tuple of float, optional
            Range of the strength, drawn evenly; that outside the trained range by default.
        random_state : int, Generator or None, optional
            Seed. Strengths of the same galaxies are the same for both kinds of data.

        Returns
        -------
        sample : GalaxySample
            A copy with other stamps in nJy per pixel, or with other fluxes and errors for
            ``kind="flux"``.

        Raises
        ------
        InputError
            If there is no such corruption, it does not change data of this kind or so few bands,
            or data are missing.

        Examples
        --------
        >>> import numpy as np
        >>> from dustest import ShiftDetector
        >>> from dustest.io import load_demo
        >>> sample, _ = load_demo()
        >>> wide = ShiftDetector().corrupt(sample[:8], "wide PSF", random_state=1)
        >>> bool(wide["cutout_F277W"][0].max() < sample["cutout_F277W"][0].max())
        True
        """
        self._check()
        sample = as_sample(sample)
        bands = self._bands_of(sample)
        one = self._corruption_of(corruption, bands)
        galaxies, rng = self._arrays(sample, bands), as_generator(random_state)
        source = NoiseSource(rng)
        if self.kind == "cutout":
            source = mosaic_source(galaxies, bands, rng)
        known = galaxies.stamps, galaxies.errors, galaxies.redshift
        stamps, errors, redshift = one.apply(*known, source, strength)
        changed = sample.copy()
        if "redshift" in sample.colnames:
            changed["redshift"] = redshift
        for number, band in enumerate(bands):
            factor = errors[:, number] / galaxies.errors[:, number]
            _replace_data(changed, self.kind, band, stamps[:, number], factor)
        return changed

    def _corruption_of(self, name, bands):
        """A corruption that data of the kind show in some bands."""
        if not isinstance(name, str) or name not in CORRUPTIONS:
            raise InputError(not_one_of("corruption", name, list(CORRUPTIONS)))
        one = CORRUPTIONS[name]
        if len(bands) < one.least_bands or not (self.kind == "cutout" or one.is_photometric):
            msg = (
                f"corruption must be one that {_DATA[self.kind]} in {', '.join(bands)} show, got "
                f"{name!r}"
            )
            raise InputError(msg)
        return one

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
        check_is_fitted(self, "detection_")
        names, arrays = self.detection_.to_file()
        manifest = {"kind": type(self).__name__, "parameters": {DETECTOR: names}, "created": {}}
        return write_model(path, manifest, {f"{DETECTOR}/{k}": v for k, v in arrays.items()})

    @classmethod
    def load(cls, path, *, sha256=None):
        """Read a detector that `save` wrote, or that of a network.

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
            If there is no such file, it is damaged, or it has no detector.
        """
        kinds = (cls.__name__, "CNNEstimator")
        known = {"kind": kinds, "sha256": sha256, "called": "a detector"}
        detection, _ = rebuild(path, detector_of, **known)
        if detection is None:
            msg = f"{path} has networks without a detector: fit one, see ShiftDetector.fit"
            raise ReadError(msg)
        names = ("bands", "size", "kind", "false_alarms")
        detector = cls(**{name: getattr(detection, name) for name in names})
        detector.detection_ = detection
        return detector

    @classmethod
    def from_pretrained(cls, name):
        """Get the detector of networks that come with dustest.

        Parameters
        ----------
        name : str
            Name of the networks, see
            `~dustest.estimators.cnn.CNNEstimator.from_pretrained`.

        Returns
        -------
        detector : ShiftDetector
            Detector that flags galaxies when these networks estimate.

        Raises
        ------
        InputError
            If there are no such networks.
        ReadError
            If their file is not the one that dustest came with, or has no detector.

        Examples
        --------
        >>> from dustest import ShiftDetector
        >>> ShiftDetector.from_pretrained("nircam-3band").bands
        ('F277W', 'F356W', 'F444W')
        """
        path, sha256 = pretrained_file(name)
        return cls.load(path, sha256=sha256)

    def _check(self):
        """Raise an error for an invalid parameter."""
        if self.kind not in _DATA:
            msg = f"kind must be one of {', '.join(_DATA)}, got {self.kind!r}"
            raise InputError(msg)
        if not is_number(self.size, Integral) or self.size < 32 or self.size % 8:
            msg = f"size must be a multiple of 8 pixels, from 32, got {self.size!r}"
            raise InputError(msg)
        check_number(self.false_alarms, "false_alarms", 0.0, 1.0)
        check_number(
            self.random_state,
            "random_state",
            0,
            2**32 - 1,
            kind=Integral,
            expected="an integer from 0 to 4294967295",
        )

    def _bands_of(self, sample):
        """Bands to learn: those of the parameter, or all of the sample."""
        found = _bands_with(self.kind, sample)
        if not found:
            msg = f"X must have {_DATA[self.kind]} for kind={self.kind!r}, got none"
            raise InputError(msg)
        if self.bands is None:
            return found
        one = isinstance(self.bands, str) or not np.iterable(self.bands)
        if one or not len(self.bands) or not all(isinstance(band, str) for band in self.bands):
            msg = f"bands must be a sequence of names such as ['F277W'], got {self.bands!r}"
            raise InputError(msg)
        names = tuple(map(band_column_name, self.bands))
        if len(set(names)) < len(names):
            msg = f"bands must name each band once, got {', '.join(names)}"
            raise InputError(msg)
        return names

    def _galaxies(self, sample, bands, survey=None, name="X"):
        """Arrays of the galaxies of a training set that have data."""
        galaxies = self._arrays(sample, bands, survey, name)
        usable = galaxies.present.any(axis=1)
        if not usable.any():
            msg = f"{name} must have galaxies with data in {', '.join(bands)}, got none"
            raise InputError(msg)
        return galaxies[usable]

    def _arrays(self, sample, bands, survey=None, name="X"):
        """Arrays of galaxies, with or without data."""
        batch = make_batch(sample)
        n = len(sample)
        known = batch.cutout_bands if self.kind == "cutout" else batch.bands
        missing = sorted(set(bands) - set(known))
        if missing:
            msg = (
                f"{name} must have {_DATA[self.kind]} in all of {', '.join(bands)}, got none in "
                f"{', '.join(missing)}"
            )
            raise InputError(msg)
        place = [known.index(band) for band in bands]
        if self.kind == "cutout":
            stamps = self._squares(batch)[:, place]
            side = stamps.shape[-1]
            errors = border_noise(stamps.reshape(-1, side, side))[0].astype(np.float32)
            errors = np.maximum(errors.reshape(n, -1), 1e-12)
            present = np.any(stamps != 0.0, axis=(2, 3))
        else:
            stamps, errors = batch.flux[:, place, None, None], batch.flux_err[:, place]
            present = np.isfinite(errors)
        group = np.asarray(sample["group"]) if "group" in sample.colnames else np.arange(n)
        survey = np.zeros(n, int) if survey is None else survey
        known = batch.redshift, batch.pixel_scale, present
        return Galaxies(stamps, errors, *known, survey, group)

    def _squares(self, batch):
        """Central squares of stamps with an even side, as large as possible."""
        shape = batch.cutout.shape[2:]
        central_pixels(shape, self.size)
        rows, columns = central_pixels(shape, min(shape) // 2 * 2)
        stamps, masked = (one[..., rows, columns] for one in (batch.cutout, batch.cutout_mask))
        return mend(np.where(masked, np.nan, stamps).astype(np.float32))


def _bands_with(kind, sample):
    """Bands in which a sample has data of a kind."""
    return sample.cutout_bands if kind == "cutout" else sample.bands


def _replace_data(sample, kind, band, stamps, factor):
    """Replace the data of a band in place; errors change by a factor of each galaxy."""
    name, error = f"{kind}_{band}", f"{kind}_err_{band}"
    values = stamps if kind == "cutout" else stamps[:, 0, 0]
    sample[name] = values << FLUX_UNIT
    if error in sample.colnames:
        sample[error] = (sample[error].T * factor).T


def _survey_numbers(survey, n):
    """Number of the survey of each galaxy."""
    if survey is None:
        return np.zeros(n, int)
    names = np.asarray(survey)
    if names.shape != (n,):
        msg = f"survey must have one name or number for each of {n} galaxies, got {names.shape}"
        raise InputError(msg)
    return np.unique(names if names.dtype != object else names.astype(str), return_inverse=True)[1]


def _check_examples(examples):
    """Samples by reason; none by default."""
    examples = {} if examples is None else examples
    if not isinstance(examples, dict) or not all(isinstance(k, str) and k for k in examples):
        got = list(examples) if isinstance(examples, dict) else examples
        msg = f"examples must be a dict of reason to sample, got {got!r:.100}"
        raise InputError(msg)
    return examples


def _batches(sample):
    """Parts of a sample as arrays."""
    for start in range(0, len(sample), _CHUNK):
        yield make_batch(sample, slice(start, start + _CHUNK))
