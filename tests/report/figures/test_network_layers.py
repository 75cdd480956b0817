import io

import pytest
from astropy.table import QTable
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.estimators.cnn import CNNEstimator
from dustest.report.figures import plot_network

BANDS = ["F277W", "F356W", "F444W"]


@pytest.fixture(scope="module")
def one_band():
    return CNNEstimator(BANDS[:1], ["E_BV"], "paper").layers()


@pytest.fixture(scope="module")
def three_bands():
    return CNNEstimator(BANDS, ["E_BV"], "paper").layers()


@pytest.fixture(scope="module")
def mixture():
    return CNNEstimator(BANDS).layers()


def fronts(ax):
    """Front of each layer by name, as left, right, low and high."""
    found = {}
    for patch in ax.patches:
        if patch.get_gid():
            xs, ys = patch.get_xy().T
            found.setdefault(patch.get_gid(), []).append((xs.min(), xs.max(), ys.min(), ys.max()))
    return found


def texts(ax):
    return [text.get_text() for text in ax.texts]


def overlaps(a, b):
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


class TestNetwork:
    def test_every_layer_is_drawn_with_its_shape(self, one_band):
        ax = plot_network(one_band)
        drawn = set(one_band["name"][one_band["kind"] != "normalization"])
        assert set(fronts(ax)) == drawn
        shapes = ["32 × 32\n× 1", "32 × 32\n× 36", "16 × 16\n× 48", "8 × 8\n× 64", "1,024"]
        assert texts(ax) == [*shapes, *["64"] * 5, "1", "F277W"]

    def test_number_of_weights(self, one_band):
        assert plot_network(one_band).get_title(loc="right") == "122,409 weights"

    def test_legend_has_settings_and_colours(self, one_band):
        legend = plot_network(one_band).get_legend()
        words = [text.get_text() for text in legend.get_texts()]
        assert "convolution, 3 × 3, relu, batch normalisation" in words
        assert {"pooling, max, 2 × 2", "dense, relu", "dropout, 0.5", "output"} <= set(words)
        assert len({to_rgb(patch.get_facecolor()) for patch in legend.get_patches()}) == len(words)

    def test_each_band_has_a_lane(self, three_bands):
        ax = plot_network(three_bands)
        assert [text for text in texts(ax) if text in BANDS] == BANDS
        heights = [fronts(ax)[f"band{i}_block0_conv"][0][2] for i in range(3)]
        assert heights == sorted(heights, reverse=True)
        features = [fronts(ax)[f"band{i}_features"][0][1] for i in range(3)]
        assert max(features) < fronts(ax)["all_bands"][0][0]

    def test_an_input_that_passes_by_its_layers_has_an_arrow(self, mixture):
        joined = plot_network(mixture)
        (row,) = [i for i, kind in enumerate(mixture["kind"]) if kind == "concatenation"]
        alone = mixture.copy()
        alone["setting"][row] = "features, context_dense1"
        assert len(joined.patches) == len(plot_network(alone).patches) + 1

    def test_the_mixture_is_named(self, mixture):
        words = [text.get_text() for text in plot_network(mixture).get_legend().get_texts()]
        assert "output, mixture of 8 Gaussians" in words

    @pytest.mark.parametrize("network", ["one_band", "three_bands", "mixture"])
    def test_no_two_texts_or_layers_overlap(self, network, request):
        ax = plot_network(request.getfixturevalue(network))
        figure = ax.figure
        figure.savefig(io.BytesIO(), format="png")
        boxes = [text.get_window_extent() for text in [*ax.texts, ax.get_legend()]]
        boxes += [patch.get_window_extent() for patch in ax.patches if patch.get_gid()]
        boxes = [(box.x0, box.x1, box.y0, box.y1) for box in boxes]
        texts_only = len(ax.texts) + 1
        for i, box in enumerate(boxes[:texts_only]):
            assert not any(overlaps(box, other) for other in boxes[i + 1 :])
            assert 0 <= box[0] < box[1] <= figure.bbox.width

    def test_dense_layers_alone(self, mixture):
        head = mixture[[branch in ("context", "head") for branch in mixture["branch"]]]
        assert "with_context" in fronts(plot_network(head))

    def test_draws_on_given_axes(self, one_band):
        ax = Figure().add_subplot()
        assert plot_network(one_band, ax=ax) is ax

    def test_tables_that_are_no_network(self, one_band):
        with pytest.raises(InputError, match="layers must have the columns side, units, weights"):
            plot_network(QTable({"name": ["conv"]}))
        with pytest.raises(InputError, match="layers must have rows with the columns"):
            plot_network(one_band["name", "side", "units", "weights"])
        with pytest.raises(InputError, match="layers must have rows with the columns"):
            plot_network(one_band[:0])
        other = one_band.copy()
        other["kind"][3] = "attention"
        with pytest.raises(InputError, match=r"kind of layers must be one of .*, got 'attention'"):
            plot_network(other)
