import io

import matplotlib as mpl
import numpy as np
import pytest
from astropy import units as u
from matplotlib.figure import Figure

from dustest.data import InputError, as_sample
from dustest.report.figures import plot_occlusion
from dustest.validation import OcclusionMap

BANDS = ("F277W", "F356W", "F444W")


def sample(n=2, size=8, bands=BANDS, unit=u.nJy, **columns):
    images = np.random.default_rng(1).normal(size=(n, len(bands), size, size))
    table = as_sample(images, bands=list(bands))
    for band in bands:
        table[f"cutout_{band}"] = np.asarray(table[f"cutout_{band}"]) << unit
    for name, values in columns.items():
        table[name] = values
    return table


def occlusion(n=2, size=8, bands=BANDS, *, scale=1.0, quantity="A_V", ids=None):
    change = scale * np.random.default_rng(2).normal(size=(n, len(bands) + 1, size, size))
    return OcclusionMap(
        quantity=quantity,
        bands=tuple(bands),
        patch=2,
        stride=2,
        ids=np.arange(n) if ids is None else ids,
        prediction=0.25 * np.arange(1, n + 1),
        change=change[:, :-1],
        change_together=change[:, -1],
    )


def shown(axes):
    return np.array([ax.images[0].get_array() for ax in axes])


class TestPlotOcclusion:
    @pytest.mark.parametrize("row", [0, 1, -1])
    def test_images_above_and_maps_below(self, row):
        galaxies, found = sample(), occlusion()
        axes = plot_occlusion(found, galaxies, row)
        assert axes.shape == (2, 4)
        assert [ax.get_title() for ax in axes[0]] == [*BANDS, "all bands"]
        images = np.stack([galaxies[f"cutout_{band}"][row].value for band in BANDS])
        np.testing.assert_array_equal(shown(axes[0]), [*images, images.mean(axis=0)])
        expected = [*found.change[row], found.change_together[row]]
        np.testing.assert_array_equal(shown(axes[1]), expected)
        assert axes[0, 0].get_ylabel() == str(row % 2)

    def test_a_single_band_has_one_column(self):
        galaxies, found = sample(bands=["F277W"]), occlusion(bands=["F277W"])
        axes = plot_occlusion(found, galaxies)
        assert axes.shape == (2, 1)
        np.testing.assert_array_equal(axes[1, 0].images[0].get_array(), found.change[0, 0])

    def test_some_bands_of_a_sample(self):
        axes = plot_occlusion(occlusion(bands=["F444W"]), sample())
        np.testing.assert_array_equal(
            axes[0, 0].images[0].get_array(), sample()["cutout_F444W"][0].value
        )

    def test_maps_share_one_scale_around_zero(self):
        found = occlusion(scale=0.1)
        axes = plot_occlusion(found, sample())
        limit = max(np.abs(found.change[0]).max(), np.abs(found.change_together[0]).max())
        assert {ax.images[0].get_clim() for ax in axes[1]} == {(-limit, limit)}
        red, _, blue, _ = axes[1, 0].images[0].to_rgba(limit)
        assert red > blue

    def test_colour_bar_and_labels(self):
        axes = plot_occlusion(occlusion(), sample(redshift=[7.1, 8.2]), 1)
        (bar,) = set(axes[0, 0].figure.axes) - set(axes.flat)
        assert bar.get_xlabel() == "$A_V$ [mag]: image − covered"
        assert axes[0, 0].get_ylabel() == "1\n$z = 8.20$"
        assert axes[1, 0].get_ylabel() == "$A_V$ [mag]\n0.50"

    def test_the_patch_in_its_size(self):
        axes = plot_occlusion(occlusion(), sample())
        ((square,), *others) = [
            [p for p in ax.patches if p.get_gid() == "patch"] for ax in axes[1]
        ]
        assert (square.get_width(), square.get_height()) == (2, 2)
        assert not any(others)

    def test_scale_bar(self):
        axes = plot_occlusion(occlusion(), sample(pixel_scale=[0.04, 0.06] * u.arcsec), 1)
        assert [text.get_text() for text in axes[0, 0].texts] == ["0.2″"]

    def test_nothing_changes(self):
        axes = plot_occlusion(occlusion(scale=0.0), sample())
        assert axes[1, 0].images[0].get_clim() == (-1.0, 1.0)
        axes[0, 0].figure.savefig(io.BytesIO(), format="png")

    def test_what_is_not_known_is_left_open(self):
        found = occlusion()
        found.change[0, 0, :2] = np.nan
        found.change[0, 1] = np.nan
        found.prediction[0] = np.nan
        axes = plot_occlusion(found, sample())
        assert np.ma.getmaskarray(axes[1, 0].images[0].get_array())[:2].all()
        assert np.isfinite(axes[1, 0].images[0].get_clim()).all()
        assert axes[1, 0].patch.get_hatch()
        assert axes[1, 0].get_ylabel() == "$A_V$ [mag]\n–"
        axes[0, 0].figure.savefig(io.BytesIO(), format="png")

    def test_units_are_converted(self):
        galaxies = sample()
        galaxies["cutout_F356W"] = galaxies["cutout_F277W"].to(u.uJy)
        first, second, *_ = shown(plot_occlusion(occlusion(), galaxies)[0])
        np.testing.assert_allclose(first, second)

    def test_units_that_do_not_convert(self):
        galaxies = sample()
        galaxies["cutout_F356W"] = galaxies["cutout_F277W"].value * u.MJy / u.sr
        with pytest.raises(InputError, match=r"bands must be in units that convert.*convert one"):
            plot_occlusion(occlusion(), galaxies)

    def test_draws_on_given_axes(self):
        part = Figure(layout="constrained").subfigures(1, 2)[1]
        axes = part.subplots(2, 4)
        assert plot_occlusion(occlusion(), sample(), axes=axes)[1, 3] is axes[1, 3]
        assert len(part.axes) == 9

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"row": 2}, "row must be a row number of a sample of 2 galaxies, got 2"),
            ({"row": 0.5}, "row must be a row number"),
            (
                {"axes": Figure().subplots(2, 3)},
                r"axes must have the shape \(2, 4\), got \(2, 3\)",
            ),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(InputError, match=message):
            plot_occlusion(occlusion(), sample(), **options)

    @pytest.mark.parametrize(
        "other", [{"n": 3}, {"size": 9}, {"bands": BANDS[:2]}, {"id": np.array([1, 0])}]
    )
    def test_another_sample(self, other):
        message = (
            "sample must hold the 2 galaxies that the occlusion map was made for, with "
            r"cutouts of shape \(8, 8\) in F277W, F356W, F444W"
        )
        with pytest.raises(InputError, match=message):
            plot_occlusion(occlusion(), sample(**other))

    def test_leaves_matplotlib_alone(self):
        import matplotlib.pyplot as plt

        before = dict(mpl.rcParams)
        plot_occlusion(occlusion(), sample())[0, 0].figure.savefig(io.BytesIO(), format="svg")
        assert dict(mpl.rcParams) == before
        assert plt.get_fignums() == []
