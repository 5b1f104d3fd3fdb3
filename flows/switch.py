"""The kill switch as engineers see it: the Prefect variable `tanggap_publishing`, `on` or `off`.

The rows rule. The variable shows them; an engineer who sets it to `off` in the Prefect UI throws the switch, and who
sets it back to `on` lifts what was thrown that way, never what a named person threw.
"""

from prefect.variables import Variable

from tasks.desk import Desk
from tasks.kill_switch import lift_as_engine, stopped, throw_as_engine
from tasks.marks import mark, marked

VARIABLE = "tanggap_publishing"
MARK = "prefect-switch"


def mirror_switch(desk: Desk) -> None:
    """Compare the variable with the rows and with what was shown last; the side that changed wins."""
    rows = "off" if stopped(desk) else "on"
    shown = marked(desk, MARK)
    found = str(Variable.get(VARIABLE, default=""))
    variable = found if found in ("on", "off") else None
    if variable is not None and shown is not None and variable != shown:
        if variable == "off":
            throw_as_engine(desk, f"set to off in Prefect's variable {VARIABLE}")
        else:
            lift_as_engine(desk, f"set to on in Prefect's variable {VARIABLE}")
        rows = "off" if stopped(desk) else "on"
    if variable != rows:
        Variable.set(VARIABLE, rows, overwrite=True)
    if shown != rows:
        mark(desk, MARK, rows)
