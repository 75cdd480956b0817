"""Occlusion maps: changes of a prediction as patches of the images are covered."""

from dataclasses import dataclass
from functools import partial
from numbers import Integral

import numpy as np

from dustest.data.checks.numbers import check_number
from dustest.data.checks.sample_columns import band_column_name
from dustest.data.checks.tables import as_table
from dustest.data.containers.conversion import as_sample
from dustest.data.errors import InputError
from dustest.data.quantities import check_quantity
from dustest.validation.matching import values_of

__all__ = ["OcclusionMap", "occlusion_map"]

# Largest number of pixels of covered copies in memory: 64 MiB in double precision, and as much for
# each of errors and masks.
_MAX_PIXELS = 2**23


@dataclass(frozen=True, eq=False)
class OcclusionMap:
    """Changes of predictions as parts of the images are covered.

    Changes are the prediction minus that for the covered image, in the unit of the quantity: they
    are positive if the flux of a pixel increases the prediction. If several patches covered a
    pixel, their changes are averaged. They are NaN if the covered image has no prediction.

    Parameters
    ----------
    quantity : str
        A key of `~dustest.data.QUANTITIES`.
    bands : tuple of str
        Bands that were covered.
    patch, stride : int
        Side of the patch and its step, in pixels.
    ids : ndarray of shape (n,)
        Identifiers of the galaxies.
    prediction : ndarray of shape (n,)
        Prediction for the unchanged images; NaN if there is none.
    change : ndarray of shape (n, n_bands, ny, nx)
        Changes with the patch covered in one band.
    change_together : ndarray of shape (n, ny, nx)
        Changes with the patch covered in all of the bands.
    """

    quantity: str
    bands: tuple
    patch: int
    stride: int
    ids: np.ndarray
    prediction: np.ndarray
    change: np.ndarray
    change_together: np.ndarray

    def __len__(self):
        return len(self.prediction)


def occlusion_map(estimator, X, quantity="A_V", *, bands=None, patch=4, stride=None):
    """Find the parts of its images on which a prediction depends.

    A square patch moves over the images of every galaxy, in one band at a time and in all bands
    together. The pixels of the patch are set to zero, the level of the sky in cutouts with
    subtracted background. The map shows the change of the prediction [1]_.

    Parameters
    ----------
    estimator : DustEstimator, or any object with a method ``estimate``
        A fitted estimator. Only ``estimator.estimate(sample)`` is called, which must return a
        table with a row for each galaxy and a column for the quantity.
    X : GalaxySample or anything that `~dustest.data.as_sample` takes
        n galaxies with cutouts. The bands of an array are those of the estimator.
    quantity : str, optional
        A key of `~dustest.data.QUANTITIES` that the estimator predicts.
    bands : sequence of str, optional
        Bands to cover; all with cutouts by default.
    patch : int, optional
        Side of the patch in pixels. A patch of about the width of the PSF shows all resolved
        structure; from the surroundings of a smaller patch, the estimator may infer its content.
    stride : int, optional
        Step of the patch in pixels, from 1 to ``patch``, the default. Smaller steps make smoother
        maps and take longer. The last step is shorter if the steps do not fill the image.

    Returns
    -------
    occlusion : OcclusionMap
        The predictions and their changes.

    Raises
    ------
    InputError
        If the quantity is unknown, the estimator predicts it for no galaxy or does not return a
        row for each galaxy, there are no cutouts in the bands or they differ in shape, or
        ``patch`` or ``stride`` is out of range.

    See Also
    --------
    dustest.report.figures.plot_occlusion : The map as a figure.

    Notes
    -----
    Zero is one choice among others. Marking the patch as bad in ``cutout_mask`` would test how the
    estimator treats bad pixels, for example by leaving the band out. Setting it to zero tests its
    response to missing flux. Masks, errors, photometry and pixels without data stay unchanged, and
    so does the total flux in the catalogue. Fluxes and colours that an estimator measures in the
    image itself do change, and contribute to the map. A patch that is covered in one band creates
    a colour that no galaxy has; a patch covered in all bands keeps the colours of the rest. The
    changes do not add up to the prediction: if two patches contain the same information, covering
    one of them changes little.

    Estimators that draw from a posterior use seeds made from the data. The draws for an image and
    for its covered copy differ, and so do their medians, even if nothing depends on the patch: by
    about 1.8 standard deviations of the posterior over the root of the number of independent
    draws, some of it common to the whole map. Smaller changes are not significant.

    A galaxy needs as many predictions as the patch has positions, times the number of bands, plus
    one: 257 for three bands of 32 by 32 pixels with the defaults, 3365 with a step of 1. Copies
    are made for some tens of MiB at a time.

    References
    ----------
    .. [1] M. D. Zeiler and R. Fergus (2014), "Visualizing and understanding convolutional
       networks", ECCV, p. 818, their section 4.2.

    Examples
    --------
    An estimator that uses one pixel of one band:

    >>> import numpy as np
    >>> from dustest.data import DustTable
    >>> from dustest.validation import occlusion_map
    >>> class OnePixel:
    ...     bands = ("F277W", "F444W")
    ...
    ...     def estimate(self, sample):
    ...         value = np.asarray(sample["cutout_F277W"])[:, 1, 2]
    ...         return DustTable.from_quantities(sample["id"], {"A_V": 0.5 * value})
    >>> occlusion = occlusion_map(OnePixel(), np.ones((1, 2, 4, 4)), patch=2)
    >>> occlusion.change[0, 0]
    array([[0. , 0. , 0.5, 0.5],
           [0. , 0. , 0.5, 0.5],
           [0. , 0. , 0. , 0. ],
           [0. , 0. , 0. , 0. ]])
    >>> bool(np.any(occlusion.change[0, 1]))
    False
    """
    check_quantity(quantity)
    if not hasattr(estimator, "estimate"):
        msg = f"estimator must have a method estimate, got {type(estimator).__name__}"
        raise InputError(msg)
    sample = as_sample(X, bands=getattr(estimator, "bands", None))
    bands = _checked_bands(sample, bands)
    shape = _common_shape(sample, bands)
    patch = _checked_pixels("patch", patch, min(shape), "the size of the cutouts")
    stride = patch if stride is None else _checked_pixels("stride", stride, patch, "patch")
    predict = partial(_predict, estimator, quantity)
    prediction = predict(sample)
    if not np.isfinite(prediction).any():
        msg = (
            f"quantity must be one that the estimator predicts, but {type(estimator).__name__} "
            f"has no {quantity} for any of {len(sample)} galaxies"
        )
        raise InputError(msg)
    covers = _covers(shape, patch, stride)
    covered = _predict_covered(predict, sample, bands, covers)
    change = _spread(prediction[:, None, None] - covered, covers)
    # A single band is all of the bands.
    return OcclusionMap(
        quantity=quantity,
        bands=bands,
        patch=patch,
        stride=stride,
        ids=np.asarray(sample["id"]),
        prediction=prediction,
        change=change[:, : len(bands)],
        change_together=change[:, -1],
    )


