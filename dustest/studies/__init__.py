"""Studies: whole questions that need models, estimators and metrics together."""

from dustest.studies.forecast_record import Forecast
from dustest.studies.forecasting import forecast
from dustest.studies.populations.inference import infer_population
from dustest.studies.populations.result import InferredPopulation, PopulationSet

__all__ = ["Forecast", "InferredPopulation", "PopulationSet", "forecast", "infer_population"]
