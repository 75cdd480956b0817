"""IRX-beta relations and those that are registered from outside."""

import json

import pytest

from dustest import MeurerEstimator, cite
from dustest.data.errors import InputError
from dustest.io import load_demo
from dustest.physics import IRXBeta, get_relation, register_relation

BIBTEX = "@article{Mine2030,\n  author = {Mine},\n  title = {Mine},\n  year = {2030},\n}"


def test_a_relation_from_outside():
    mine = register_relation(IRXBeta("Mine30", 3.0, 1.5, references=(BIBTEX,)))
    assert get_relation("mine30") is get_relation(mine) is mine
    galaxies = load_demo()[0][:5]
    named, given = (
        MeurerEstimator(relation=relation, beta0_scatter=0.0).estimate(galaxies)
        for relation in ("Mine30", mine)
    )
    assert list(named["A_UV"]) == list(given["A_UV"]) == list(3.0 + 1.5 * given["beta"])
    assert "Mine2030" in cite(named)
    assert (
        json.loads(named.meta["params"])["relation"]
        == json.loads(given.meta["params"])["relation"]
    )


def test_provenance_tells_relations_of_one_name_apart():
    register_relation(IRXBeta("Mine30", 3.0, 1.5))
    params = json.loads(MeurerEstimator("Mine30").estimate(load_demo()[0][:1]).meta["params"])
    assert (params["relation"]["a"], params["relation"]["b"]) == (3.0, 1.5)
    own = json.loads(MeurerEstimator("Reddy15").estimate(load_demo()[0][:1]).meta["params"])
    assert own["relation"] == "Reddy15"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"b": 0.0}, "b and wavelength must be above zero, got b=0.0"),
        ({"a": "much"}, "a must be a finite number, got 'much'"),
        ({"wavelength": -1600.0}, "wavelength=-1600.0"),
    ],
)
def test_what_is_no_relation(wrong, message):
    with pytest.raises(InputError, match=message):
        IRXBeta(**{"name": "Mine", "a": 4.0, "b": 2.0} | wrong)
    with pytest.raises(InputError, match="must be an IRXBeta"):
        register_relation("Meurer99")
    with pytest.raises(InputError, match="'reddy15' is registered already"):
        register_relation(IRXBeta("reddy15", 4.0, 2.0))
