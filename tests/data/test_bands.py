"""Tests of the bands: names, curves, and the way to curves that do not come along."""

import pickle
import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st

from dustest.data import bands
from dustest.data.bands import (
    BANDS,
    Band,
    canonical_name,
    get_band,
    has_curve,
    list_bands,
)
from dustest.data.errors import InputError, MissingDependencyError, ReadError

# Published pivot wavelengths in Angstrom: JWST and HST user documentation (STScI).
PIVOTS = {
    "F090W": 9010,
    "F115W": 11540,
    "F150W": 15010,
    "F200W": 19900,
    "F277W": 27860,
    "F335M": 33650,
    "F356W": 35630,
    "F410M": 40920,
    "F444W": 44210,
    "F435W": 4329,
    "F606W": 5922,
    "F814W": 8046,
    "F336W": 3355,
    "F105W": 10551,
    "F125W": 12486,
    "F140W": 13923,
    "F160W": 15369,
    "F770W": 76390,
    "NIRISS_F115W": 11500,
    "NIRISS_F150W": 14980,
}


class TestNames:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("F277W", "F277W"),
            ("f115w", "F115W"),
            ("NRC_F090W", "F090W"),
            ("nircam_f115w", "F115W"),
            ("jwst_nircam_f444w", "F444W"),
            ("JWST/NIRCam.F115W", "F115W"),
            ("f115w-clear", "F115W"),
            ("ACS_F606W", "F606W"),
            ("HST_F606W", "F606W"),
            ("HST/ACS_WFC.F814W", "F814W"),
            ("HST/WFC3_IR.F160W", "F160W"),
            ("HST/WFC3_UVIS.F336W", "F336W"),
            ("wfc3_uvis_f814w", "WFC3_UVIS_F814W"),
            ("f814wu", "WFC3_UVIS_F814W"),
            ("JWST/NIRISS.F150W", "NIRISS_F150W"),
            ("f150wn-clear", "NIRISS_F150W"),
            ("JWST/NIRISS.F380M", "F380M"),
            ("JWST/MIRI.F770W", "F770W"),
            ("F164N", "F164N"),
            ("HST/WFC3_IR.F164N", "WFC3_IR_F164N"),
            ("f350lpu", "F350LP"),
            ("f850lpu", "WFC3_UVIS_F850LP"),
            ("f850lp", "F850LP"),
            ("f438wu-clear", "F438W"),
            ("HST_F475X", "F475X"),
            ("fq937nu", "FQ937N"),
            ("HST/WFC3_UVIS2.F336W", "F336W"),
            ("wfc3uvis_f275w", "F275W"),
            ("WFC3IR_F160W", "F160W"),
            ("ACSWFC_F606W", "F606W"),
            ("acs_hrc_f330w", "F330W"),
            ("ACS/SBC F150LP", "F150LP"),
            ("f444w-f470n", "F470N"),
            ("f405n-f444w", "F405N"),
            ("jwst_nircam_f150w2-f162m", "F162M"),
            ("JWST/MIRI.F1065C", "F1065C"),
            ("nircam_f187n", "F187N"),
            ("Paranal/VISTA.Ks", "Paranal__VISTA__Ks"),
            ("HST/ACS_WFC.F814W_77", "HST__ACS_WFC__F814W_77"),
        ],
    )
    def test_spellings(self, name, expected):
        assert canonical_name(name) == expected
        assert canonical_name(expected) == expected

    @given(
        name=st.sampled_from(list_bands()),
        flips=st.lists(st.booleans(), min_size=16, max_size=16),
        separator=st.sampled_from(["_", "-", ".", "/", " "]),
    )
    def test_case_and_separators_do_not_matter(self, name, flips, separator):
        letters = [a.lower() if flip else a for a, flip in zip(name, flips, strict=False)]
        assert canonical_name("".join(letters).replace("_", separator)) == name

    @pytest.mark.parametrize("name", list_bands())
    def test_svo_identifier_leads_back(self, name):
        assert canonical_name(get_band(name).svo_id) == name

    def test_typo_names_neighbours(self):
        with pytest.raises(InputError, match="did you mean 'F277W'"):
            canonical_name("F276W")

    @pytest.mark.parametrize(
        ("name", "meant"),
        [("f351lp", "F350LP"), ("hst/acs_wfc.f815w", "F814W"), ("F1064C", "F1065C")],
    )
    def test_typo_names_neighbours_without_a_curve_too(self, name, meant):
        with pytest.raises(InputError, match=f"did you mean .*'{meant}'"):
            canonical_name(name.replace("/", " ").replace(".", " "))

    @pytest.mark.parametrize(
        "name", ["", "flux", "F606", "jwst_moda_f090w", "acs_f277w", "f277w-f470n"]
    )
    def test_unknown(self, name):
        with pytest.raises(InputError, match="is not a known band"):
            get_band(name)

    @pytest.mark.parametrize("name", [None, 277, ["F277W"], b"F277W"])
    def test_no_text(self, name):
        with pytest.raises(InputError, match="must be the name of a band"):
            canonical_name(name)

    @given(st.text(max_size=30))
    def test_any_text_gives_a_name_or_an_input_error(self, text):
        try:
            name = canonical_name(text)
        except InputError:
            return
        assert canonical_name(name) == name


