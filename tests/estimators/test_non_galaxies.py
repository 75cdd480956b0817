"""Little red dots and brown dwarfs, against simple spectra computed here."""

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.physical_models import BlackBody
from astropy.table import QTable

from dustest.data.errors import InputError
from dustest.estimators.non_galaxies import _aperture_flux, find_non_galaxies
from dustest.io import read_catalog
from dustest.physics import synthetic_photometry
from dustest.simulate import make_psf

BANDS = ("F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
MICRONS = np.linspace(0.8, 5.5, 3000)


def photometry(f_nu, brightest=200.0):
    """Sample of one source with errors of 1 nJy."""
    flux = synthetic_photometry(MICRONS * 1e4 * u.AA, f_nu * u.nJy, BANDS).to_value(u.nJy)
    flux = brightest * np.ravel(flux) / np.max(flux)
    columns = {f"flux_{band}": [value] * u.nJy for band, value in zip(BANDS, flux, strict=True)}
    columns |= {f"flux_err_{band}": [1.0] * u.nJy for band in BANDS}
    return QTable(columns | {"redshift": [6.0]})


def power_laws(redshift, blue, red):
    """f_nu of a blue power law, and a red one beyond the Balmer limit; slopes of f_lambda."""
    rest = MICRONS / (1.0 + redshift) / 0.3645
    return np.where(rest < 1.0, rest**blue, rest**red) * rest**2


def dwarf(temperature):
    """f_nu whose brightness temperature falls in bands of water and methane."""
    depth = sum(
        np.exp(-0.5 * ((MICRONS - centre) / width) ** 2)
        for centre, width in ((1.4, 0.07), (1.85, 0.1), (2.3, 0.12), (2.75, 0.2), (3.4, 0.3))
    )
    windows = sum(np.exp(-0.5 * ((MICRONS - c) / 0.08) ** 2) for c in (1.05, 1.27, 1.6))
    brightness = temperature * (1.0 + 0.6 * windows - 0.35 * np.minimum(depth, 1.0))
    return BlackBody(brightness * u.K)(MICRONS * u.um).value


@pytest.mark.parametrize("redshift", [4.5, 5.5, 6.5, 7.0])
def test_v_shaped_spectra_are_little_red_dots(redshift):
    found = find_non_galaxies(photometry(power_laws(redshift, -2.0, 1.0)))
    assert found["kind"][0] == "little red dot"


@pytest.mark.parametrize("slope", [-2.5, -2.0, -1.0])
def test_power_laws_are_galaxies(slope):
    assert not find_non_galaxies(photometry(power_laws(6.0, slope, slope)))["not_a_galaxy"][0]


@pytest.mark.parametrize("temperature", [700.0, 900.0, 1100.0])
def test_cool_dwarfs(temperature):
    assert find_non_galaxies(photometry(dwarf(temperature)))["kind"][0] == "brown dwarf"


@pytest.mark.filterwarnings("ignore:pixel_scale of 1 of 1 rows lies below 0.0001 arcsec")
@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan])
def test_without_a_pixel_scale_colours_decide(scale):
    sample = photometry(power_laws(6.0, -2.0, 1.0))
    sample["cutout_F444W"] = np.ones((1, 32, 32)) * u.nJy
    sample["pixel_scale"] = [scale] * u.arcsec
    assert find_non_galaxies(sample)["kind"][0] == "little red dot"


@pytest.mark.parametrize(("brightest", "kind"), [(13.9, ""), (14.1, "little red dot")])
def test_faint_sources_are_not_judged(brightest, kind):
    sample = photometry(power_laws(7.0, -2.0, 1.0), brightest)
    assert find_non_galaxies(sample)["kind"][0] == kind


# Section 3.1 of Kokorev et al. (2024).
LIMITS = [
    ({"F115W": 0.79, "F277W": -0.71, "F356W": -1.01, "F444W": -1.4}, "little red dot"),
    ({"F115W": 0.81, "F277W": -0.71, "F356W": -1.01, "F444W": -1.4}, ""),
    ({"F115W": 0.79, "F277W": -0.69, "F356W": -1.01, "F444W": -1.3}, ""),
    ({"F115W": 0.79, "F277W": -0.71, "F356W": -0.99, "F444W": -1.4}, ""),
    ({"F150W": 0.79, "F277W": 0.0, "F356W": -0.61, "F444W": -0.71}, "little red dot"),
    ({"F150W": 0.81, "F277W": 0.0, "F356W": -0.61, "F444W": -0.71}, ""),
    ({"F150W": 0.79, "F277W": 0.0, "F356W": -0.59, "F444W": -0.71}, ""),
    ({"F150W": 0.79, "F277W": 0.0, "F356W": -0.61, "F444W": -0.69}, ""),
    ({"F115W": -0.49, "F277W": 0.0, "F356W": -0.61, "F444W": -0.71}, "little red dot"),
    ({"F115W": -0.51, "F277W": 0.0, "F356W": -0.61, "F444W": -0.71}, "brown dwarf"),
]