def _checked_bands(sample, bands):
    """Bands to cover, by the names that the sample has for them."""
    known = sample.cutout_bands
    asked = known if bands is None else (bands,) if isinstance(bands, str) else bands
    names = tuple(dict.fromkeys(band_column_name(band) for band in asked))
    if not names or not set(names) <= set(known):
        msg = f"bands must be among those with cutouts, {known}, got {names}"
        raise InputError(msg)
    return names


def _common_shape(sample, bands):
    """Shape (ny, nx) of the images."""
    shapes = {sample[f"cutout_{band}"].shape[1:] for band in bands}
    if len(shapes) > 1:
        msg = f"cutouts of all bands must have the same shape, got {sorted(shapes)}"
        raise InputError(msg)
    return shapes.pop()


def _checked_pixels(name, value, highest, what):
    """A number of pixels from 1 to a highest one."""
    expected = f"an integer from 1 to {what}, {highest}"
    return check_number(value, name, 1, highest, kind=Integral, expected=expected)


def _predict(estimator, quantity, sample):
    """Predictions of an estimator for a quantity; NaN if there are none."""
    table = as_table(estimator.estimate(sample), "what estimator.estimate returns")
    if len(table) != len(sample):
        msg = (
            f"estimator must give a row for each galaxy, but {type(estimator).__name__} gave "
            f"{len(table)} rows for {len(sample)}"
        )
        raise InputError(msg)
    return values_of(table, quantity)


def _covers(shape, patch, stride):
    """Covered pixels at every position of the patch, shape (n_positions, ny, nx)."""
    rows, columns = (_intervals(length, patch, stride) for length in shape)
    covers = rows[:, None, :, None] & columns[None, :, None, :]
    return covers.reshape(-1, *shape)


def _intervals(length, patch, stride):
    """Covered pixels of a line at every step, shape (n_steps, length)."""
    starts = np.append(np.arange(0, length - patch, stride), length - patch)[:, None]
    pixels = np.arange(length)
    return (pixels >= starts) & (pixels < starts + patch)


def _predict_covered(predict, sample, bands, covers):
    """Predictions for covered images, shape (n, n_layers, n_positions).

    The layers are the single bands and, if there are several, all of them.
    """
    layers = np.eye(len(bands), dtype=bool)
    if len(bands) > 1:
        layers = np.vstack([layers, np.ones(len(bands), dtype=bool)])
    shape = (len(sample), len(layers), len(covers))
    covered = np.empty(shape)
    n_at_once = max(1, _MAX_PIXELS // (len(sample.cutout_bands) * covers[0].size))
    for start in range(0, covered.size, n_at_once):
        stop = min(start + n_at_once, covered.size)
        row, layer, position = np.unravel_index(np.arange(start, stop), shape)
        copies = sample.take(row)
        for band, hidden in zip(bands, layers[layer].T, strict=True):
            _cover(copies[f"cutout_{band}"], hidden, covers[position[hidden]])
        covered.flat[start:stop] = predict(copies)
    return covered


def _cover(images, hidden, covers):
    """Set pixels of some images to zero, except those without data."""
    part = images[hidden]
    part[covers & np.isfinite(part)] = 0
    images[hidden] = part


def _spread(change, covers):
    """Mean change over the patches that cover a pixel, shape (n, n_layers, ny, nx)."""
    known = np.isfinite(change)
    covers = covers.astype(float)
    total = np.tensordot(np.where(known, change, 0.0), covers, axes=1)
    n_known = np.tensordot(known.astype(float), covers, axes=1)
    return np.divide(total, n_known, out=np.full(total.shape, np.nan), where=n_known > 0)
