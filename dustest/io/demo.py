"""The simulated catalogue that comes with dustest."""

from importlib.resources import as_file, files

from dustest.data import RowTable, as_sample

__all__ = ["load_demo"]


def load_demo():
    """Load 200 simulated galaxies at 6 < z < 9, as deep as JADES.

    The galaxies are Bagpipes models with delayed star-formation histories and Calzetti dust,
    in eleven HST and JWST bands with noise. ``tools/make_demo_catalog.py`` makes them again.

    Returns
    -------
    sample : GalaxySample
        Photometry and redshifts of 200 galaxies.
    truth : RowTable
        Their ``id``, ``A_V`` and ``E_BV`` [mag], ``R_V``, ``log_sSFR`` [log10 yr^-1] and
        ``log_mass`` [log10 Msun].

    Examples
    --------
    >>> from dustest.io import load_demo
    >>> sample, truth = load_demo()
    >>> sample.shape, float(truth["A_V"].mean().value.round(2))
    ((200,), 0.37)
    """
    return as_sample(_read("demo_catalog.ecsv")), _read("demo_truth.ecsv")


def _read(name):
    """A table out of the package's resources."""
    with as_file(files("dustest") / "resources" / name) as path:
        return RowTable.read(path, format="ascii.ecsv")
