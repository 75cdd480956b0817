"""Maps of the quantities of one galaxy."""

from dataclasses import dataclass, field

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData, StdDevUncertainty
from astropy.table import QTable

from dustest.data.containers.results import DustTable
from dustest.data.containers.reweighting import DRAWS
from dustest.data.errors import InputError
from dustest.data.files.paths import check_writable, replacing
from dustest.data.messages import did_you_mean
from dustest.data.quantities import QUANTITIES, percentile_columns
from dustest.physics.cosmology import BAGPIPES_COSMOLOGY, check_cosmology
from dustest.resolved.binned_galaxy import BinnedGalaxy

__all__ = ["F_RATIO", "AttenuationMaps"]

F_RATIO = "f"
"""Column of E(B-V) of the stars over that of the gas."""
_PERCENTILES = (50.0, 16.0, 84.0)
_PLOTTED = ("A_V", "beta", "log_mass", "log_SFR_100", "A_V_nebular", F_RATIO)
_SURFACE = r"{} / kpc$^2$"


@dataclass(frozen=True, eq=False)
class AttenuationMaps:
    """Maps of A_V and other quantities of one galaxy, made by `map_attenuation`.

    ``maps["A_V"]`` is the map of a column of ``table``: an `~astropy.nddata.NDData` with the
    coordinates of the cutouts, its mask True outside the galaxy and in bins without a value.
    Quantities with percentiles have half the range from 16 to 84 % as uncertainty;
    ``maps["A_V_p16"]`` and ``maps["flags"]`` are maps too. Masses and rates are those of a whole
    bin, see `surface_density`.

    Parameters
    ----------
    galaxy : BinnedGalaxy
        Bins and their fluxes.
    table : DustTable
        Results of the bins, row by row as in ``galaxy.sample``, with posterior draws.
    integrated : DustTable
        One row, the result of the sum of all pixels.

    Examples
    --------
    >>> from dustest.resolved import map_attenuation
    >>> maps = map_attenuation("galaxy.fits", redshift=7.1)  # doctest: +SKIP
    >>> maps["A_V"].data.shape, maps["A_V"].unit  # doctest: +SKIP
    ((65, 65), Unit("mag"))
    """

    galaxy: BinnedGalaxy
    table: DustTable = field(repr=False)
    integrated: DustTable = field(repr=False)

    def __repr__(self):
        name = self.table.meta.get("estimator", "")
        return (
            f"AttenuationMaps({', '.join(self.quantities)} of {len(self.table)} bins by {name}, "
            f"redshift {self.galaxy.redshift:g})"
        )

    def __getitem__(self, name):
        if name not in self._mapped:
            hint = did_you_mean(str(name), self._mapped)
            msg = f"maps have the columns {', '.join(self._mapped)}, got {name!r}: {hint}"
            raise InputError(msg.rstrip(": "))
        column = self.table[name]
        bins, low, high = self.galaxy.bins, *percentile_columns(name)
        image = self.galaxy.paint(_bare(column))
        uncertainty = None
        if high in self.table.colnames:
            half = 0.5 * (_bare(self.table[high]) - _bare(self.table[low]))
            uncertainty = StdDevUncertainty(self.galaxy.paint(half))
        return NDData(
            image,
            uncertainty,
            mask=~np.isfinite(image),
            wcs=bins.wcs,
            unit=getattr(column, "unit", None),
        )

    @property
    def quantities(self):
        """Names of the quantities with percentiles that some bin has (tuple of str)."""
        names = (*QUANTITIES, F_RATIO)
        columns = {name: percentile_columns(name) for name in names}
        return tuple(
            name
            for name, found in columns.items()
            if {name, *found} <= set(self.table.colnames)
            and np.isfinite(_bare(self.table[name])).any()
        )

    @property
    def _mapped(self):
        """Columns of one number for each bin."""
        return [
            name
            for name in self.table.colnames
            if name != "id"
            and self.table[name].ndim == 1
            and self.table[name].dtype.kind in "biuf"
        ]

    @property
    def sums(self):
        """Masses and rates summed over the bins, beside those of the integrated fit.

        Returns
        -------
        table : QTable
            A row for each ``quantity`` that is a logarithm of a mass, rate or luminosity and has
            draws: ``bins``, ``bins_p16``, ``bins_p84`` of the sum over all bins, draw by draw,
            and ``integrated``, ``integrated_p16``, ``integrated_p84``; ``n_bins`` with a value.
            Bins count as independent: errors that they share, such as those of the prior, are not
            in the percentiles of the sum.
        """
        names = [
            name
            for name in QUANTITIES
            if _is_sum(name) and {name, DRAWS.format(name)} <= set(self.table.colnames)
        ]
        rows = [_sums_of(name, self.table, self.integrated) for name in names]
        columns = ["quantity", *_SUM_COLUMNS, "n_bins"]
        return QTable(rows=rows or None, names=columns, dtype=[str, *6 * [float], int])

    def surface_density(self, name="log_mass", cosmology=None):
        """Map of a mass or rate per area.

        Parameters
        ----------
        name : str, optional
            A quantity that is a logarithm of a mass, a rate or a luminosity.
        cosmology : `~astropy.cosmology.FLRW`, optional
            Sets the size of a pixel, by default that of `dustest.BagpipesEstimator`.

        Returns
        -------
        density : `~astropy.nddata.NDData`
            Logarithm of the quantity per square kpc, with its uncertainty.

        Raises
        ------
        InputError
            If the maps do not have the quantity, or it is none of these.
        """
        found = self[name]
        if not _is_sum(name):
            msg = f"name must be a logarithm of a mass, rate or luminosity, got {name!r}"
            raise InputError(msg)
        cosmology = BAGPIPES_COSMOLOGY if cosmology is None else check_cosmology(cosmology)
        scale = cosmology.kpc_proper_per_arcmin(self.galaxy.redshift).to_value(u.kpc / u.arcsec)
        area = self.galaxy.sample["n_pixels"] * (self.galaxy.pixel_scale * scale) ** 2
        return NDData(
            found.data - self.galaxy.paint(np.log10(area)),
            found.uncertainty,
            mask=found.mask,
            wcs=found.wcs,
        )

    def plot(self, quantities=None, *, figure=None):
        """Draw the galaxy with its bins, and maps of quantities with their errors.

        Parameters
        ----------
        quantities : sequence of str, optional
            Quantities to draw; by default A_V, beta, mass and rate, as far as there are any, and
            those of the gas. Masses and rates are drawn per square kpc.
        figure : `~matplotlib.figure.Figure`, optional
            Figure to draw on; by default a new one that is not registered with pyplot.

        Returns
        -------
        figure : `~matplotlib.figure.Figure`
            The figure: a row with medians over a row with uncertainties.

        Raises
        ------
        InputError
            If the maps do not have a quantity.

        See Also
        --------
        dustest.report.figures.plot_map : Draw one map.
        """
        from dustest.report.figures import plot_maps  # loads matplotlib

        known = self.quantities
        names = [name for name in _PLOTTED if name in known] if quantities is None else quantities
        # Bins differ in size: their masses and rates would show that.
        maps = {
            name: self.surface_density(name) if _is_sum(name) else self[name] for name in names
        }
        return plot_maps(
            self.galaxy.images[self.galaxy.reference].data,
            {name: one.data for name, one in maps.items()},
            {name: one.uncertainty.array for name, one in maps.items() if one.uncertainty},
            labels={
                name: _SURFACE.format(QUANTITIES[name].symbol) for name in filter(_is_sum, names)
            },
            bins=self.galaxy.bins.data,
            title=self.galaxy.reference,
            pixel_scale=self.galaxy.pixel_scale,
            figure=figure,
        )

    def write(self, path, *, overwrite=False):
        """Write all maps and tables to a FITS file.

        Parameters
        ----------
        path : str or path-like
            The file.
        overwrite : bool, optional
            Whether to replace an existing file.

        Raises
        ------
        InputError
            If the file exists and is not to be replaced, or cannot be written.

        Notes
        -----
        Extensions: ``BINS`` and ``FLAGS``; for each quantity an image of its name with the planes
        median, 16 and 84 %; ``TABLE`` and ``INTEGRATED``, results without draws, ``SUMS``, and
        ``PHOTOMETRY``, the fluxes of the bins.
        """
        path = check_writable(path, "path")
        if path.exists() and not overwrite:
            msg = f"path must be a new file, got {str(path)!r}: pass overwrite=True to replace it"
            raise InputError(msg)
        with replacing(path) as partial:
            self._hdus().writeto(partial, overwrite=True)

    def _hdus(self):
        """Header-data units of a file."""
        galaxy = self.galaxy
        header = fits.Header() if galaxy.bins.wcs is None else galaxy.bins.wcs.to_header()
        primary = fits.PrimaryHDU()
        primary.header["REDSHIFT"] = galaxy.redshift
        primary.header["PIXSCALE"] = galaxy.pixel_scale, "arcsec"
        primary.header["SNRBAND"] = galaxy.reference, "band of the S/N of bins"
        primary.header["ESTIMATR"] = str(self.table.meta.get("estimator", ""))
        flags = np.concatenate([[0], self.table["flags"]]).astype(np.int32)[galaxy.bins.data]
        images = [
            fits.ImageHDU(galaxy.bins.data, header, "BINS"),
            fits.ImageHDU(flags, header, "FLAGS"),
        ]
        for name in self.quantities:
            planes = [self[one] for one in (name, *percentile_columns(name))]
            hdu = fits.ImageHDU(np.array([one.data for one in planes]), header, name)
            hdu.header["PLANES"] = "median, 16 %, 84 %"
            if planes[0].unit is not None:
                hdu.header["BUNIT"] = planes[0].unit.to_string("fits")
            images.append(hdu)
        tables = {
            "TABLE": _without_arrays(self.table),
            "INTEGRATED": _without_arrays(self.integrated),
            "SUMS": self.sums,
            "PHOTOMETRY": galaxy.sample,
        }
        units = [_as_hdu(table, name) for name, table in tables.items() if len(table)]
        return fits.HDUList([primary, *images, *units])