@pytest.mark.parametrize(("magnitudes", "kind"), LIMITS)
def test_published_limits(magnitudes, kind):
    assert find_non_galaxies(sample_of(magnitudes))["kind"][0] == kind


def sample_of(magnitudes, error=1.0):
    """Sample of one source by magnitudes relative to 1000 nJy."""
    flux = {band: 1000.0 * 10.0 ** (-0.4 * magnitudes.get(band, 0.0)) for band in BANDS}
    columns = {f"flux_{band}": [value] * u.nJy for band, value in flux.items()}
    columns |= {f"flux_err_{band}": [error] * u.nJy for band in BANDS}
    return QTable(columns | {"redshift": [6.0]})


def test_upper_limits_need_a_brighter_detection():
    sample = sample_of({"F277W": -0.75, "F356W": -1.01, "F444W": -4.0}, error=450.0)
    sample["flux_err_F444W"] = [1.0] * u.nJy
    # Nothing is detected at 3 sigma but F277W, F356W and F444W.
    assert find_non_galaxies(sample)["kind"][0] == ""
    for band in ("F115W", "F150W"):
        sample[f"flux_err_{band}"] = [100.0] * u.nJy
    # The limit of F200W is 900 nJy, 0.87 mag below F277W, and 1.12 mag below F356W.
    assert find_non_galaxies(sample)["kind"][0] == "little red dot"
    sample["flux_err_F200W"] = [600.0] * u.nJy
    assert find_non_galaxies(sample)["kind"][0] == ""


def with_stamp(image):
    sample = photometry(power_laws(7.0, -2.0, 1.0))
    sample["cutout_F444W"] = image[None] * u.nJy
    sample["pixel_scale"] = [0.03] * u.arcsec
    return sample


def test_point_source_is_compact_and_a_disc_is_not():
    psf = make_psf("F444W", pixel_scale=0.03, size=41).image
    assert find_non_galaxies(with_stamp(psf))["not_a_galaxy"][0]
    disc = np.hypot(*np.mgrid[-20:21, -20:21]) < 8.0
    assert not find_non_galaxies(with_stamp(disc.astype(float)))["not_a_galaxy"][0]


def test_apertures_have_the_area_of_circles():
    radius = np.array([3.0, 6.67, 10.0])
    flux = _aperture_flux(np.ones((3, 41, 41)), radius)
    assert np.allclose(flux, np.pi * radius**2, rtol=0.03)


def test_bands_are_needed():
    sample = photometry(power_laws(7.0, -2.0, 1.0))
    sample.remove_columns(["flux_F200W", "flux_err_F200W"])
    with pytest.raises(InputError, match="F200W"):
        find_non_galaxies(sample)


@pytest.fixture(scope="module")
def little_red_dots(shared_data):
    """Redshifts and photometry of published slopes and magnitudes (Kocevski et al. 2025)."""
    lines = (shared_data / "layouts" / "Kocevski24.Table3.dat").read_text().splitlines()
    rows = [line.split()[4:] for line in lines if not line.startswith("#")]
    redshift, _, uv_slope, _, slope, _, m_444, m_1450, _ = np.array(rows, float).T
    rest = MICRONS / (1.0 + redshift[:, None])
    blue = 10.0 ** (-0.4 * m_1450)[:, None] * (rest / 0.145) ** (uv_slope[:, None] + 2.0)
    red = 10.0 ** (-0.4 * m_444)[:, None] * (MICRONS / 4.4) ** (slope[:, None] + 2.0)
    spectra = np.where(rest < 0.1216, 0.0, np.where(rest < 0.3645, blue, red)) * 10.0**12.56
    flux = synthetic_photometry(MICRONS * 1e4 * u.AA, spectra * u.nJy, BANDS)
    columns = {f"flux_{band}": flux[:, place] for place, band in enumerate(BANDS)}
    columns |= {f"flux_err_{band}": np.ones(len(redshift)) * u.nJy for band in BANDS}
    return QTable(columns | {"redshift": redshift})


def test_published_little_red_dots(little_red_dots):
    found = find_non_galaxies(little_red_dots)["kind"] == "little red dot"
    near = little_red_dots["redshift"] < 8.0
    assert found[near].mean() > 0.9
    # F115W has no light, and F444W ends at rest in the visible.
    assert 0.1 < found[~near].mean() < 0.4


@pytest.mark.parametrize(
    ("file", "most"), [("jof_bagpipes.ecsv", 1), ("jades_z6to9_beagle.fits", 3)]
)
def test_few_galaxies_pass(shared_data, file, most):
    sample = read_catalog(shared_data / "catalogs" / file)
    assert len(sample) > 90
    assert find_non_galaxies(sample)["not_a_galaxy"].sum() <= most
