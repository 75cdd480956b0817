import json
import pickle

import pytest

from dustest.data.model_card import ModelCard, as_card

SCORES = [{"quantity": "A_V", "mae": 0.14271, "ratio": 0.7523}, {"quantity": "R_V", "mae": None}]


class TestModelCard:
    def test_is_a_dict(self):
        card = ModelCard(model="mine", n_train=12)
        assert card == {"model": "mine", "n_train": 12}
        assert json.loads(json.dumps(card)) == card
        assert pickle.loads(pickle.dumps(card)) == card

    def test_shows_scores(self):
        card = ModelCard(model="mine", metrics=SCORES, n_train=12, sets={"a": 1})
        assert repr(card) == "<ModelCard of mine: model, metrics, n_train, sets>"
        assert str(card).splitlines() == [
            "ModelCard of mine",
            "quantity     MAE  MAE over baseline",
            "A_V [mag]  0.143              0.752",
            "R_V            –                  –",
            "n_train: 12",
            "further entries: sets",
        ]
        assert "<td>0.143</td>" in card._repr_html_()

    def test_text_of_a_file_is_escaped(self):
        hostile = "<script>\x1b"
        card = ModelCard({"model": hostile, hostile: hostile, "metrics": [{"quantity": hostile}]})
        assert "<script>" not in card._repr_html_()
        assert "\x1b" not in card._repr_html_() + str(card)

    @pytest.mark.parametrize("metrics", [None, "none", [1, "a"], {"mae": 0.1}])
    def test_other_metrics_are_left_out(self, metrics):
        assert str(ModelCard(metrics=metrics)) == "ModelCard"

    def test_empty(self):
        assert repr(ModelCard()) == "<ModelCard: empty>"


class TestAsCard:
    def test_keeps_a_card_and_anything_else(self):
        card = ModelCard()
        assert as_card(card) is card
        assert as_card("text") == "text"
        assert as_card(None) is None
