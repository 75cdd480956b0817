"""Studies: whole questions that need models, estimators and metrics together."""

from dustest.studies.error_budget_record import ErrorBudget
from dustest.studies.error_budgeting import error_budget
from dustest.studies.forecast_record import Forecast
from dustest.studies.forecasting import forecast
from dustest.studies.populations.inference import infer_population
from dustest.studies.populations.result import InferredPopulation, PopulationSet
from dustest.studies.variations import Variation, default_variations

__all__ = [
    "ErrorBudget",
    "Forecast",
    "InferredPopulation",
    "PopulationSet",
    "Variation",
    "default_variations",
    "error_budget",
    "forecast",
    "infer_population",
]
