"""When a platform is left alone after failures, and when its silence is no calm."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from policy.channels import Circuit, Coverage


def is_open(failures: int, rules: Circuit) -> bool:
    """Whether so many failures in a row open the circuit."""
    return failures >= rules.failures


def rest_after(failures: int, rules: Circuit) -> timedelta:
    """How long a platform is left alone whose circuit so many failures in a row have opened; jitter is the caller's."""
    doublings = min(max(failures - rules.failures, 0), 20)
    return min(rules.rest * float(2**doublings), rules.longest_rest)


def throttled_since(since: datetime | None, until: datetime | None, now: datetime, rules: Circuit) -> datetime:
    """Since when a platform that asks us to wait `now` has let nothing through.

    `since`, `until`: since when it did, and until when it last asked us to wait, where nothing has been let through in
    between. After a pause in which nothing was tried nobody knows: then it begins anew.
    """
    known = since is not None and until is not None and now <= until + rules.throttled_too_long
    return since if known and since is not None else now


def throttled_too_long(since: datetime | None, until: datetime | None, now: datetime, rules: Circuit) -> bool:
    """Whether it has only asked us to wait for so long that people should know. After `until` nobody has tried."""
    return since is not None and until is not None and min(now, until) - since >= rules.throttled_too_long


def is_quiet(now: int, before: Sequence[int], rules: Coverage) -> bool:
    """Whether `now`, what came in these hours, is far less than the same hours of the weeks `before` brought.

    The usual is the median of all those weeks, silent ones too, so that neither one storm nor one holiday makes it.
    """
    usual = median(before) if len(before) >= rules.weeks else 0
    return usual >= rules.at_least and now <= usual * rules.share
