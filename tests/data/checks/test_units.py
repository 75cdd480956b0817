import pytest
from astropy import units as u
from astropy.table import Column

from dustest.data.checks.units import (
    agree,
    as_unit,
    declared_unit,
    evident_unit,
    explain_unit,
    is_flux,
    is_magnitude,
    is_spectral_flux,
    parse_unit,
    resolve_unit,
)
from dustest.data.checks.values import to_floats
from dustest.data.errors import InputError

WORDS = {"what": "column F200W", "expected": "a flux density", "remedy": 'unit={"F200W": "nJy"}'}


class TestParse:
    @pytest.mark.parametrize(
        ("text", "unit"),
        [
            ("uJy", u.uJy),
            ("10 nJy", 10 * u.nJy),
            ("10nJy", 10 * u.nJy),
            ("MJy/sr", u.MJy / u.sr),
            ("uJy-2", u.uJy**-2),
            ("erg/s/cm2/AA", u.erg / u.s / u.cm**2 / u.AA),
            ("erg s-1 cm-2 Angstrom-1", u.erg / u.s / u.cm**2 / u.AA),
            ("10**-20 erg s-1 cm-2 Angstrom-1", 1e-20 * u.erg / u.s / u.cm**2 / u.AA),
            ("10-20erg/s/cm2/Angstrom", 1e-20 * u.erg / u.s / u.cm**2 / u.AA),
            ("degree", u.deg),
            ("10+3 Jy", 1000 * u.Jy),
            ("0.1nm", 0.1 * u.nm),
            ("mag", u.mag),
            (u.uJy, u.uJy),
        ],
    )
    def test_spellings_of_files(self, text, unit):
        assert u.Unit(parse_unit(text)).to(u.Unit(unit)) == pytest.approx(1.0)

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "ABmag",
                "abmag",
                "mag(AB)",
                "mag (AB)",
                "MAG(ab)",
                "AB",
                "AB mag",
                "mag AB",
                "mag_AB",
            ),
            u.ABmag,
        ],
    )
    def test_magnitudes_of_ab(self, text):
        assert parse_unit(text) == u.ABmag

    @pytest.mark.parametrize(
        "text",
        [
            *(None, "", "  ", "none", "NULL", "-", "--", "N/A", "unitless", "dimensionless"),
            *(u.one, "1"),
        ],
    )
    def test_no_unit(self, text):
        assert parse_unit(text) is None

    @pytest.mark.parametrize("text", ["1e-320 nJy", "0 nJy", "1e308 km3"])
    def test_scales_out_of_range(self, text):
        assert isinstance(parse_unit(text), u.UnrecognizedUnit)

    @pytest.mark.parametrize(
        "text", ["ujy", "UJY", "microJy", "MICRON", "maggies", "e-/s", "counts"]
    )
    def test_what_is_not_understood_is_not_nothing(self, text):
        assert isinstance(parse_unit(text), u.UnrecognizedUnit)
        assert isinstance(parse_unit(u.Unit(text, parse_strict="silent")), u.UnrecognizedUnit)


class TestArgument:
    def test_none_is_none(self):
        assert as_unit(None) is None

    @pytest.mark.parametrize("given", ["10 nJy", 10 * u.nJy, u.Unit(10 * u.nJy)])
    def test_scaled_units(self, given):
        assert as_unit(given).to(u.nJy) == pytest.approx(10.0)

    @pytest.mark.parametrize("given", ["ujy", "", 3.0, u.Unit("ujy", parse_strict="silent")])
    def test_what_is_no_unit_is_refused(self, given):
        with pytest.raises(InputError, match="flux_unit must be a unit such as 'nJy', got"):
            as_unit(given, "flux_unit")

    def test_the_likely_unit_is_named(self):
        with pytest.raises(InputError, match="did you mean 'uJy'"):
            as_unit("ujy")


class TestDeclared:
    def test_columns_and_quantities(self):
        assert declared_unit(Column([1.0], unit="uJy"), "x") == u.uJy
        assert declared_unit([1.0] * u.mag, "x") == u.mag
        assert declared_unit([1.0], "x") is None

    def test_an_unknown_one_is_an_error(self):
        column = Column([1.0], unit=u.Unit("ujy", parse_strict="silent"))
        with pytest.raises(InputError, match="column a declares the unit 'ujy', which is not und"):
            declared_unit(column, "column a")


