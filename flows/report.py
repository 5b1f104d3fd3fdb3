"""Write the report of the last day: counts, times and promises, without a customer's name or words.

Reads everything; writes one HTML file under `TANGGAP_HOME/reports` and shows its figures in the Prefect UI.
"""

from datetime import timedelta
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.opening import opened_desk
from tasks.desk import Desk
from tasks.report import as_html, gather


@flow(name="report", persist_result=False, log_prints=False)
def report(days: float = 1) -> str:
    """Report on the last days, up to now; returns where the file is."""
    with opened_desk() as (desk, settings):
        written = write_report(desk, settings.home / "reports", timedelta(days=days))
    create_markdown_artifact(f"The report lies in `{written}`.", key="report", description=written.name)
    return str(written)


def write_report(desk: Desk, folder: Path, length: timedelta) -> Path:
    """Gather the figures and write the file."""
    now = desk.now()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"report-{now.astimezone(desk.policy.calendar.zone):%Y-%m-%d}.html"
    file.write_text(as_html(desk, gather(desk, now - length, now)), encoding="utf-8")
    return file