class TestFilters:
    # From the handbooks of the instruments.
    @pytest.mark.parametrize(
        ("instrument", "filters"),
        [
            ("JWST/NIRCam", "F164N F187N F212N F323N F405N F466N F470N"),
            ("HST/ACS_WFC", "F502N F550M F658N F660N F892N"),
            ("HST/WFC3_IR", "F126N F127M F128N F130N F132N F139M F153M F164N F167N"),
            (
                "HST/WFC3_UVIS",
                (
                    "F200LP F218W F280N F300X F343N F350LP F373N F390M F395N F410M F438W "
                    "F467M F469N F475X F487N F502N F547M F600LP F621M F625W F631N F645N "
                    "F656N F657N F658N F665N F673N F680N F689M F763M F775W F845M F850LP "
                    "F953N FQ232N FQ243N FQ378N FQ387N FQ422M FQ436N FQ437N FQ492N FQ508N FQ575N "
                    "FQ619N FQ634N FQ672N FQ674N FQ727N FQ750N FQ889N FQ906N FQ924N FQ937N "
                ),
            ),
            ("JWST/MIRI", "F1065C F1140C F1550C F2300C"),
        ],
    )
    def test_all_have_a_short_name(self, instrument, filters):
        prefix = instrument.split("/")[1]
        for name in filters.split():
            assert canonical_name(f"{instrument}.{name}") in (name, f"{prefix}_{name}")

    @pytest.mark.parametrize(
        ("camera", "filters"),
        [
            ("ACS_HRC", "F220W F250W F330W F344N"),
            ("ACS_SBC", "F115LP F122M F125LP F140LP F150LP F165LP"),
        ],
    )
    def test_cameras_without_a_curve(self, camera, filters):
        for name in filters.split():
            assert canonical_name(f"HST/{camera}.{name}") == canonical_name(name) == name

    @pytest.mark.parametrize(
        ("name", "narrow"),
        [
            ("f150w2-f162m", "F162M"),
            ("f150w2-f164n", "F164N"),
            ("f322w2-f323n", "F323N"),
            ("f444w-f405n", "F405N"),
            ("f444w-f466n", "F466N"),
            ("f444w-f470n", "F470N"),
            ("f115w-clear", "F115W"),
            ("clearp-f115w", "F115W"),
        ],
    )
    def test_pupil_wheel(self, name, narrow):
        assert canonical_name(name) == narrow

    @pytest.mark.parametrize("name", ["f444w-f277w", "f150w2-f323n", "f444w-f162m"])
    def test_filters_that_are_not_used_together(self, name):
        with pytest.raises(InputError, match="is not a known band"):
            canonical_name(name)


