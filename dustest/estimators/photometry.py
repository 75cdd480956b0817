"""`Photometry`, total fluxes as features of scikit-learn, and the same numbers for networks."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from dustest.data.bands import get_band, has_curve
from dustest.data.checks.sample_columns import band_column_name
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.data.messages import shown
from dustest.estimators.run.batch import make_batch

__all__ = [
    "BAND_COLUMNS",
    "Photometry",
    "change_fluxes",
    "flux_columns",
    "fluxes_from",
    "fluxes_of",
    "order_bands",
]

BAND_COLUMNS = ("has", "snr", "flux", "error")
"""Columns of a band: whether it is there, asinh S/N, and flux and error over the reference."""

_ZERO_POINT = 0.02
"""Standard deviation of the relative error of the zero point of a band in training."""

_NOISE = 0.3
"""Largest noise that training adds to fluxes, in units of their errors."""

_DROPPED = 0.3
"""Share of galaxies that lose some of their fluxes in training."""

_LN_10 = np.log(10.0)
_CLEAREST = 1e4
"""Highest signal-to-noise ratio; smaller errors are raised."""
_LARGEST = 6.0
"""Dex within which errors are of the reference flux."""


class Photometry(TransformerMixin, BaseEstimator):
    r"""Total fluxes of galaxies as a matrix of features, for any method of scikit-learn.

    Fluxes are relative to a reference, so that features are colours. The logarithm is replaced by
    the inverse hyperbolic sine [1]_, so that fluxes below their noise, and negative ones, are
    features like any others.

    Parameters
    ----------
    bands : sequence of str, optional
        Bands; by default those of the sample of `fit`, by wavelength.

    Attributes
    ----------
    bands_ : tuple of str
        Names of the bands in columns of samples.
    n_features_out_ : int
        Number of features.

    See Also
    --------
    FusionEstimator : Combination of methods, of which one may be such features.

    Notes
    -----
    The reference is the mean flux of the bands that a galaxy has, with negative ones as 0, or the
    noise of that mean if it is larger. The features are, for each band with flux :math:`f` and
    error :math:`\sigma`, relative to the reference,

    * ``has_<BAND>``: 1, or 0 if there is no flux, or no positive error;
    * ``snr_<BAND>``: :math:`s = \operatorname{asinh}(f / 2 \sigma) / \ln 10`, which is the
      logarithm of the signal-to-noise ratio where that is large;
    * ``flux_<BAND>``: :math:`s + \log_{10} \sigma`, the logarithm of the flux where it is well
      above its error;
    * ``error_<BAND>``: :math:`\log_{10} \sigma`,

    all 0 if the band is missing; then ``log_reference`` (nJy), ``redshift`` and ``has_redshift``
    (both 0 if unknown). No feature is NaN.

    References
    ----------
    .. [1] Lupton, Gunn & Szalay 1999, AJ 118, 1406.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from dustest import Photometry
    >>> from dustest.testing import make_check_sample
    >>> sample, truth = make_check_sample()
    >>> forest = RandomForestRegressor(n_estimators=10, random_state=1)
    >>> model = make_pipeline(Photometry(), StandardScaler(), forest)
    >>> model.fit(sample, truth["A_V"]).predict(sample).shape
    (4,)
    >>> Photometry(["F277W"]).fit(sample).get_feature_names_out().tolist()[:4]
    ['has_F277W', 'snr_F277W', 'flux_F277W', 'error_F277W']
    """

    references: ClassVar[tuple] = ("Lupton1999",)

    def __init__(self, bands=None):
        self.bands = bands

    def fit(self, X, y=None):  # noqa: ARG002 - the interface of scikit-learn
        """Note the bands.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            Galaxies with fluxes.
        y : object, optional
            Not used.

        Returns
        -------
        self : Photometry
            The transformer itself.

        Raises
        ------
        InputError
            If there are no fluxes, or ``bands`` are no names of bands.
        """
        bands = as_sample(X).bands if self.bands is None else _check_bands(self.bands)
        if not bands:
            msg = "X must have fluxes in at least one band, got none: add columns flux_<BAND>"
            raise InputError(msg)
        self.bands_ = order_bands(bands) if self.bands is None else bands
        self.n_features_out_ = len(BAND_COLUMNS) * len(bands) + len(_OF_A_GALAXY)
        return self

    def transform(self, X):
        """Make the features.

        Parameters
        ----------
        X : GalaxySample or anything that `~dustest.data.as_sample` takes
            n galaxies with fluxes in at least one of the bands.

        Returns
        -------
        features : ndarray of shape (n, n_features)
            See the notes of the class.

        Raises
        ------
        InputError
            If there are no fluxes in any of the bands.
        """
        check_is_fitted(self)
        sample = as_sample(X)
        if not set(self.bands_) & set(sample.bands):
            msg = (
                f"X must have fluxes in at least one of the bands {', '.join(self.bands_)}, got "
                f"{shown(sample.bands) if sample.bands else 'none'}"
            )
            raise InputError(msg)
        batch = make_batch(sample)
        columns, log_reference = flux_columns(*fluxes_of(batch, self.bands_))
        of_bands = np.stack([columns[name] for name in BAND_COLUMNS], axis=-1)
        known = np.isfinite(batch.redshift)
        of_galaxies = log_reference, np.where(known, batch.redshift, 0.0), known
        return np.column_stack([of_bands.reshape(len(sample), -1), *of_galaxies])

    def get_feature_names_out(self, input_features=None):  # noqa: ARG002 - as scikit-learn's
        """List the names of the features.

        Parameters
        ----------
        input_features : object, optional
            Not used.

        Returns
        -------
        names : ndarray of str of shape (n_features,)
            See the notes of the class.
        """
        check_is_fitted(self)
        names = [f"{column}_{band}" for band in self.bands_ for column in BAND_COLUMNS]
        return np.array([*names, *_OF_A_GALAXY], dtype=object)

    def has_data(self, features):
        """Find galaxies with any flux.

        Parameters
        ----------
        features : ndarray of shape (n, n_features)
            Result of `transform`.

        Returns
        -------
        has_data : ndarray of bool of shape (n,)
            Whether there is a flux in any band.
        """
        check_is_fitted(self)
        return self._of_bands(features)[..., 0].any(axis=1)

    def augment(self, features, random_state=None):
        """Change galaxies at random, so that a method learns to do with fewer or noisier fluxes.

        Zero points of bands change by 2 %, noise of up to 0.3 of the errors is added, and 30 % of
        the galaxies lose bands, but not all of them.

        Parameters
        ----------
        features : ndarray of shape (n, n_features)
            Result of `transform`.
        random_state : None, int or numpy.random.Generator, optional
            Source of random numbers.

        Returns
        -------
        changed : ndarray of shape (n, n_features)
            Features of the changed galaxies.
        """
        check_is_fitted(self)
        of_bands = self._of_bands(features)
        columns = dict(zip(BAND_COLUMNS, np.moveaxis(of_bands, -1, 0), strict=True))
        first = of_bands[0].size
        reference = features[:, first + _OF_A_GALAXY.index("log_reference")]
        flux, error = fluxes_from(columns, reference)
        rng = np.random.default_rng(random_state)
        columns, reference = flux_columns(*change_fluxes(flux, error, rng))
        changed = np.array(features, dtype=float)
        stacked = np.stack([columns[name] for name in BAND_COLUMNS], axis=-1)
        changed[:, :first] = stacked.reshape(len(changed), -1)
        changed[:, first + _OF_A_GALAXY.index("log_reference")] = reference
        return changed

    def _of_bands(self, features):
        """Features by band, of shape (n, n_bands, n_columns)."""
        n_bands = len(self.bands_)
        part = np.asarray(features)[:, : len(BAND_COLUMNS) * n_bands]
        return part.reshape(len(part), n_bands, len(BAND_COLUMNS))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = True
        return tags


_OF_A_GALAXY = ("log_reference", "redshift", "has_redshift")


def order_bands(bands):
    """Sort bands by wavelength; those without a curve are last, by name.

    Parameters
    ----------
    bands : iterable of str
        Names of bands, in any spelling.

    Returns
    -------
    bands : tuple of str
        Their names in columns, each once.

    Examples
    --------
    >>> from dustest.estimators.photometry import order_bands
    >>> order_bands(["F444W", "F115W", "F277W"])
    ('F115W', 'F277W', 'F444W')
    """
    names = set(map(band_column_name, bands))
    return tuple(sorted(names, key=lambda name: (_pivot(name), name)))


def _pivot(name):
    """Wavelength of a band; infinite if its curve is not known."""
    return get_band(name).pivot if has_curve(name) else np.inf


def fluxes_of(batch, bands):
    """Fluxes and errors of galaxies in some bands.

    Parameters
    ----------
    batch : Batch
        n galaxies.
    bands : sequence of str
        Names of bands in columns.

    Returns
    -------
    flux, error : ndarray of shape (n, n_bands)
        In nJy; NaN where a band is missing.
    """
    place = {name: number for number, name in enumerate(batch.bands)}
    found = np.full((2, len(batch), len(bands)), np.nan)
    for column, name in enumerate(bands):
        if name in place:
            found[:, :, column] = batch.flux[:, place[name]], batch.flux_err[:, place[name]]
    return tuple(found)


def flux_columns(flux, error):
    """Features of bands.

    Parameters
    ----------
    flux, error : ndarray of shape (n, n_bands)
        Fluxes and their standard deviations; NaN if missing.

    Returns
    -------
    columns : dict of str to ndarray of shape (n, n_bands)
        ``BAND_COLUMNS`` by name, see `Photometry`; 0 if a band is missing.
    log_reference : ndarray of shape (n,)
        Logarithm of the reference flux; 0 without any band.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators.photometry import flux_columns
    >>> columns, log_reference = flux_columns(np.array([[9.0, 11.0, np.nan]]), np.ones((1, 3)))
    >>> columns["snr"].round(2), log_reference
    (array([[0.96, 1.04, 0.  ]]), array([1.]))
    """
    has = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    flux, error = np.where(has, flux, 0.0), np.where(has, error, 1.0)
    error = np.maximum(error, np.abs(flux) / _CLEAREST)
    n_bands = np.maximum(has.sum(axis=1), 1)
    mean = np.sum(np.maximum(flux, 0.0), axis=1, where=has) / n_bands
    noise = np.sqrt(np.sum(np.square(error), axis=1, where=has)) / n_bands
    reference = np.where(has.any(axis=1), np.maximum(mean, noise), 1.0)
    log_reference = np.log10(reference)
    log_error = np.clip(np.log10(error) - log_reference[:, None], -_LARGEST, _LARGEST)
    snr = np.arcsinh(0.5 * flux / error) / _LN_10
    columns = {"has": has, "snr": snr, "flux": snr + log_error, "error": log_error}
    return {name: np.where(has, values, 0.0) for name, values in columns.items()}, log_reference


def fluxes_from(columns, log_reference):
    """Undo `flux_columns`.

    Parameters
    ----------
    columns : dict of str to ndarray of shape (n, n_bands)
        ``has``, ``snr`` and ``flux`` from `flux_columns`.
    log_reference : ndarray of shape (n,)
        Logarithm of the reference flux.

    Returns
    -------
    flux, error : ndarray of shape (n, n_bands)
        NaN if a band is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators.photometry import flux_columns, fluxes_from
    >>> fluxes_from(*flux_columns(np.array([[-1.0, 30.0]]), np.array([[2.0, 3.0]])))
    (array([[-1., 30.]]), array([[2., 3.]]))
    """
    has, snr, flux = (columns[name].astype(float) for name in ("has", "snr", "flux"))
    scale = 10.0 ** log_reference.astype(float)[:, None]
    error = np.where(has > 0.0, scale * 10.0 ** (flux - snr), np.nan)
    return error * 2.0 * np.sinh(_LN_10 * snr), error


def change_fluxes(flux, error, rng, *, loses_all=None):
    """Change fluxes at random: noise, zero points and missing bands.

    Parameters
    ----------
    flux, error : ndarray of shape (n, n_bands)
        Fluxes and their standard deviations; NaN if missing.
    rng : numpy.random.Generator
        Source of random numbers.
    loses_all : ndarray of bool of shape (n,), optional
        Galaxies that lose all their fluxes; others keep at least one.

    Returns
    -------
    flux, error : ndarray of shape (n, n_bands)
        Changed fluxes.
    """
    n = len(flux)
    added = error * rng.uniform(0.0, _NOISE, (n, 1))
    gain = 1.0 + _ZERO_POINT * rng.standard_normal(flux.shape)
    flux = gain * (flux + added * rng.standard_normal(flux.shape))
    error = gain * np.hypot(error, added)
    share = np.where(rng.random(n) < _DROPPED, rng.random(n), 0.0)
    drawn = rng.random(flux.shape)
    gone = drawn < share[:, None]
    spared = np.argmax(np.where(np.isfinite(flux), drawn, -1.0), axis=1)
    gone[np.arange(n), spared] = False
    if loses_all is not None:
        gone |= loses_all[:, None]
    return np.where(gone, np.nan, flux), np.where(gone, np.nan, error)


def _check_bands(bands):
    """Names of bands in columns, or an error."""
    if not isinstance(bands, Sequence) or isinstance(bands, str) or not bands:
        msg = f"bands must be None or a sequence of names such as ['F277W'], got {bands!r}"
        raise InputError(msg)
    names = tuple(map(band_column_name, bands))
    if len(set(names)) < len(names):
        msg = f"bands must name each band once, got {', '.join(names)}"
        raise InputError(msg)
    return names
