"""Evaluations kept side by side in MLflow: measures as metrics, the setting as parameters, report as files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from indexer.errors import AisleError, MissingExtra

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "aisle"
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""How often a server is tried again and for how many seconds, where the environment does not say: MLflow's own 7 times
of two minutes are for jobs that nobody waits for."""


@dataclass(frozen=True, slots=True)
class Tracker:
    """An experiment at a tracking server that runs can be logged in."""

    client: MlflowClient
    experiment_id: str
    uri: str

    @classmethod
    def open(cls, uri: str, experiment: str = EXPERIMENT) -> Self:
        """Find the experiment, made if need be.

        uri: of a tracking server, or of a folder as `file:runs`. Raises MissingExtra without the extra `mlflow`, and
        AisleError when the server refuses or cannot be reached.
        """
        try:
            from mlflow.tracking import MlflowClient
        except ModuleNotFoundError as error:
            raise MissingExtra(_package(error), "mlflow") from None
        for name, patience in PATIENCE.items():
            os.environ.setdefault(name, patience)
        with _told(uri):
            client = MlflowClient(tracking_uri=uri)
            known = client.get_experiment_by_name(experiment)
            return cls(client, known.experiment_id if known else client.create_experiment(experiment), uri)

    def log(self, figures: Mapping[str, Any], files: Sequence[Path]) -> str:
        """Log one evaluation as a run and return the run's id; raises AisleError as `open` does."""
        client = self.client
        with _told(self.uri):
            run: str = client.create_run(self.experiment_id).info.run_id
            for name, value in [*figures["setting"].items(), ("method", figures["method"])]:
                client.log_param(run, name, value)
            for name, value in metrics(figures):
                client.log_metric(run, name, value)
            for file in files:
                client.log_artifact(run, str(file))
            client.set_terminated(run)
        return run


def metrics(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the numbers that are worth following from run to run."""
    yield "asked", figures["asked"]
    yield from ((name, each["value"]) for name, each in figures["measures"].items())
    yield "calibration_error", figures["calibration"]["error"]
    yield from ((f"top_{k}", share) for k, share in figures["top"].items())
    for each in figures["dial"]:
        yield f"coverage_at_{each['asked']}", each["coverage"]
        if each["precision"] is not None:
            yield f"precision_at_{each['asked']}", each["precision"]


def _package(error: ModuleNotFoundError) -> str:
    return str(error.name).partition(".")[0]


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """Turn what MLflow raises into one line."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except ModuleNotFoundError as error:
        raise AisleError(
            f"the evaluation cannot be logged at {uri}: {_package(error)} is not installed; "
            "give the address of a tracking server, or install that"
        ) from error
    except (MlflowException, OSError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise AisleError(f"the evaluation cannot be logged at {uri}: {why}") from error
