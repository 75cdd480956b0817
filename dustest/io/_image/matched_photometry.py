"""Fluxes of galaxies in matched apertures, some galaxies at a time."""

from dataclasses import dataclass

import numpy as np
from astropy.stats import mad_std

from dustest.io._image.matched_apertures import MatchedApertures, fill_lost, fold_onto_mirror
from dustest.io._image.neighbours import Grid, find_neighbours, smooth
from dustest.io._image.stamps import read_stamps

__all__ = ["Measured", "MosaicBand", "measure_galaxies"]

_MOST_LOST = 0.1
"""Of the light of a point source; galaxies with more bad pixels get no flux."""


@dataclass(frozen=True, eq=False)
class MosaicBand:
    """A mosaic with what is needed to measure fluxes on it.

    Parameters
    ----------
    image : Image
        The mosaic.
    position : ndarray of shape (2, n)
        Columns and rows of the galaxies; NaN if unknown.
    apertures : MatchedApertures
        Weights of the pixels.
    noise : NoiseCorrelation
        Covariance of its pixels in units of their errors.
    width : float
        Width (FWHM) of the target point-spread function in pixels.
    to_njy : float
        Factor from pixel values to nJy.
    """

    image: object
    position: np.ndarray
    apertures: MatchedApertures
    noise: object
    width: float
    to_njy: float

    def read(self, rows):
        """Read the stamps of galaxies, see `read_stamps`."""
        return read_stamps(self.image, *self.position[:, rows], self.apertures.side)

    def significance(self, cuts):
        """Smoothed signal-to-noise ratio of stamps, whose noise has a standard deviation of 1."""
        errors = _errors(cuts, ~cuts.bad)
        good = ~cuts.bad & (errors > 0.0)
        ratio = np.divide(cuts.values, errors, out=np.zeros(good.shape), where=good)
        side = self.apertures.side
        point = np.zeros((1, side, side))
        point[0, side // 2, side // 2] = 1.0
        variance = self.noise.variance(smooth(point, self.width)[0])
        return smooth(ratio, self.width) / np.sqrt(variance)


@dataclass(frozen=True, eq=False)
class Measured:
    """Fluxes of galaxies in one band.

    Parameters
    ----------
    flux : ndarray of shape (n, n_radii)
        Fluxes in nJy, NaN without usable pixels.
    covariance : ndarray of shape (n, n_radii, n_radii)
        Their covariance.
    replaced : ndarray of shape (n,)
        Fraction of the aperture whose pixels were replaced.
    at_edge, has_bad_pixels : ndarray of bool of shape (n,)
        Whether the aperture extends beyond the image, or has bad pixels.
    """

    flux: np.ndarray
    covariance: np.ndarray
    replaced: np.ndarray
    at_edge: np.ndarray
    has_bad_pixels: np.ndarray


def measure_galaxies(bands, reference, rows, index, *, background):
    """Measure some galaxies in all bands.

    Parameters
    ----------
    bands : dict of str to MosaicBand
        The mosaics.
    reference : str
        Band on whose pixels neighbours are found.
    rows : ndarray of int of shape (n,)
        The galaxies.
    index : int
        Number of the aperture whose fluxes count; the others are for the curve of growth.
    background : bool
        Whether the mean of the sky of each stamp is subtracted.

    Returns
    -------
    measured : dict of str to Measured
        By band.
    """
    cuts = {band: mosaic.read(rows) for band, mosaic in bands.items()}
    grids = {
        band: Grid(mosaic.image.pixel_matrix, bands[reference].image.pixel_matrix)
        for band, mosaic in bands.items()
    }
    masks = _masks(bands, cuts, grids, reference)
    return {
        band: _measure(mosaic, cuts[band], *masks[band], index, background)
        for band, mosaic in bands.items()
    }


def _masks(bands, cuts, grids, reference):
    """Pixels of neighbours and of all sources in each band, (n, side, side) each."""
    ratios = {band: mosaic.significance(cuts[band]) for band, mosaic in bands.items()}
    masks = {
        band: [np.zeros(cut.bad.shape, dtype=bool) for _ in range(2)] for band, cut in cuts.items()
    }
    shape, width = cuts[reference].bad.shape[1:], bands[reference].width
    for row in range(len(cuts[reference].position)):
        seen = [band for band, cut in cuts.items() if not np.all(cut.bad[row])]
        if not seen:
            continue
        at = cuts[reference].position[row]
        stack = sum(
            grids[band].to_reference(ratios[band][row], cuts[band].position[row], shape, at)
            for band in seen
        ) / np.sqrt(len(seen))
        for number, found in enumerate(find_neighbours(stack, at, width)):
            if not np.any(found):
                continue
            for band in seen:
                own = cuts[band].position[row]
                stamp = grids[band].from_reference(
                    found.astype(float), own, cuts[band].bad.shape[1:], at
                )
                masks[band][number][row] = stamp > 0.5
    return masks


def _measure(mosaic, cuts, neighbours, sources, index, background):
    """Fluxes of one band."""
    apertures = mosaic.apertures
    usable = ~cuts.bad & ~neighbours
    sky = ~cuts.bad & ~sources & ~apertures.near(cuts.position, apertures.radii[index])
    errors = np.where(usable | sky, _errors(cuts, sky), 0.0) * mosaic.to_njy
    values = np.where(usable | sky, cuts.values, 0.0) * mosaic.to_njy
    placed = np.isfinite(cuts.position[:, 0])
    known = np.flatnonzero(placed & np.any(usable, axis=(1, 2)))
    n, n_radii = len(cuts.values), len(apertures.radii)
    flux, covariance = np.full((n, n_radii), np.nan), np.full((n, n_radii, n_radii), np.nan)
    replaced = np.zeros(n)
    zone = np.zeros(cuts.bad.shape, dtype=bool)
    zone[placed] = apertures.near(cuts.position[placed], apertures.radii[index])
    weights = apertures.weights(cuts.position[known])
    for row, weight in zip(known, weights, strict=True):
        folded, lost = fold_onto_mirror(weight, usable[row], cuts.position[row])
        replaced[row] = np.mean(~usable[row][zone[row]])
        light = weight[index] * apertures.light
        if np.sum(light[lost]) > _MOST_LOST * np.sum(light):
            continue
        filled, flat = _fill(apertures, weight, lost & zone[row], usable[row], cuts.position[row])
        folded += filled
        slope = np.tensordot(filled - flat, values[row], axes=2)
        if background and np.any(sky[row]):
            folded -= folded.sum(axis=(1, 2), keepdims=True) * sky[row] / np.sum(sky[row])
        spread = mosaic.noise.covariances(folded * errors[row]) + np.outer(slope, slope)
        if np.all(np.isfinite(spread)):
            flux[row], covariance[row] = np.tensordot(folded, values[row], axes=2), spread
    at_edge = np.any(zone & ~cuts.inside, axis=(1, 2))
    has_bad = np.any(zone & cuts.inside & cuts.bad, axis=(1, 2))
    return Measured(flux, covariance, replaced, at_edge, has_bad)


def _fill(apertures, weight, lost, usable, position):
    """Weights in place of those of lost pixels, with the slope of a point source and without."""
    if not np.any(lost):
        return np.zeros((2, *weight.shape))
    point = apertures.point_source(position)
    return [fill_lost(weight, lost, usable, light) for light in (point, np.ones_like(point))]


def _errors(cuts, sky):
    """Errors of the pixels of stamps, from the scatter of the sky without an error map.

    NaN where there is no sky, or one without scatter.
    """
    if cuts.has_error:
        return cuts.errors
    values = np.where(sky, cuts.values, np.nan)
    known = np.any(sky, axis=(1, 2))
    scatter = np.full(len(values), np.nan)
    scatter[known] = mad_std(values[known], axis=(1, 2), ignore_nan=True)
    scatter[scatter == 0.0] = np.nan
    return np.broadcast_to(scatter[:, np.newaxis, np.newaxis], values.shape)