_SUM_COLUMNS = tuple(
    f"{what}{end}" for what in ("bins", "integrated") for end in ("", "_p16", "_p84")
)


def _is_sum(name):
    """Whether a quantity is the logarithm of what adds up over a galaxy."""
    return name in QUANTITIES and QUANTITIES[name].luminosity_power == 1.0


def _bare(column):
    """Numbers of a column."""
    return np.asarray(getattr(column, "value", column), dtype=float)


def _sums_of(name, table, integrated):
    """Row of the sums of one quantity."""
    draws = _bare(table[DRAWS.format(name)])
    known = np.isfinite(_bare(table[name]))
    total = np.full(draws.shape[1], np.nan)
    if known.any():
        with np.errstate(divide="ignore"):
            total = np.log10(np.sum(10.0 ** draws[known], axis=0))
    whole = [_bare(integrated[one])[0] for one in (name, *percentile_columns(name))]
    return [name, *np.percentile(total, _PERCENTILES), *whole, int(known.sum())]


def _without_arrays(table):
    """A table without columns of arrays."""
    return QTable(table[[name for name in table.colnames if table[name].ndim == 1]])


def _as_hdu(table, name):
    """A table of a FITS file, without its meta."""
    table = QTable(table, copy=False)
    table.meta = {}
    hdu = fits.table_to_hdu(table)
    hdu.name = name
    return hdu
