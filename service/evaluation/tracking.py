"""Evaluations kept side by side in MLflow: measures as metrics, the setting as parameters, report as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.errors import AisleError, MissingExtra

EXPERIMENT = "aisle"


def track(figures: dict[str, Any], files: list[Path], uri: str, experiment: str = EXPERIMENT) -> str:
    """Log one evaluation as a run and return the run's id.

    uri: of a tracking server, or of a folder as `file:runs`. Raises MissingExtra without the extra `mlflow`, and
    AisleError when the server refuses or cannot be reached.
    """
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "mlflow") from None
    try:
        client = MlflowClient(tracking_uri=uri)
        known = client.get_experiment_by_name(experiment)
        place = known.experiment_id if known else client.create_experiment(experiment)
        run = client.create_run(place).info.run_id
        for name, value in figures["setting"].items():
            client.log_param(run, name, value)
        client.log_param(run, "method", figures["method"])
        for name, value in metrics(figures):
            client.log_metric(run, name, value)
        for file in files:
            client.log_artifact(run, str(file))
        client.set_terminated(run)
    except (MlflowException, OSError) as error:
        raise AisleError(f"the evaluation cannot be logged at {uri}: {str(error).splitlines()[0]}") from error
    return str(run)


def metrics(figures: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the numbers that are worth following from run to run."""
    yield "asked", figures["asked"]
    yield from ((name, each["value"]) for name, each in figures["measures"].items())
    yield "calibration_error", figures["calibration"]["error"]
    yield from ((f"top_{k}", share) for k, share in figures["top"].items())
    for each in figures["dial"]:
        yield f"coverage_at_{each['asked']}", each["coverage"]
        if each["precision"] is not None:
            yield f"precision_at_{each['asked']}", each["precision"]
