"""Spectra of single galaxies."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dustest.data import DustestError, GalaxySample, InputError, ReadError, as_sample
from dustest.io import Spectrum, add_spectra, read_spectrum

F_LAMBDA = u.erg / u.s / u.cm**2 / u.AA
SPEED_OF_LIGHT = 2.99792458e18  # Angstrom/s
POSITIVE = hnp.arrays(float, 5, elements=st.floats(1e-3, 1e3))


def make_hdu(table, name):
    hdu = fits.table_to_hdu(table)
    hdu.name = name
    return hdu


def make_table(n=6, unit=u.uJy):
    """A spectrum as a table."""
    wave = np.linspace(1.0, 1.5, n) * u.um
    flux = np.linspace(1.0, 2.0, n)
    return QTable({"wave": wave, "flux": flux * unit, "err": np.full(n, 0.1) * unit})


def make_spectrum(n=6):
    """The same as a Spectrum."""
    table = make_table(n)
    return Spectrum(table["wave"], table["flux"], table["err"])


class TestSpectrum:
    @given(wave=POSITIVE, flux=POSITIVE)
    def test_units_by_hand(self, wave, flux):
        spectrum = Spectrum(wave * u.um, flux * u.uJy, 0.1 * flux * u.uJy)
        order = np.argsort(wave, kind="stable")
        angstrom = wave[order] * 1e4
        expected = flux[order] * 1e-29 * SPEED_OF_LIGHT / angstrom**2
        assert spectrum.wavelength.unit == u.AA
        assert spectrum.flux.unit == spectrum.flux_err.unit == F_LAMBDA
        np.testing.assert_allclose(spectrum.wavelength.value, angstrom)
        np.testing.assert_allclose(spectrum.flux.value, expected)
        np.testing.assert_allclose(spectrum.flux_err.value, 0.1 * expected)

    def test_watt_per_cubic_metre(self):
        spectrum = Spectrum([1e-6] * u.m, [1.0] * u.W / u.m**3, [1.0] * u.W / u.m**3)
        assert spectrum.flux.value == pytest.approx([1e-7])

    @pytest.mark.parametrize(
        ("flux", "error"), [(np.nan, 1.0), (np.inf, 1.0), (1.0, np.nan), (1.0, 0.0), (1.0, -1.0)]
    )
    def test_bad_pixels_are_nan_in_both(self, flux, error):
        spectrum = Spectrum([1, 2] * u.um, [flux, 1.0] * u.uJy, [error, 1.0] * u.uJy)
        np.testing.assert_array_equal(np.isnan(spectrum.flux), [True, False])
        np.testing.assert_array_equal(np.isnan(spectrum.flux_err), [True, False])

    def test_negative_flux_is_kept(self):
        assert Spectrum([1] * u.um, [-2.0] * u.uJy, [1.0] * u.uJy).flux[0] < 0

    @pytest.mark.parametrize("wavelength", [[0.0], [-1.0], [np.nan], [np.inf], [], [[1.0]]])
    def test_wavelengths_that_are_not_positive(self, wavelength):
        with pytest.raises(
            InputError, match="wavelength must be one-dimensional and hold positive"
        ):
            Spectrum(wavelength * u.um, [1.0] * u.uJy, [1.0] * u.uJy)

    def test_lengths_that_differ(self):
        with pytest.raises(InputError, match="must be as long as wavelength"):
            Spectrum([1.0, 2.0] * u.um, [1.0] * u.uJy, [1.0] * u.uJy)

    @pytest.mark.parametrize("flux", [[1.0], [1.0] * u.m, ["a"]])
    def test_what_is_no_flux(self, flux):
        with pytest.raises(InputError, match=r"flux must .* converts to erg"):
            Spectrum([1.0] * u.um, flux, [1.0] * u.uJy)

    def test_is_frozen(self):
        with pytest.raises(AttributeError):
            make_spectrum().flux = 1

    def test_the_input_stays_as_it_is(self):
        flux = [np.nan, 1.0] * u.uJy
        error = [1.0, 1.0] * u.uJy
        Spectrum([2.0, 1.0] * u.um, flux, error)
        np.testing.assert_array_equal(error.value, [1.0, 1.0])
        np.testing.assert_array_equal(flux.value, [np.nan, 1.0])


class TestTables:
    @pytest.mark.parametrize("name", ["s.fits", "s.ecsv", "s.parquet", "s.vot", "s.fits.gz"])
    def test_formats(self, tmp_path, name):
        table = make_table()
        options = {"format": "votable"} if name.endswith("vot") else {}
        table.write(tmp_path / name, **options)
        spectrum = read_spectrum(tmp_path / name)
        np.testing.assert_allclose(spectrum.flux.value, make_spectrum().flux.value)
        assert spectrum.meta == {"layout": "table", "source": name}

    def test_units_for_plain_columns(self, tmp_path):
        path = tmp_path / "spectrum.txt"
        path.write_text("wavelength flux flux_err\n1.0 3.0 0.1\n1.1 4.0 0.1\n")
        with pytest.raises(
            InputError, match=r'column wavelength declares no unit.*wavelength_unit="um"'
        ):
            read_spectrum(path)
        spectrum = read_spectrum(path, wavelength_unit=u.um, flux_unit="erg/s/cm2/AA")
        np.testing.assert_allclose(spectrum.flux.value, [3.0, 4.0])

    @pytest.mark.parametrize("unit", [{"wavelength_unit": u.nm}, {"flux_unit": u.nJy}])
    def test_contradicting_unit(self, tmp_path, unit):
        make_table().write(tmp_path / "s.fits")
        with pytest.raises(InputError, match=r"is given as .*, but .* is declared"):
            read_spectrum(tmp_path / "s.fits", **unit)

    def test_masked_pixels(self, tmp_path):
        table = Table(make_table())
        table["flux"] = MaskedColumn(table["flux"], mask=[1, 0, 0, 0, 0, 0])
        table.write(tmp_path / "s.ecsv")
        assert np.isnan(read_spectrum(tmp_path / "s.ecsv").flux[0])

    def test_wavelengths_that_are_missing_are_dropped(self, tmp_path):
        table = make_table()
        table["wave"][2] = np.nan
        table.write(tmp_path / "s.fits")
        assert read_spectrum(tmp_path / "s.fits").wavelength.size == 5

    def test_extension_by_name(self, tmp_path):
        names = ("EXTRACT5PIX1D", "EXTRACT3PIX1D")
        hdus = [make_hdu(make_table(5 + i), name) for i, name in enumerate(names)]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "s.fits")
        assert read_spectrum(tmp_path / "s.fits").wavelength.size == 5
        assert read_spectrum(tmp_path / "s.fits", hdu="EXTRACT3PIX1D").wavelength.size == 6
        with pytest.raises(InputError, match="hdu must be one of"):
            read_spectrum(tmp_path / "s.fits", hdu="EXTRACT7PIX1D")

    def test_jwst_pipeline(self, tmp_path):
        table = make_table(unit=u.Jy)
        table.rename_columns(["wave", "flux", "err"], ["WAVELENGTH", "FLUX", "FLUX_ERROR"])
        make_hdu(table, "EXTRACT1D").writeto(tmp_path / "x1d.fits")
        spectrum = read_spectrum(tmp_path / "x1d.fits")
        assert spectrum.meta["layout"] == "jwst-x1d"
        assert spectrum.wavelength.size == 6


class TestBadFiles:
    def test_absent(self, tmp_path):
        with pytest.raises(ReadError, match="does not exist"):
            read_spectrum(tmp_path / "s.fits")

    def test_no_fits(self, tmp_path):
        (tmp_path / "s.fits").write_text("no spectrum")
        with pytest.raises(ReadError, match="is not a readable"):
            read_spectrum(tmp_path / "s.fits")

    def test_unknown_layout(self, tmp_path):
        Table({"a": [1.0], "b": [2.0]}).write(tmp_path / "s.fits")
        with pytest.raises(ReadError, match=r"no known layout of a spectrum.*found a, b"):
            read_spectrum(tmp_path / "s.fits")

    def test_no_positive_wavelength(self, tmp_path):
        table = make_table()
        table["wave"] = -table["wave"]
        table.write(tmp_path / "s.fits")
        with pytest.raises(ReadError, match="holds no positive wavelength"):
            read_spectrum(tmp_path / "s.fits")

    @pytest.mark.filterwarnings("ignore")  # a damaged file makes astropy warn
    def test_mutated_files_are_read_or_refused(self, tmp_path):
        make_hdu(make_table(50), "SPEC1D").writeto(tmp_path / "s.fits")
        original = (tmp_path / "s.fits").read_bytes()
        rng = np.random.default_rng(5)
        refused = 0
        for i in range(150):
            data = bytearray(original)
            for position in rng.integers(0, len(data), size=rng.integers(1, 30)):
                data[position] = rng.integers(0, 256)
            if i % 3 == 0:
                data = data[: rng.integers(0, len(data))]
            (tmp_path / "s.fits").write_bytes(bytes(data))
            try:
                assert isinstance(read_spectrum(tmp_path / "s.fits"), Spectrum)
            except DustestError:
                refused += 1
        assert 0 < refused < 150


class TestAddSpectra:
    def test_shorter_spectra_are_filled_up(self):
        sample = add_spectra(
            Table({"redshift": [6.0, 7.0, 8.0]}), [make_spectrum(), None, make_spectrum(4)]
        )
        assert isinstance(sample, GalaxySample)
        assert sample["spectrum_flux"].shape == (3, 6)
        count = np.isfinite(sample["spectrum_wavelength"]).sum(axis=1)
        np.testing.assert_array_equal(count, [6, 0, 4])
        np.testing.assert_array_equal(sample["spectrum_flux"][0], make_spectrum().flux)
        np.testing.assert_array_equal(
            sample["spectrum_flux_err"][2, :4], make_spectrum(4).flux_err
        )

    def test_survives_the_door(self):
        sample = add_spectra(Table({"redshift": [6.0]}), [make_spectrum()])
        again = as_sample(sample)
        np.testing.assert_array_equal(again["spectrum_flux"], sample["spectrum_flux"])

    def test_paths(self, tmp_path):
        make_table().write(tmp_path / "s.fits")
        table = Table({"redshift": [6.0, 7.0]})
        sample = add_spectra(table, [tmp_path / "s.fits", str(tmp_path / "s.fits")])
        np.testing.assert_array_equal(sample["spectrum_flux"][0], sample["spectrum_flux"][1])

    @pytest.mark.parametrize("spectra", [[], [None, None, None], None, "s.fits"])
    def test_not_one_a_row(self, spectra):
        with pytest.raises(
            InputError, match=r"spectra must be a list of one spectrum a row \(2\)"
        ):
            add_spectra(Table({"redshift": [6.0, 7.0]}), spectra)

    def test_only_none(self):
        with pytest.raises(InputError, match="at least one spectrum"):
            add_spectra(Table({"redshift": [6.0]}), [None])

    def test_what_is_no_spectrum(self):
        with pytest.raises(InputError, match="spectra must hold Spectrum, paths or None, got int"):
            add_spectra(Table({"redshift": [6.0]}), [5])


class TestRealSpectra:
    @pytest.mark.parametrize(
        ("name", "layout", "n_pixels", "n_bad"),
        [
            ("jades_gto_003991_prism_clear_v5.1_1D.fits", "jades-gto", 706, 0),
            ("jades_gto_007437_prism_clear_v3.1_1D.fits", "jades-gto", 674, 6),
            ("ceers_1345_933.spec.fits", "msaexp", 414, 84),
        ],
    )
    def test_layouts(self, shared_data, name, layout, n_pixels, n_bad):
        spectrum = read_spectrum(shared_data / "spectra" / name)
        assert spectrum.meta["layout"] == layout
        assert spectrum.wavelength.size == n_pixels
        assert np.isnan(spectrum.flux).sum() == n_bad
        assert 5700 < spectrum.wavelength[0].value < 6100
        assert 53000 < spectrum.wavelength[-1].value < 55000

    def test_jades_product(self, shared_data):
        (path,) = (shared_data / "spectra").glob("hlsp_jades_*_x1d.fits")
        spectrum = read_spectrum(path)
        narrow = read_spectrum(path, hdu="EXTRACT3PIX1D")
        assert spectrum.meta["layout"] == narrow.meta["layout"] == "jades-x1d"
        with fits.open(path) as hdus:
            np.testing.assert_array_equal(spectrum.flux.value, hdus["EXTRACT5PIX1D"].data["FLUX"])
            np.testing.assert_array_equal(narrow.flux.value, hdus["EXTRACT3PIX1D"].data["FLUX"])

    def test_gto_units(self, shared_data):
        path = shared_data / "spectra" / "jades_gto_001882_prism_clear_v5.0_1D.fits"
        spectrum = read_spectrum(path)
        with fits.open(path) as hdus:
            raw, wavelength = hdus["DATA"].data[300], hdus["WAVELENGTH"].data[300]
        assert spectrum.flux[300].value == pytest.approx(raw * 1e-7)
        assert spectrum.wavelength[300].value == pytest.approx(wavelength * 1e10)

    def test_a_curve_of_resolution_is_no_spectrum(self, shared_data):
        with pytest.raises(ReadError, match="no known layout"):
            read_spectrum(shared_data / "spectra" / "jwst_nirspec_prism_disp.fits")

    def test_images_are_no_spectrum(self, shared_data):
        with pytest.raises(ReadError, match="holds no table"):
            read_spectrum(shared_data / "cutouts" / "jof_36_zphot4.13.fits")
