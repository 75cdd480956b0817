"""Spectra of single galaxies."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Column, MaskedColumn, QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dustest.data import (
    DustestError,
    DustestWarning,
    GalaxySample,
    InputError,
    ReadError,
    as_sample,
)
from dustest.io import Spectrum, add_spectra, read_spectrum
from dustest.io._foreground import spectrum_correction

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

    @pytest.mark.parametrize(
        "flux", [[1.0], [1.0] * u.m, ["a"], [1.0] * u.W / u.m**2, [1.0] * u.W]
    )
    def test_what_is_no_flux(self, flux):
        with pytest.raises(InputError, match=r"flux must .*(converts to erg|flux density per)"):
            Spectrum([1.0] * u.um, flux, [1.0] * u.uJy)

    @pytest.mark.parametrize("unit", [u.erg / u.s / u.cm**2, u.W / u.m**2, u.erg / u.s / u.AA])
    def test_errors_that_are_plain_fluxes(self, unit):
        with pytest.raises(
            InputError, match="flux_err must be a flux density per unit wavelength"
        ):
            Spectrum([1.0] * u.um, [1.0] * u.uJy, [1.0] * unit)

    def test_is_frozen(self):
        with pytest.raises(AttributeError):
            make_spectrum().flux = 1

    def test_the_input_stays_as_it_is(self):
        flux = [np.nan, 1.0] * u.uJy
        error = [1.0, 1.0] * u.uJy
        Spectrum([2.0, 1.0] * u.um, flux, error)
        np.testing.assert_array_equal(error.value, [1.0, 1.0])
        np.testing.assert_array_equal(flux.value, [np.nan, 1.0])

    def test_is_described_in_notebooks(self):
        wavelength = [1.0, 2.0, 3.0] * u.um
        meta = {"file": "<b>\x1b"}
        spectrum = Spectrum(wavelength, [1.0, 2.0, 3.0] * u.nJy, [0.1, 0.1, 0.0] * u.nJy, meta)
        html = spectrum._repr_html_()
        assert "<td>pixels without a flux</td><td>1</td>" in html
        assert "<td>1.00 to 3.00 micron</td>" in html
        assert "<td>15.0</td>" in html
        assert "&lt;b&gt;\ufffd" in html

    def test_without_a_flux_is_described_too(self):
        html = Spectrum([1.0] * u.um, [np.nan] * u.nJy, [0.1] * u.nJy)._repr_html_()
        assert "signal to noise" not in html


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


WAVE = np.linspace(1.0, 2.0, 11)
FLUX = np.arange(1.0, 12.0)


def write(path, columns, units=None, name=None):
    """A table of bare numbers with any text as unit."""
    table = Table(columns)
    hdu = fits.table_to_hdu(table)
    # Into the header, as astropy writes no units that it does not know.
    for number, column in enumerate(table.colnames, 1):
        if units and column in units:
            hdu.header[f"TUNIT{number}"] = units[column]
    hdu.name = name or ""
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
class TestUnitsOfColumns:
    @pytest.mark.parametrize(
        ("name", "unit", "values"),
        [
            ("wave", "um", WAVE),
            ("lambda", "Angstrom", 1e4 * WAVE),
            ("wavelength", "1e-10 m", 1e4 * WAVE),
            ("frequency", "Hz", 2.99792458e14 / WAVE),
            ("freq", "GHz", 2.99792458e5 / WAVE),
            ("wavenumber", "cm-1", 1e4 / WAVE),
            ("energy", "eV", 1.239841984 / WAVE),
            ("loglam", "Angstrom", np.log10(1e4 * WAVE)),
            ("log_wave", "um", np.log10(WAVE)),
        ],
    )
    def test_wavelengths_of_every_kind(self, tmp_path, name, unit, values):
        columns = {name: values, "flux": FLUX, "err": 0.1 * FLUX}
        units = {name: unit, "flux": "uJy", "err": "uJy"}
        spectrum = read_spectrum(write(tmp_path / "s.fits", columns, units))
        expected = Spectrum(WAVE * u.um, FLUX * u.uJy, 0.1 * FLUX * u.uJy)
        np.testing.assert_allclose(spectrum.wavelength.value, 1e4 * WAVE, rtol=1e-8)
        np.testing.assert_allclose(spectrum.flux.value, expected.flux.value, rtol=1e-7)

    @pytest.mark.parametrize(
        ("text", "scale"),
        [
            ("erg/s/cm2/AA", 1.0),
            ("1e-20 erg/s/cm2/AA", 1e-20),
            ("10-20erg/s/cm2/Angstrom", 1e-20),
            ("W m-3", 1e-7),
            ("W/m^2/um", 0.1),
        ],
    )
    def test_fluxes_per_wavelength(self, tmp_path, text, scale):
        columns = {"wave": WAVE, "flux": FLUX, "err": 0.1 * FLUX}
        units = {"wave": "um", "flux": text, "err": text}
        spectrum = read_spectrum(write(tmp_path / "s.fits", columns, units))
        np.testing.assert_allclose(spectrum.flux.value, scale * FLUX)
        np.testing.assert_allclose(spectrum.flux_err.value, 0.1 * scale * FLUX)

    @settings(max_examples=25)
    @given(
        kind=st.sampled_from(["err", "var", "ivar"]),
        flux=st.sampled_from(["uJy", "nJy", "1e-20 erg/s/cm2/AA"]),
        own=st.sampled_from([None, "nJy", "mJy", "erg/s/cm2/AA", "same"]),
        error=st.floats(1e-3, 1e3),
    )
    def test_errors_of_every_kind_and_unit(self, tmp_path_factory, kind, flux, own, error):
        power = {"err": 1, "var": 2, "ivar": -2}[kind]
        values = np.full(11, error**power)
        units = {"wave": "um", "flux": flux}
        if own is not None:
            unit = u.Unit(flux if own == "same" else own)
            units[kind] = flux if own == "same" else (unit**power).to_string()
        path = tmp_path_factory.mktemp("units") / "s.fits"
        path = write(path, {"wave": WAVE, "flux": FLUX, kind: values}, units)
        unit = u.Unit(flux if own in (None, "same") else own)
        expected = Spectrum(WAVE * u.um, FLUX * u.Unit(flux), np.full(11, error) * unit)
        np.testing.assert_allclose(
            read_spectrum(path).flux_err.value, expected.flux_err.value, rtol=1e-6
        )

    @pytest.mark.parametrize(
        ("units", "options", "problem"),
        [
            ({"wave": "MICRON"}, {}, "wave declares the unit 'MICRON'.*did you mean 'um'"),
            ({"wave": "MICRON"}, {"wavelength_unit": "AA"}, "'MICRON'.*did you mean 'um'"),
            ({"wave": "s"}, {}, "wave declares the unit 's', which is not a wavelength"),
            ({"wave": None}, {}, 'declares no unit: pass wavelength_unit, .*wavelength_unit="um"'),
            ({"flux": "erg/s/cm2/A"}, {}, "A is ampere here"),
            ({"flux": "ujy"}, {"flux_unit": "nJy"}, 'did you mean .uJy.*flux_unit="uJy"'),
            ({"flux": "ct"}, {}, "flux declares the unit 'ct', which is not a flux density"),
            ({"flux": "erg/s/cm2"}, {}, "flux declares .*not a flux density per unit wavelength"),
            ({"flux": "W/m2"}, {}, "flux declares .*not a flux density per unit wavelength"),
            ({"flux": "erg/s/AA"}, {}, "flux declares .*not a flux density per unit wavelength"),
            ({"flux": "mag(AB)"}, {}, "flux declares the unit .*mag.*, which is not a flux dens"),
            ({"err": "ct"}, {}, "err declares the unit 'ct', which does not convert to uJy"),
            ({"err": "uJy2"}, {}, "err declares the unit 'uJy2', which does not convert to uJy"),
            ({"err": "ujy"}, {}, "err declares the unit 'ujy', .*did you mean 'uJy'"),
            ({}, {"flux_unit": "um"}, "the unit of column flux must be a flux density .*got um"),
            ({}, {"flux_unit": "W/m2"}, "unit of column flux must be a flux density .*got W / m2"),
            ({"err": "W/m2"}, {}, "err declares the unit .* which does not convert to uJy"),
            ({}, {"wavelength_unit": "nJy"}, "the unit of column wave must be a wavelength"),
            ({}, {"wavelength_unit": "foo"}, "wavelength_unit must be a unit"),
        ],
    )
    def test_what_is_refused(self, tmp_path, units, options, problem):
        units = {"wave": "um", "flux": "uJy", "err": "uJy"} | units
        units = {name: unit for name, unit in units.items() if unit is not None}
        columns = {"wave": WAVE, "flux": FLUX, "err": 0.1 * FLUX}
        with pytest.raises(InputError, match=problem):
            read_spectrum(write(tmp_path / "s.fits", columns, units), **options)

    @pytest.mark.parametrize(
        ("units", "options"),
        [
            ({"wave": "MICRON"}, {"wavelength_unit": "um"}),
            ({"wave": "my unit"}, {"wavelength_unit": "um"}),
            ({"wave": "s"}, {"wavelength_unit": u.um}),
            ({"flux": "ujy", "err": "UJY"}, {"flux_unit": "uJy"}),
            ({"flux": "flux units"}, {"flux_unit": "uJy"}),
        ],
    )
    def test_what_the_user_may_say(self, tmp_path, units, options):
        columns = {"wave": WAVE, "flux": FLUX, "err": 0.1 * FLUX}
        units = {"wave": "um", "flux": "uJy", "err": "uJy"} | units
        spectrum = read_spectrum(write(tmp_path / "s.fits", columns, units), **options)
        expected = Spectrum(WAVE * u.um, FLUX * u.uJy, 0.1 * FLUX * u.uJy)
        np.testing.assert_allclose(spectrum.flux.value, expected.flux.value)
        np.testing.assert_allclose(spectrum.flux_err.value, expected.flux_err.value)

    def test_logarithms_in_dex(self, tmp_path):
        table = Table({"wave": np.log10(1e4 * WAVE), "flux": FLUX, "err": 0.1 * FLUX})
        table["wave"].unit, table["flux"].unit = u.dex(u.AA), u.uJy
        table.write(tmp_path / "s.ecsv")
        spectrum = read_spectrum(tmp_path / "s.ecsv")
        np.testing.assert_allclose(spectrum.wavelength.value, 1e4 * WAVE)

    def test_a_layout_says_units_that_the_file_does_not(self, tmp_path):
        def image(name, values, unit=None):
            header = fits.Header({"BUNIT": unit} if unit else {})
            return fits.ImageHDU(values, header, name=name)

        path = tmp_path / "s.fits"
        units = (
            ("m", 1e-6, None, 1e-7),
            ("um", 1.0, "erg/s/cm2/AA", 1.0),
            (None, 1e-6, None, 1e-7),
        )
        for wave_unit, factor, flux_unit, scale in units:
            hdus = [
                image("WAVELENGTH", factor * WAVE, wave_unit),
                image("DATA", FLUX, flux_unit),
                image("ERR", 0.1 * FLUX),
                image("DQ", np.arange(11)),
            ]
            fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
            spectrum = read_spectrum(path)
            assert spectrum.meta["layout"] == "jades-gto"
            np.testing.assert_allclose(spectrum.wavelength.value, 1e4 * WAVE)
            np.testing.assert_allclose(spectrum.flux.value[::2], scale * FLUX[::2])
            assert np.all(np.isnan(spectrum.flux[1::2]))
        given_unit = read_spectrum(path, wavelength_unit="mm", flux_unit="nJy")
        np.testing.assert_allclose(given_unit.wavelength.value, 10.0 * WAVE)


class TestPixels:
    @pytest.mark.parametrize(
        ("name", "bad"),
        [
            ("DQ", [1, 3]),
            ("dq", [1, 3]),
            ("MASK", [1, 2, 3]),
            ("Quality", [1, 2, 3]),
            ("FLAG", [1, 2, 3]),
        ],
    )
    @pytest.mark.parametrize("dtype", ["uint8", "int32", "float64"])
    def test_columns_of_quality(self, tmp_path, name, bad, dtype):
        quality = np.zeros(6, dtype=dtype)
        quality[1:4] = 1, 4, 5
        table = make_table()
        table[name] = quality
        table.write(tmp_path / "s.fits")
        spectrum = read_spectrum(tmp_path / "s.fits")
        assert np.flatnonzero(np.isnan(spectrum.flux)).tolist() == bad
        assert np.flatnonzero(np.isnan(spectrum.flux_err)).tolist() == bad

    def test_all_columns_of_quality_count(self, tmp_path):
        table = make_table()
        table["DQ"] = [1, 0, 0, 0, 0, 0]
        table["mask"] = [False, True, False, False, False, False]
        table.write(tmp_path / "s.fits")
        assert np.isnan(read_spectrum(tmp_path / "s.fits").flux).tolist() == [1, 1, 0, 0, 0, 0]

    def test_every_pixel_is_bad(self, tmp_path):
        table = make_table()
        table["MASK"] = np.ones(6, dtype=int)
        table.write(tmp_path / "s.fits")
        with pytest.warns(DustestWarning, match="column MASK marks every pixel as bad"):
            assert np.all(np.isnan(read_spectrum(tmp_path / "s.fits").flux))

    def test_quality_in_words(self, tmp_path):
        table = make_table()
        table["FLAG"] = ["ok"] * 6
        table.write(tmp_path / "s.fits")
        with pytest.warns(DustestWarning, match="column FLAG holds no numbers"):
            assert np.all(np.isfinite(read_spectrum(tmp_path / "s.fits").flux))

    @settings(max_examples=25)
    @given(
        bad=st.sampled_from([-99.0, -999.0, -9999.0, np.nan, np.inf]),
        name=st.sampled_from(["flux", "err", "wave"]),
        row=st.integers(0, 5),
        masked=st.booleans(),
    )
    def test_one_bad_value_costs_one_pixel(self, tmp_path_factory, bad, name, row, masked):
        table = Table(make_table(), masked=True)
        if masked:
            table[name].mask[row] = True
        else:
            table[name][row] = bad
        path = tmp_path_factory.mktemp("pixels") / "s.ecsv"
        table.write(path)
        spectrum = read_spectrum(path)
        if name == "wave":
            assert spectrum.wavelength.size == 5
            assert np.all(np.isfinite(spectrum.flux))
        else:
            assert np.flatnonzero(np.isnan(spectrum.flux)).tolist() == [row]

    def test_descending_wavelengths_and_repeats(self, tmp_path):
        table = make_table()[::-1]
        table["wave"][3] = table["wave"][2]
        table.write(tmp_path / "s.fits")
        spectrum = read_spectrum(tmp_path / "s.fits")
        assert np.all(np.diff(spectrum.wavelength.value) >= 0)
        assert spectrum.flux_err.size == 6

    @pytest.mark.filterwarnings("error")
    def test_zero_frequency(self, tmp_path):
        columns = {"freq": 1e14 * np.arange(11), "flux": FLUX, "err": FLUX}
        units = {"freq": "Hz", "flux": "uJy", "err": "uJy"}
        assert read_spectrum(write(tmp_path / "s.fits", columns, units)).wavelength.size == 10

    def test_columns_as_well_as_quantities(self):
        wave = MaskedColumn([1.0, 2.0], mask=[False, False], unit="um")
        flux = MaskedColumn([1.0, 2.0], mask=[False, True], unit="uJy")
        spectrum = Spectrum(wave, flux, Column([100.0, 100.0], unit="nJy"))
        np.testing.assert_allclose(spectrum.wavelength.value, [1e4, 2e4])
        assert (spectrum.flux_err / spectrum.flux).value[0] == pytest.approx(0.1)
        assert np.isnan(spectrum.flux[1])

    @pytest.mark.parametrize("ending", ["csv", "txt", "dat"])
    def test_text(self, tmp_path, ending):
        separator = "," if ending == "csv" else " "
        rows = [["wavelength", "flux", "flux_err"], ["1.0", "3.0", "0.1"], ["1.1", "-99", "0.1"]]
        path = tmp_path / f"s.{ending}"
        path.write_text("\n".join(separator.join(row) for row in rows))
        spectrum = read_spectrum(path, wavelength_unit="um", flux_unit="erg/s/cm2/AA")
        np.testing.assert_array_equal(spectrum.flux.value, [3.0, np.nan])

    def test_fits_under_another_ending(self, tmp_path):
        make_table().write(tmp_path / "s.fits")
        (tmp_path / "s.fits").rename(tmp_path / "s.spec")
        assert read_spectrum(tmp_path / "s.spec").wavelength.size == 6


def make_vectors(ids=(11, 12, 13)):
    """A table with a source in each row."""
    flux = FLUX * np.arange(1, 4)[:, None]
    columns = {"WAVELENGTH": np.tile(WAVE, (3, 1)), "FLUX": flux, "FLUX_ERROR": 0.1 * flux}
    table = Table(columns if ids is None else {"SOURCE_ID": list(ids)} | columns)
    table["WAVELENGTH"].unit, table["FLUX"].unit, table["FLUX_ERROR"].unit = "um", "uJy", "uJy"
    return table


class TestSeveralSources:
    """Never merged, and never the first of them without a word."""

    def found(self, path, **options):
        """Which of the three spectra is read."""
        spectrum = read_spectrum(path, **options)
        one = Spectrum(WAVE * u.um, FLUX * u.uJy, FLUX * u.uJy)
        ratio = (spectrum.flux / one.flux).value
        np.testing.assert_allclose(ratio, ratio[0])
        return round(ratio[0])

    @pytest.mark.parametrize("ending", ["fits", "ecsv"])
    @pytest.mark.parametrize("ids", [(11, 12, 13), ("a", "b", "7c")])
    def test_a_row_each(self, tmp_path, ids, ending):
        path = tmp_path / f"x1d.{ending}"
        make_vectors(ids).write(path)
        with pytest.raises(InputError, match=rf"3 sources \({', '.join(map(str, ids))}\): say"):
            read_spectrum(path)
        for number, name in enumerate(ids, 1):
            assert self.found(path, source_id=name) == number
            assert self.found(path, source_id=str(name)) == number
            assert read_spectrum(path, source_id=name).meta["source_id"] == name
        with pytest.raises(InputError, match="source_id=99 is not one of them"):
            read_spectrum(path, source_id=99)

    def test_rows_without_identifier(self, tmp_path):
        make_vectors(None).write(tmp_path / "x1d.fits")
        with pytest.raises(InputError, match=r"3 sources \(0, 1, 2\): .* such as source_id=2"):
            read_spectrum(tmp_path / "x1d.fits")
        assert self.found(tmp_path / "x1d.fits", source_id=1) == 2

    def test_one_row(self, tmp_path):
        make_vectors()[1:2].write(tmp_path / "x1d.fits")
        assert self.found(tmp_path / "x1d.fits") == 2

    def test_a_pixel_in_each_row(self, tmp_path):
        vectors = make_vectors()
        table = Table({name: vectors[name].ravel() for name in vectors.colnames[1:]})
        for name in table.colnames:
            table[name].unit = vectors[name].unit
        table.write(tmp_path / "s.fits")
        with pytest.raises(InputError, match=r"every wavelength 3 times.*add a column id"):
            read_spectrum(tmp_path / "s.fits")
        table["id"] = np.repeat(["a", "b", "c"], 11)
        table.write(tmp_path / "s.fits", overwrite=True)
        with pytest.raises(InputError, match=r"3 sources \(a, b, c\): .*source_id=\"c\""):
            read_spectrum(tmp_path / "s.fits")
        assert self.found(tmp_path / "s.fits", source_id="b") == 2

    def test_numbers_of_pixels_are_no_sources(self, tmp_path):
        table = make_table()
        table["number"] = np.arange(6)
        table.write(tmp_path / "s.fits")
        assert read_spectrum(tmp_path / "s.fits").wavelength.size == 6

    def test_a_file_of_one_source(self, tmp_path):
        table = make_table()
        table.write(tmp_path / "s.fits")
        with pytest.raises(InputError, match="source_id must be left out"):
            read_spectrum(tmp_path / "s.fits", source_id=7)
        table["id"] = 7
        table.write(tmp_path / "s.fits", overwrite=True)
        assert read_spectrum(tmp_path / "s.fits", source_id=7).wavelength.size == 6
        with pytest.raises(InputError, match="source_id=8 is not one of them"):
            read_spectrum(tmp_path / "s.fits", source_id=8)

    @pytest.mark.parametrize("name", ["EXTRACT1D", "SPEC1D", "ANY"])
    def test_an_extension_each(self, tmp_path, name):
        hdus = [fits.PrimaryHDU()]
        for number in (1, 2, 3):
            row = make_vectors()[number - 1]
            columns = {key: row[key] for key in ("WAVELENGTH", "FLUX", "FLUX_ERROR")}
            table = Table(columns)
            for key in columns:
                table[key].unit = make_vectors()[key].unit
            hdus.append(fits.BinTableHDU(table, name=name, ver=number))
        path = tmp_path / "x1d.fits"
        fits.HDUList(hdus).writeto(path)
        for hdu in (None, name):
            with pytest.raises(InputError, match=rf"3 spectra, .*such as hdu=\('{name}', 3\)"):
                read_spectrum(path, hdu=hdu)
        assert [self.found(path, hdu=(name, i)) for i in (1, 2, 3)] == [1, 2, 3]
        assert [self.found(path, hdu=i) for i in (1, 2, -1)] == [1, 2, 3]

    def test_other_tables_beside_the_spectrum(self, tmp_path):
        hdus = [make_hdu(Table({"x": [1.0]}), "INFO"), make_hdu(make_table(), "ANY")]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "s.fits")
        assert read_spectrum(tmp_path / "s.fits").wavelength.size == 6

    def test_images_with_a_row_each(self, tmp_path):
        flux = FLUX * np.arange(1, 4)[:, None]
        images = {"DATA": flux, "ERR": 0.1 * flux, "WAVELENGTH": 1e-6 * WAVE}
        hdus = [fits.ImageHDU(values, name=name) for name, values in images.items()]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "s.fits")
        with pytest.raises(InputError, match=r"3 sources \(0, 1, 2\)"):
            read_spectrum(tmp_path / "s.fits")
        spectrum = read_spectrum(tmp_path / "s.fits", source_id=2)
        np.testing.assert_allclose(spectrum.flux.value, 3e-7 * FLUX)

    @pytest.mark.parametrize("hdu", ["EXTRACT2D", 9, ("ANY", 2), [1]])
    def test_an_extension_that_is_not_there(self, tmp_path, hdu):
        make_hdu(make_table(), "EXTRACT1D").writeto(tmp_path / "s.fits")
        with pytest.raises(InputError, match="hdu must be one of PRIMARY, EXTRACT1D"):
            read_spectrum(tmp_path / "s.fits", hdu=hdu)


class TestForeground:
    def test_taken_off_and_recorded(self, tmp_path):
        make_table().write(tmp_path / "s.fits")
        plain = read_spectrum(tmp_path / "s.fits")
        spectrum = read_spectrum(tmp_path / "s.fits", foreground_ebv=100 * u.mmag)
        expected = spectrum_correction(0.1, plain.wavelength.value)
        np.testing.assert_allclose(spectrum.flux / plain.flux, expected)
        np.testing.assert_allclose(spectrum.flux_err / plain.flux_err, expected)
        assert spectrum.meta["foreground_dust"] == "G23, E(B-V) = 0.1"
        assert "foreground_dust" not in plain.meta
        table = Table({"redshift": [7.0, 8.0]})
        sample = add_spectra(table, [spectrum, None])
        assert sample.meta["foreground_dust_spectrum"] == "G23, E(B-V) = 0.1"
        assert "foreground_dust_spectrum" not in add_spectra(sample, [plain, plain]).meta
        with pytest.raises(InputError, match="1 of 2 spectra are corrected for foreground dust"):
            add_spectra(table, [spectrum, plain])

    @pytest.mark.parametrize("ebv", [-0.1, np.nan, "ebv", [0.1], [0.1, 0.2], 1 * u.AA])
    def test_what_is_no_colour_excess(self, tmp_path, ebv):
        make_table().write(tmp_path / "s.fits")
        with pytest.raises(InputError, match="foreground_ebv must"):
            read_spectrum(tmp_path / "s.fits", foreground_ebv=ebv)


class TestBadFiles:
    def test_absent(self, tmp_path):
        with pytest.raises(ReadError, match="does not exist"):
            read_spectrum(tmp_path / "s.fits")

    def test_no_fits(self, tmp_path):
        (tmp_path / "s.fits").write_text("no spectrum")
        with pytest.raises(ReadError, match="cannot be read as FITS"):
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
    @pytest.mark.parametrize("source_id", [None, 12])
    def test_mutated_files_are_read_or_refused(self, tmp_path, source_id):
        table = make_table(50) if source_id is None else make_vectors()
        make_hdu(table, "SPEC1D").writeto(tmp_path / "s.fits")
        original = (tmp_path / "s.fits").read_bytes()
        rng = np.random.default_rng(5)
        refused = 0
        for i in range(100):
            data = bytearray(original)
            for position in rng.integers(0, len(data), size=rng.integers(1, 30)):
                data[position] = rng.integers(0, 256)
            if i % 3 == 0:
                data = data[: rng.integers(0, len(data))]
            (tmp_path / "s.fits").write_bytes(bytes(data))
            try:
                spectrum = read_spectrum(tmp_path / "s.fits", source_id=source_id)
                assert isinstance(spectrum, Spectrum)
            except DustestError:
                refused += 1
        assert 0 < refused < 100


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

    @pytest.mark.parametrize("absent", ["absent.fits", "missing/s.fits", "."])
    def test_one_missing_file_costs_its_row(self, tmp_path, absent):
        table = Table({"redshift": [6.0, 7.0, 8.0]})
        spectra = [make_spectrum(), tmp_path / absent, make_spectrum(4)]
        with pytest.warns(DustestWarning, match=r"1 of 3 spectra cannot be read .*check the path"):
            sample = add_spectra(table, spectra)
        assert np.isfinite(sample["spectrum_flux"]).sum(axis=1).tolist() == [6, 0, 4]
        with pytest.raises(ReadError, match="check the path"):
            add_spectra(table, [tmp_path / absent, None, None])

    def test_one_damaged_file_costs_its_row(self, tmp_path):
        make_table().write(tmp_path / "s.fits")
        (tmp_path / "bad.fits").write_text("no spectrum")
        table = Table({"redshift": [6.0, 7.0]})
        with pytest.warns(DustestWarning, match=r"1 of 2 spectra cannot be read .*bad\.fits"):
            sample = add_spectra(table, [tmp_path / "bad.fits", tmp_path / "s.fits"])
        assert np.isfinite(sample["spectrum_flux"]).sum(axis=1).tolist() == [0, 6]
        with pytest.raises(ReadError, match=r"bad.fits cannot be read as FITS"):
            add_spectra(table[:1], [tmp_path / "bad.fits"])

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


class TestNamesOfColumns:
    """Every name that the guide lists."""

    @staticmethod
    def read(tmp_path, **renamed):
        table = Table({"wave": [1.0, 2.0] * u.um, "flux": [1.0, 2.0] * u.uJy})
        table["err"] = [0.5, 0.5] * u.uJy
        for old, new in renamed.items():
            table.rename_column(old, new)
        table.write(tmp_path / "s.ecsv")
        return read_spectrum(tmp_path / "s.ecsv")

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "wavelength",
                "WAVE",
                "lambda",
                "lam",
                "wl",
                "wavelengths",
                "lambda_obs",
                "wave_obs",
            ),
            "spectral_axis",
        ],
    )
    def test_wavelength(self, tmp_path, name):
        assert self.read(tmp_path, wave=name).wavelength.value == pytest.approx([1e4, 2e4])

    @pytest.mark.parametrize(
        "name", ["loglam", "log_lam", "loglambda", "log_lambda", "logwave", "LOG_WAVE"]
    )
    def test_logarithms_of_wavelength(self, tmp_path, name):
        table = Table({name: [4.0, 4.5], "flux": [1.0, 2.0] * u.uJy, "err": [0.5, 0.5] * u.uJy})
        table.write(tmp_path / "s.ecsv")
        found = read_spectrum(tmp_path / "s.ecsv", wavelength_unit=u.AA)
        assert found.wavelength.value == pytest.approx([1e4, 10**4.5])

    @pytest.mark.parametrize(
        "name",
        ["FLUX", "flux_density", "f_lambda", "flam", "f_nu", "fnu", "flambda", "data"],
    )
    def test_flux(self, tmp_path, name):
        found = self.read(tmp_path, flux=name)
        assert (found.flux / found.flux_err).value == pytest.approx([2.0, 4.0])

    @pytest.mark.parametrize(
        "name",
        [
            *("flux_err", "flux_error", "fluxerr", "flux_unc", "uncertainty", "error", "sigma"),
            *("f_lambda_err", "flam_err", "f_nu_err", "fnu_err", "e_flux", "eflux", "err_flux"),
            *("flux_std", "std", "stddev", "rms", "noise", "unc"),
        ],
    )
    def test_error(self, tmp_path, name):
        found = self.read(tmp_path, err=name)
        assert (found.flux / found.flux_err).value == pytest.approx([2.0, 4.0])

    @pytest.mark.parametrize(
        ("name", "power"),
        [
            *((name, 2) for name in ("var", "variance", "flux_var", "flux_variance", "var_flux")),
            *((name, -2) for name in ("ivar", "flux_ivar", "inverse_variance", "invvar")),
            *((name, -2) for name in ("inv_var", "ivar_flux")),
        ],
    )
    def test_variance(self, tmp_path, name, power):
        table = Table({"wave": [1.0, 2.0] * u.um, "flux": [1.0, 2.0] * u.uJy})
        table[name] = ([0.5, 0.5] * u.uJy) ** power
        table.write(tmp_path / "s.ecsv")
        found = read_spectrum(tmp_path / "s.ecsv")
        assert (found.flux / found.flux_err).value == pytest.approx([2.0, 4.0])

    @pytest.mark.parametrize(
        "name",
        [
            *("dq", "flux_dq", "dq_flag"),
            *("mask", "quality", "flag", "flags", "badpix", "bad", "bad_pixel", "bpm"),
        ],
    )
    def test_quality(self, tmp_path, name):
        table = Table(make_table(2))
        table[name] = [0, 1]
        table.write(tmp_path / "s.ecsv")
        assert np.isnan(read_spectrum(tmp_path / "s.ecsv").flux).tolist() == [False, True]
