"""Simulated galaxies that come with dustest."""

from importlib.resources import as_file, files

from dustest.data import RowTable, as_sample

__all__ = ["load_demo"]


def load_demo():
    """Load 200 simulated galaxies at 6 < z < 9, as observed in the JADES Origins Field.

    Stamps, fluxes and truth come from one draw of `~dustest.simulate.GalaxySimulator` from the
    population "0.2": stars, gas and dust as particles, one view of each galaxy, S/N of at least 10
    in F444W. ``tools/make_demo_galaxies.py`` makes them again.

    Returns
    -------
    sample : GalaxySample
        Stamps of 32 by 32 pixels in F277W, F356W and F444W, fluxes in eleven HST and JWST bands,
        and redshifts of 200 galaxies.
    truth : RowTable
        Their ``id``, ``A_V`` and ``E_BV`` [mag], ``R_V``, ``log_sSFR`` [log10 yr^-1] and
        ``log_mass`` [log10 Msun].

    Examples
    --------
    >>> from dustest.io import load_demo
    >>> sample, truth = load_demo()
    >>> sample.shape, sample["cutout_F277W"].shape, float(truth["A_V"].mean().value.round(2))
    ((200,), (200, 32, 32), 0.29)
    """
    return as_sample(_read("demo_galaxies.fits.gz")), _read("demo_truth.ecsv")


def _read(name):
    """Read a table of the package's resources."""
    with as_file(files("dustest") / "resources" / name) as path:
        return RowTable.read(path)
