"""An Airflow DAG that calls `kam run refresh` every night; the connector itself knows nothing of Airflow.

Put it into Airflow's folder of DAGs. `kam` may live in a virtual environment of its own.
"""

from datetime import datetime, timedelta

from airflow.exceptions import AirflowFailException, AirflowSkipException
from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import dag, task

KAM = "/opt/kam/.venv/bin/kam"
FOLDER = "/srv/kam"  # what `kam init` made


@dag(schedule="15 2 * * *", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def kam_refresh() -> None:
    """Pull, enrich, diff, write back."""

    @task(retries=2, retry_delay=timedelta(minutes=15))
    def run(job: str) -> None:
        """One `kam run`; its exit code decides what Airflow does next."""
        code = SubprocessHook().run_command([KAM, "run", job, "--dir", FOLDER]).exit_code
        if code == 7:
            raise AirflowSkipException("API reserve reached; the next run goes on where this one stopped")
        if code == 8:
            raise RuntimeError("the CRM could not be reached")  # Airflow tries again
        if code != 0:
            raise AirflowFailException(f"kam run {job} ended with exit code {code}; see jobs/README.md")

    run("refresh")


kam_refresh()
