import pytest

from dustest.validation.provenance import parameters_of


class TestParametersOf:
    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ('{"sfh": "delayed", "n_live": 400}', {"sfh": "delayed", "n_live": 400}),
            ("{}", {}),
            ("", {}),
            (None, {}),
            ("sfh=delayed", {"params": "sfh=delayed"}),
            ("[1, 2]", {"params": "[1, 2]"}),
            ({"sfh": "delayed"}, {"sfh": "delayed"}),
            (3, {"params": 3}),
        ],
    )
    def test_whatever_a_table_holds(self, params, expected):
        assert parameters_of({"params": params}) == expected

    def test_no_entry(self):
        assert parameters_of({}) == {}