class TestCurves:
    @pytest.mark.parametrize(("name", "pivot"), PIVOTS.items())
    def test_published_pivots(self, name, pivot):
        assert get_band(name).pivot == pytest.approx(pivot, rel=0.01)

    @pytest.mark.parametrize("name", list_bands())
    def test_every_listed_band(self, name):
        band = get_band(name)
        blue, red = band.edges(0.5)
        wide_blue, wide_red = band.edges(0.01)
        assert band.name == name
        assert wide_blue <= blue < band.pivot < red <= wide_red
        assert 0 < band.effective_width < wide_red - wide_blue

    def test_all_instruments_are_listed(self):
        own = [name for name in list_bands() if name not in BANDS]
        prefixes = {get_band(name).svo_id.rpartition(".")[0] for name in own}
        assert prefixes == {
            *("JWST/NIRCam", "JWST/NIRISS", "JWST/MIRI"),
            *("HST/ACS_WFC", "HST/WFC3_IR", "HST/WFC3_UVIS"),
        }

    def test_nircam_is_the_mean_of_the_modules(self):
        from sedpy.observate import Filter

        pivots = [Filter(f"jwst_mod{module}_f277w").wave_pivot for module in "ab"]
        assert min(pivots) < get_band("F277W").pivot < max(pivots)

    def test_pivot_agrees_with_sedpy(self):
        from sedpy.observate import Filter

        assert get_band("F200W").pivot == pytest.approx(Filter("jwst_f200w").wave_pivot, rel=1e-6)

    def test_top_hat(self):
        band = Band("top", "my/own.top", np.linspace(1000, 2000, 2001), np.ones(2001))
        assert band.pivot == pytest.approx(np.sqrt(1.5e6 / np.log(2)), rel=1e-6)
        assert band.effective_width == pytest.approx(1000)
        assert band.edges(0.5) == (1000, 2000)

    @pytest.mark.parametrize("kind", [lambda x: x, Column, MaskedColumn])
    @pytest.mark.parametrize("unit", ["um", "nm", "AA", "THz", "eV", "cm-1"])
    def test_units_of_the_users_own_curve(self, unit, kind):
        angstrom = np.linspace(10_000.0, 20_000.0, 50)
        transmission = np.linspace(0.2, 1.0, 50)
        own = (angstrom * u.AA).to(unit, u.spectral())
        own = own if kind(0) == 0 else kind(own.value, unit=own.unit)
        band = Band("mine", "my/own.mine", own, kind(100 * transmission << u.percent))
        np.testing.assert_allclose(band.wavelength, angstrom, rtol=1e-12)
        np.testing.assert_allclose(band.transmission, transmission, rtol=1e-12)
        assert band.pivot == pytest.approx(Band("x", "x/x.x", angstrom, transmission).pivot)

    def test_curves_that_ascend_in_frequency_are_turned(self):
        band = Band("mine", "my/own.mine", [300.0, 400.0, 600.0] * u.THz, [0.1, 0.5, 0.2])
        np.testing.assert_allclose(band.wavelength, [4996.54, 7494.81, 9993.08], rtol=1e-6)
        np.testing.assert_array_equal(band.transmission, [0.2, 0.5, 0.1])

    def test_one_object_for_all_spellings(self):
        assert get_band("f277w") is get_band("JWST/NIRCam.F277W")
        assert get_band(get_band("F277W")) is get_band("F277W")

    def test_pickle_and_equality(self):
        band = get_band("F277W")
        copy = pickle.loads(pickle.dumps(band))
        assert copy == band
        assert copy.pivot == band.pivot
        assert len({copy, band, get_band("NIRISS_F277W")}) == 2

    def test_curves_are_read_only(self):
        with pytest.raises(ValueError, match="read-only"):
            get_band("F277W").transmission[0] = 1.0

    @pytest.mark.parametrize("names", [(None, "a/b.c"), ("a", 3)])
    def test_names_that_are_no_text(self, names):
        with pytest.raises(InputError, match="name and svo_id must be text"):
            Band(*names, [1.0, 2.0], [1.0, 1.0])

    @pytest.mark.parametrize("level", [0.0, -0.1, 1.5, np.nan, "half", None])
    def test_level_outside_its_range(self, level):
        with pytest.raises(InputError, match="level must be"):
            get_band("F277W").edges(level)

    @pytest.mark.parametrize(
        ("wavelength", "transmission", "message"),
        [
            ([1.0, 2.0, 3.0], [1.0, 1.0], "equal length"),
            ([1.0], [1.0], "at least 2"),
            ([2.0, 1.0], [1.0, 1.0], "ascend strictly"),
            ([1.0, 1.0], [1.0, 1.0], "ascend strictly"),
            ([1.0, 2.0], [1.0, np.nan], "finite"),
            ([1.0, 2.0], np.ma.array([1.0, 1.0], mask=[False, True]), "finite"),
            ([-1.0, 2.0], [1.0, 1.0], "positive"),
            ([1.0, 2.0], [0.0, 0.0], "above zero"),
            ([1.0, 2.0] * u.kg, [1.0, 1.0], "converts to Angstrom, got kg"),
            (Column([1.0, 2.0], unit="anstrom"), [1.0, 1.0], "did you mean 'Angstrom'"),
            ([1.0, 2.0], [1.0, 1.0] * u.Jy, "plain numbers, got Jy"),
            (["blue", "red"], [1.0, 1.0], "text such as 'blue'"),
        ],
    )
    def test_bad_curve(self, wavelength, transmission, message):
        with pytest.raises(InputError, match=message):
            Band("bad", "my/own.bad", wavelength, transmission)


