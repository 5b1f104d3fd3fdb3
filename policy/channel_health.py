"""When a platform is left alone after failures, and when its silence is no calm."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median

from policy.channels import Circuit, Coverage


def is_open(failures: int, rules: Circuit) -> bool:
    """Whether so many failures in a row open the circuit."""
    return failures >= rules.failures


def rest_after(failures: int, rules: Circuit) -> timedelta:
    """How long a platform is left alone whose circuit so many failures in a row have opened; jitter is the caller's."""
    doublings = min(max(failures - rules.failures, 0), 20)
    return min(rules.rest * float(2**doublings), rules.longest_rest)


def is_quiet(now: int, before: Sequence[int], rules: Coverage) -> bool:
    """Whether `now`, what came in these hours, is far less than the same hours of the weeks `before` brought.

    The usual is the median of all those weeks, silent ones too, so that neither one storm nor one holiday makes it.
    """
    usual = median(before) if len(before) >= rules.weeks else 0
    return usual >= rules.at_least and now <= usual * rules.share
