"""Catalogues with published fits, which are not part of dustest: no truth, but agreement."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import QTable

from dustest.data.errors import ReadError
from dustest.data.identity.describe import describe
from dustest.data.messages import argument
from dustest.data.quantities import QUANTITIES
from dustest.io import read_catalog
from dustest.physics import convert_quantity
from dustest.studies.benchmarks.benchmark_record import Benchmark, BenchmarkGalaxies

__all__ = ["PUBLISHED_CATALOGS", "CatalogMissingError", "PublishedCatalog"]

_VARIABLE = "DUSTEST_TEST_DATA"
_IMF = "Kroupa"
"""Initial mass function of the results of dustest."""


class CatalogMissingError(ReadError):
    """A catalogue of the benchmark is not at hand."""


@dataclass(frozen=True)
class PublishedCatalog(Benchmark):
    """A catalogue of photometry with published fits.

    Parameters
    ----------
    name : str
        Its name.
    description : str
        One sentence for cards and documentation.
    file : str
        Name of its file.
    columns : dict of str to tuple of str
        Columns of the 16th, 50th and 84th percentiles of the published fits, by quantity.
    imf : str, optional
        Initial mass function of the published fits.

    Examples
    --------
    >>> from dustest.studies.benchmarks.published_catalogs import PUBLISHED_CATALOGS
    >>> [one.name for one in PUBLISHED_CATALOGS]
    ['JOF', 'Endsley+24']
    """

    file: str = ""
    columns: dict = field(default_factory=dict)
    imf: str = _IMF

    def galaxies(self, folder, catalogs=None, *, n_jobs=None, progress=None):  # noqa: ARG002
        """Read the galaxies.

        Parameters
        ----------
        folder : path-like
            Not used.
        catalogs : path-like, optional
            Folder with the file, or with ``catalogs/`` and the file in it; by default that of the
            environment variable ``DUSTEST_TEST_DATA``.
        n_jobs, progress : optional
            Not used.

        Returns
        -------
        BenchmarkGalaxies
            All galaxies, with the published medians.

        Raises
        ------
        CatalogMissingError
            If the file is not there.
        """
        names = sorted({name for three in self.columns.values() for name in three})
        sample = read_catalog(self._path(catalogs), columns={name: name for name in names})
        values = {name: self._medians(sample, name) for name in self.columns}
        published = QTable({"id": sample["id"]} | values)
        sample = sample[[name for name in sample.colnames if name not in names]]
        about = describe(self) | {"n": len(sample), "kind": "published"}
        return BenchmarkGalaxies(sample, published, about, is_truth=False)

    def _path(self, catalogs):
        """The file of the catalogue."""
        folder = catalogs or os.environ.get(_VARIABLE)
        places = [Path(folder), Path(folder) / "catalogs"] if folder else []
        for place in places:
            if (place / self.file).is_file():
                return place / self.file
        where = f"the folder {str(folder)!r} does not have it" if folder else "no folder is given"
        msg = (
            f"the set {self.name!r} needs the file {self.file}, which is not part of dustest, and "
            f"{where}: pass {argument('catalogs', 'FOLDER')}, or set {_VARIABLE}"
        )
        raise CatalogMissingError(msg)

    def _medians(self, sample, name):
        """Published medians of a quantity, for the stars of our results."""
        column = sample[self.columns[name][1]]
        values = np.asarray(getattr(column, "value", column), dtype=float)
        values = convert_quantity(values, name, imf=(self.imf, _IMF))
        unit = QUANTITIES[name].unit
        return values if unit is None else values << unit


def _columns_of(pattern, stems):
    """Columns of three percentiles of the fits of the JADES Origins Field, by quantity."""
    return {
        quantity: tuple(pattern.format(stem, level) for level in (16, 50, 84))
        for quantity, stem in stems.items()
    }


_JOF_STEMS = {"A_V": "Av", "log_mass": "logM", "log_sSFR": "log_ssfr"}
PUBLISHED_CATALOGS = (
    PublishedCatalog(
        "JOF",
        "Galaxies of the JADES Origins Field, fitted with Bagpipes with a flat prior of A_V.",
        "jof_bagpipes.ecsv",
        _columns_of("bp_lognorm_{}_{}", _JOF_STEMS),
    ),
    PublishedCatalog(
        "Endsley+24",
        "Lyman-break galaxies of JADES at 6 < z < 9, fitted with BEAGLE (Endsley et al. 2024).",
        "jades_z6to9_beagle.fits",
        {name: (f"{c}_l16", c, f"{c}_u84") for name, c in (("A_V", "Av"), ("log_mass", "logM"))},
        imf="Chabrier",
    ),
)
"""Catalogues of public photometry."""