class TestResolve:
    def test_the_declared_one_is_taken(self):
        assert resolve_unit("uJy", None, is_flux, **WORDS) == u.uJy
        assert resolve_unit("uJy", u.uJy, is_flux, **WORDS) == u.uJy

    def test_the_given_one_where_none_is_declared(self):
        assert resolve_unit("", u.uJy, is_flux, **WORDS) == u.uJy
        assert resolve_unit(None, None, is_flux, **WORDS) is None

    def test_a_contradiction_is_refused(self):
        with pytest.raises(InputError, match="given as nJy, but uJy is declared"):
            resolve_unit("uJy", u.nJy, is_flux, **WORDS)
        with pytest.raises(InputError, match="given as nJy, but uJy is declared"):
            resolve_unit("uJy", u.nJy, is_flux, explicit=True, **WORDS)

    @pytest.mark.parametrize("declared", ["ujy", "ct", "counts", "e-/s"])
    def test_what_does_not_serve_names_column_unit_and_remedy(self, declared):
        for given in (None, u.nJy):
            with pytest.raises(InputError) as raised:
                resolve_unit(declared, given, is_flux, **WORDS)
            for word in ("column F200W", declared, 'unit={"F200W": "nJy"}'):
                assert word in str(raised.value)

    @pytest.mark.parametrize("declared", ["ujy", "ct", "counts"])
    def test_the_remedy_works(self, declared):
        assert resolve_unit(declared, u.nJy, is_flux, explicit=True, **WORDS) == u.nJy

    def test_a_given_unit_that_says_what_the_declared_one_means(self):
        assert resolve_unit("ujy", u.uJy, is_flux, **WORDS) == u.uJy

    def test_a_given_unit_must_fit(self):
        with pytest.raises(InputError, match="must be a flux density, got m"):
            resolve_unit(None, u.m, is_flux, **WORDS)

    def test_magnitudes_without_a_system_are_those_given(self):
        fits = lambda unit: is_flux(unit) or is_magnitude(unit)  # noqa: E731
        assert resolve_unit("mag", u.ABmag, fits, **WORDS) == u.ABmag


class TestKinds:
    @pytest.mark.parametrize(
        "unit", [u.nJy, u.ABmag, u.erg / u.s / u.cm**2 / u.AA, u.Unit(10 * u.nJy)]
    )
    def test_fluxes(self, unit):
        assert is_flux(unit)

    @pytest.mark.parametrize("unit", [None, u.ct, u.mag, u.STmag, u.m, u.MJy / u.sr])
    def test_others(self, unit):
        assert not is_flux(unit)

    @pytest.mark.parametrize(
        "unit",
        [
            *(u.nJy, u.ABmag, u.STmag, u.W / u.m**3, u.erg / u.s / u.cm**2 / u.um),
            *(u.photon / u.s / u.cm**2 / u.AA, u.photon / u.s / u.m**2 / u.Hz),
        ],
    )
    def test_spectral_fluxes(self, unit):
        assert is_spectral_flux(unit)

    @pytest.mark.parametrize(
        "unit",
        [
            *(None, u.mag, u.W / u.m**2, u.W / u.Hz, u.photon / u.s / u.m**2, u.Jy / u.sr),
            *(u.photon / u.s / u.AA, u.photon / u.s / u.cm / u.AA, u.erg / u.s / u.cm / u.AA),
        ],
    )
    def test_other_than_spectral_fluxes(self, unit):
        assert not is_spectral_flux(unit)

    def test_agreement(self):
        assert agree(u.uJy, 1000 * u.nJy)
        assert agree(u.mag, u.ABmag)
        assert not agree(u.mag, u.nJy)
        assert not agree(u.uJy, u.nJy)
        assert not agree(u.uJy, u.m)

    @pytest.mark.parametrize(
        ("text", "unit"),
        [
            *(("njy", "nJy"), ("NanoJy", "nJy"), ("UJY", "uJy"), ("MicroJy", "uJy")),
            *(("MICRON", "um"), ("Microns", "um"), ("UM", "um"), ("Micrometer", "um")),
            *(("Micrometers", "um"), ("Nanometers", "nm"), ("ANGSTROM", "Angstrom")),
            *(("Angstroms", "Angstrom"), ("Aa", "Angstrom")),
        ],
    )
    def test_what_a_spelling_can_only_mean(self, text, unit):
        assert evident_unit(text) == u.Unit(unit)
        assert explain_unit(text) == f"did you mean '{unit}'? "
        assert resolve_unit(text, u.Unit(unit), lambda _: True, **WORDS) == u.Unit(unit)

    def test_aa_may_be_angstrom(self):
        # Astropy reads it as a time.
        assert resolve_unit("aa", u.AA, lambda unit: unit == u.AA, **WORDS) == u.AA

    @pytest.mark.parametrize(
        "unit",
        [
            "nJy",
            "uJy",
            "mJy",
            "Jy",
            "ABmag",
            "erg/s/cm2/AA",
            "erg/s/cm2/Hz",
            "arcsec",
            "MJy/sr",
            "micron",
            "mag",
            "deg",
            "Angstrom",
        ],
    )
    def test_near_misses_of_usual_units(self, unit):
        assert f"'{unit}'" in explain_unit(f"{unit[:-1]}_{unit[-1]}")

    def test_milli_or_mega_is_not_guessed(self):
        with pytest.raises(InputError, match="'MJY', which is not understood"):
            resolve_unit("MJY", u.mJy, is_flux, **WORDS)

    def test_units_that_astropy_does_not_name(self):
        own = u.def_unit("photons_of_mine")
        assert parse_unit(own) is own

    def test_ampere_is_no_angstrom(self):
        assert "write Angstrom or AA" in explain_unit("erg/s/cm2/A")
        assert explain_unit("nJy") == ""


def test_the_unit_that_astropy_calls_redshift():
    written = Column([7.0], unit=u.Unit("redshift", parse_strict="silent"))
    assert to_floats(written, "column redshift").tolist() == [7.0]
    assert not is_flux(parse_unit("redshift"))


@pytest.mark.parametrize("text", ["STmag", "Vega mag", "VEGAMAG", "mag(ST)", "mag (Vega)"])
def test_other_systems_are_not_taken_for_ab(text):
    assert explain_unit(text) == "these are no AB magnitudes, convert them first; "
