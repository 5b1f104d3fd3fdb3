"""What a platform lets an account ask for is kept by the adapter's own count, and what it costs is written down."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from factories import Life
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from db.tables import ChannelCharge, ChannelCost, RateUse
from integrations.channels.base import TryAgain
from policy.channels import Grant
from tasks.metering import Meter

pytest_plugins = ("lives",)


def meter(life: Life, *grants: Grant, account: str = "default", prices: dict[str, float] | None = None) -> Meter:
    return Meter(life.desk.engine, life.clock, "x", account, grants, prices)


def reads(at_most: int, per: str = "15m") -> Grant:
    return Grant(what="read", at_most=at_most, per=per)


def costs(life: Life) -> list[ChannelCost]:
    with life.desk.transaction() as session:
        return list(session.execute(select(ChannelCost).order_by(ChannelCost.day, ChannelCost.what)).scalars())


def test_a_record_is_charged_once_a_day_whoever_reads_it(life):
    prices = {"post_read": 0.005, "mention_read": 0.001}
    one, other = meter(life, prices=prices), meter(life, prices=prices)
    one.spend_once("mention_read", ["post:1", "post:2", "post:1"])
    other.spend_once("post_read", ["post:1", "post:3"])
    one.spend_once("post_read", [])

    assert [(cost.what, cost.count, cost.micros) for cost in costs(life)] == [
        ("mention_read", 2, 2_000),
        ("post_read", 1, 5_000),
    ]


def test_a_new_day_charges_anew_and_forgets_the_old_one(life):
    one, other = meter(life), meter(life, account="toko")
    one.spend_once("post_read", ["post:1"])
    other.spend_once("post_read", ["post:1"])
    life.later(days=1)
    one.spend_once("post_read", ["post:1", "post:2"])

    with life.desk.transaction() as session:
        kept = list(session.execute(select(ChannelCharge)).scalars())
    assert [cost.count for cost in costs(life) if cost.account == "default"] == [1, 2]
    assert sorted((row.account, row.day == life.clock.now().date()) for row in kept) == [
        ("default", True),
        ("default", True),
        ("toko", False),
    ]


def test_many_workers_charge_a_record_once(life):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: meter(life).spend_once("post_read", ["post:1", "post:2"]), range(16)))

    assert [cost.count for cost in costs(life)] == [2]


def test_within_the_grant_nobody_waits(life):
    one = meter(life, reads(3))
    for _ in range(3):
        one.take("read")


def test_beyond_the_grant_the_adapter_hears_how_long_to_wait(life):
    one = meter(life, reads(2))
    one.take("read")
    life.later(minutes=5)
    one.take("read")

    with pytest.raises(TryAgain, match="`read`") as refused:
        one.take("read")

    assert refused.value.after == pytest.approx(600)
    life.later(seconds=599)
    with pytest.raises(TryAgain):
        one.take("read")
    life.later(seconds=1)
    one.take("read")


def test_what_was_refused_uses_nothing(life):
    one = meter(life, reads(1), reads(5, "1d"))
    one.take("read")
    for _ in range(20):
        with pytest.raises(TryAgain):
            one.take("read")
    for _ in range(4):
        life.later(minutes=15)
        one.take("read")

    with pytest.raises(TryAgain) as refused:
        one.take("read")

    assert refused.value.after == pytest.approx(86_400 - 3_600)


def test_calls_that_count_more_wait_until_so_much_is_free(life):
    units = Grant(what="units", at_most=100, per="1d")
    one = meter(life, units)
    one.take("units", 60)
    life.later(hours=1)
    one.take("units", 40)

    with pytest.raises(TryAgain) as refused:
        one.take("units", 50)
    assert refused.value.after == pytest.approx(23 * 3600)
    with pytest.raises(TryAgain) as refused:
        one.take("units", 61)
    assert refused.value.after == pytest.approx(24 * 3600)


def test_a_call_larger_than_the_whole_grant_waits_for_an_empty_window_then_goes(life):
    one = meter(life, Grant(what="units", at_most=10, per="1h"))
    one.take("units", 1)
    with pytest.raises(TryAgain):
        one.take("units", 50)

    life.later(hours=1)
    one.take("units", 50)

    with pytest.raises(TryAgain):
        one.take("units")


def test_what_policy_does_not_limit_is_free(life):
    one = meter(life, reads(1))
    for _ in range(5):
        one.take("search")


def test_accounts_have_grants_of_their_own(life):
    meter(life, reads(1)).take("read")
    meter(life, reads(1), account="toko").take("read")


def test_workers_share_a_grant(life):
    start = threading.Barrier(4)

    def work(_: int) -> int:
        start.wait()
        one, done = meter(life, reads(5)), 0
        for _ in range(5):
            try:
                one.take("read")
            except TryAgain:
                continue
            done += 1
        return done

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 5


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 4)), max_size=25))
def test_no_window_ever_holds_more_than_the_grant(life, steps):
    with life.desk.transaction() as session:
        session.execute(delete(RateUse))
    one, taken = meter(life, reads(6)), []
    for seconds, amount in steps:
        life.later(seconds=seconds)
        try:
            one.take("read", amount)
        except TryAgain:
            continue
        taken.append((life.now(), amount))
        within = [used for at, used in taken if at > life.now() - timedelta(minutes=15)]
        assert sum(within) <= 6


def test_costs_add_up_by_day_and_thing(life):
    one = meter(life, prices={"post": 0.015, "read": 0.005})
    one.spend("post")
    one.spend("post", 3)
    one.spend("read", 100)
    one.spend("look")
    life.later(days=1)
    one.spend("post")

    found = [(row.day, row.what, row.count, row.micros) for row in costs(life)]
    assert found == [
        (date(2026, 3, 2), "look", 1, 0),
        (date(2026, 3, 2), "post", 4, 60_000),
        (date(2026, 3, 2), "read", 100, 500_000),
        (date(2026, 3, 3), "post", 1, 15_000),
    ]


def test_two_workers_that_spend_at_once_lose_nothing(life):
    def spend(_: int) -> None:
        for _ in range(10):
            meter(life, prices={"post": 0.01}).spend("post")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(spend, range(4)))

    (row,) = costs(life)
    assert (row.count, row.micros) == (40, 400_000)