class TestVirtualObservatory:
    @pytest.fixture
    def asked(self):
        """Identifiers that the service was asked for."""
        return []

    @pytest.fixture
    def service(self, monkeypatch, asked):
        """Replaces the service's answer; what is set to an exception is raised."""
        svo_fps = pytest.importorskip("astroquery.svo_fps")
        answers = {}
        monkeypatch.setattr(bands, "_FAILURES", {})

        def get_transmission_data(svo_id, **_):
            asked.append(svo_id)
            answer = answers[svo_id]
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(svo_fps.SvoFps, "get_transmission_data", get_transmission_data)
        bands._load_band.cache_clear()
        yield answers
        bands._load_band.cache_clear()

    def test_fetches_a_curve(self, service):
        wavelength, transmission = [2e4, 2.1e4, 2.1e4, 2.2e4], [0.0, 0.8, 0.8, 0.0]
        service["Test/One.Ks"] = Table(
            {"Wavelength": wavelength, "Transmission": transmission}, units={"Wavelength": "AA"}
        )
        band = get_band("Test/One.Ks")
        assert (band.name, band.svo_id) == ("Test__One__Ks", "Test/One.Ks")
        assert band.pivot == pytest.approx(2.1e4, rel=1e-3)
        assert get_band("Test__One__Ks") is band

    def test_narrow_filter_by_short_name(self, service):
        service["JWST/NIRCam.F187N"] = Table(
            {"Wavelength": [18600.0, 18740.0, 18900.0], "Transmission": [0.0, 0.4, 0.0]}
        )
        assert get_band("f187n").name == "F187N"

    @pytest.mark.parametrize("error", [ConnectionError("no network"), IndexError("unknown id")])
    def test_no_answer(self, service, error):
        service["Test/Two.Ks"] = error
        with pytest.raises(ReadError, match=r"gave no curve for band 'Test/Two\.Ks'"):
            get_band("Test/Two.Ks")

    def test_unit_of_the_wavelength_is_used(self, service):
        service["Test/Five.Ks"] = Table(
            {"Wavelength": [2.0, 2.1, 2.2], "Transmission": [0.0, 0.8, 0.0]},
            units={"Wavelength": "um"},
        )
        assert get_band("Test/Five.Ks").pivot == pytest.approx(2.1e4, rel=1e-3)

    def test_chips_of_uvis(self, service):
        service["HST/WFC3_UVIS2.F350LP"] = Table(
            {"Wavelength": [3400.0, 6000.0, 9000.0], "Transmission": [0.0, 0.3, 0.0]}
        )
        assert get_band("f350lpu").name == "F350LP"

    def test_a_band_without_an_answer_is_asked_for_once(self, service, asked):
        service["Test/Six.Ks"] = IndexError("unknown id")
        service["Test/Seven.Ks"] = Table(
            {"Wavelength": [2e4, 2.1e4, 2.2e4], "Transmission": [0.0, 0.8, 0.0]}
        )
        assert [has_curve("Test/Six.Ks") for _ in range(3)] == [False] * 3
        assert [has_curve("Test/Seven.Ks") for _ in range(3)] == [True] * 3
        assert asked == ["Test/Six.Ks", "Test/Seven.Ks"]

    def test_a_network_that_fails_is_asked_once(self, service, asked):
        service["Test/Eight.Ks"] = ConnectionError("no network")
        names = ["Test/Eight.Ks", "Test/Nine.Ks", "F187N"]
        assert [has_curve(name) for name in names * 2] == [False] * 6
        assert asked == ["Test/Eight.Ks"]
        with pytest.raises(ReadError, match=r"no curve for band 'Test/Nine\.Ks': leave the band"):
            get_band("Test/Nine.Ks")

    def test_a_page_instead_of_a_table(self, service):
        service["Test/Ten.Ks"] = RuntimeError("mismatched tag")
        assert not has_curve("Test/Ten.Ks")

    def test_curves_that_come_along(self, service, asked):
        assert all(has_curve(name) for name in (*list_bands(), get_band("F277W")))
        assert not has_curve("nothing")
        assert asked == []

    def test_without_astroquery(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "astroquery.svo_fps", None)
        with pytest.raises(MissingDependencyError, match="pip install astroquery"):
            get_band("Test/Three.Ks")
