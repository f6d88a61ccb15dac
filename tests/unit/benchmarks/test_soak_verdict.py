"""The judgement of a soak: what is found, and what is not held against Sidecar."""

import pytest

from benchmarks.soak_plan import KINDS, Beside, Part
from benchmarks.soak_table import write_tables
from benchmarks.soak_verdict import (
    Act,
    FaultRecord,
    Outcome,
    Sample,
    StackRecord,
    find_growth,
    find_wrong_acts,
)

WARM_UP_S = 60.0


def fault(
    name: str = "die",
    began_at: float = 100.0,
    outcome: Outcome | None = None,
    took_s: float = 5.0,
) -> FaultRecord:
    kind = KINDS[name]
    return FaultRecord(
        kind=kind,
        beside=Beside.NOTHING,
        began_at=began_at,
        ended_at=began_at + 10.0,
        outcome=outcome or (Outcome.HEALED if kind.is_healed else Outcome.LEFT),
        took_s=took_s,
        bound_s=15.0,
    )


def sample(at: float, life: str = "1", **changes: float) -> Sample:
    plain = Sample(at, life, 60.0, 52.0, 1.0, 24.0, 5.0, 4.0, 0.5, 0.0)
    return plain._replace(**changes)  # type: ignore[arg-type]


def steady(count: int = 100) -> list[Sample]:
    return [sample(at=3.0 * nth) for nth in range(count)]


def growing(name: str, by: float, count: int = 100) -> list[Sample]:
    """Samples of which one measurement grows evenly, by ``by`` in all."""
    return [
        each._replace(**{name: getattr(each, name) + by * nth / count})
        for nth, each in enumerate(steady(count))
    ]


def record(**changes: object) -> StackRecord:
    settings: dict[str, object] = {
        "faults": (fault(),),
        "acts": (Act(101.0, "restart", Part.WALLET),),
        "samples": steady(),
        "handed_out": 4,
    }
    return StackRecord(**(settings | changes))  # type: ignore[arg-type]


def judge(made: StackRecord) -> tuple[str, bool]:
    return write_tables([made], WARM_UP_S)


# --- actions


def test_the_right_action_is_not_wrong() -> None:
    made = record()
    assert find_wrong_acts(made.faults, made.acts) == ()
    text, is_right = judge(made)
    assert is_right
    assert "missed" not in text


@pytest.mark.parametrize(
    ("name", "act", "why"),
    [
        ("die", Act(99.0, "restart", Part.WALLET), "no fault was under way"),
        ("die", Act(111.0, "restart", Part.WALLET), "no fault was under way"),
        ("die", Act(101.0, "restart", None), "not a container of the stack"),
        ("neighbour", Act(101.0, "restart", None), "not a container of the stack"),
        ("die", Act(101.0, "restart", Part.SERVICE), "the fault was another's"),
        ("die", Act(101.0, "stop", Part.WALLET), "no remedy of"),
        ("exit", Act(101.0, "restart", Part.SECOND_WALLET), "no remedy of"),
        ("password", Act(101.0, "restart", Part.WALLET), "no restart cures"),
        ("upstream", Act(101.0, "restart", Part.WALLET), "no restart cures"),
        ("stop", Act(101.0, "start", Part.SECOND_WALLET), "no restart cures"),
        ("kill", Act(101.0, "start", Part.SECOND_WALLET), "no restart cures"),
        ("pause", Act(101.0, "restart", Part.WALLET), "no restart cures"),
        ("engine", Act(101.0, "restart", Part.SERVICE), "no restart cures"),
        ("sidecar-kill", Act(101.0, "restart", Part.WALLET), "no restart cures"),
    ],
)
def test_a_wrong_action_is_found(name: str, act: Act, why: str) -> None:
    made = record(faults=(fault(name),), acts=(act,))
    (wrong,) = find_wrong_acts(made.faults, made.acts)
    assert why in wrong.why
    text, is_right = judge(made)
    assert not is_right
    assert why in text


def test_a_second_try_is_right_and_a_third_is_wrong() -> None:
    tries = [Act(101.0 + nth, "restart", Part.WALLET) for nth in range(3)]
    assert find_wrong_acts((fault(),), tries[:2]) == ()
    (wrong,) = find_wrong_acts((fault(),), tries)
    assert wrong.act is tries[2]


def test_the_eleventh_automatic_restart_within_an_hour_is_wrong() -> None:
    times = [100.0 * nth for nth in range(12)]
    faults = [fault(began_at=at) for at in times]
    acts = [Act(at + 1.0, "restart", Part.WALLET) for at in times]
    wrong = find_wrong_acts(faults, acts)
    assert [each.act for each in wrong] == acts[10:]
    ordered = [each._replace(outcome=Outcome.ORDERED) for each in faults[10:]]
    assert find_wrong_acts(faults[:10] + ordered, acts) == ()
    assert find_wrong_acts([fault("order", at) for at in times], acts) == ()


# --- faults


@pytest.mark.parametrize(
    "bad", [fault(took_s=15.1), fault(outcome=Outcome.FAILED, took_s=1.0)]
)
def test_a_fault_that_is_not_treated_in_time_is_wrong(bad: FaultRecord) -> None:
    text, is_right = judge(record(faults=(fault(began_at=1.0), bad)))
    assert not is_right
    assert "**missed**" in text


def test_a_lost_address_is_wrong() -> None:
    text, is_right = judge(record(lost_addresses=("qp-lost",)))
    assert not is_right
    assert "address qp-lost is lost" in text


def rows_of(text: str) -> dict[str, list[str]]:
    """The cells of the second table by their first one."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines()]
    return {first: cells for first, *cells in lines if cells}


def test_the_rows_count_what_is_wrong_in_all_stacks() -> None:
    wrong = record(acts=(Act(99.0, "restart", Part.WALLET),))
    without_address = record(lost_addresses=("qp-lost",))
    text, is_right = write_tables([record(), wrong, without_address], WARM_UP_S)
    assert not is_right
    rows = rows_of(text)
    actions = rows["wrong actions, 3 faults, 3 requests to the engine"]
    assert (actions[0], actions[-1].strip()) == ("1", "**missed**")
    addresses = rows["addresses lost"]
    assert (addresses[0], addresses[-1].strip()) == ("1 of 12", "**missed**")


def test_a_soak_without_a_fault_proves_nothing() -> None:
    text, is_right = judge(record(faults=(), acts=()))
    assert not is_right
    assert "nothing is proven" in text


def test_too_many_messages_that_wait_at_a_time_are_wrong() -> None:
    samples = steady()
    samples[50] = samples[50]._replace(outbox=20.0)
    assert judge(record(samples=samples))[1]
    samples[50] = samples[50]._replace(outbox=21.0)
    assert not judge(record(samples=samples))[1]


def test_messages_that_still_wait_at_the_end_are_wrong() -> None:
    assert not judge(record(samples=[*steady(), sample(300.0, outbox=1.0)]))[1]


# --- growth


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("rss_mb", 20.0),
        ("pss_mb", 40.0),
        ("processes", 8.0),
        ("open_files", 30.0),
        ("threads", 10.0),
        ("engine_connections", 20.0),
        ("store_mb", 6.0),
    ],
)
def test_growth_is_found(name: str, by: float) -> None:
    assert judge(record(samples=steady()))[1]
    assert not judge(record(samples=growing(name, by)))[1]


def test_growth_of_one_stack_among_several_is_found() -> None:
    stacks = [record(), record(samples=growing("threads", 10.0)), record()]
    assert not write_tables(stacks, WARM_UP_S)[1]


def test_a_peak_is_no_growth() -> None:
    samples = steady()
    for nth in (50, 51, 90):
        samples[nth] = samples[nth]._replace(rss_mb=200.0, open_files=90.0)
    assert judge(record(samples=samples))[1]


def test_growth_while_it_warms_up_does_not_count() -> None:
    cold = [sample(at=nth, rss_mb=30.0 + nth) for nth in range(30)]
    warm = [sample(at=60.0 + 3 * nth, rss_mb=60.0) for nth in range(40)]
    growth = find_growth([*cold, *warm], "rss_mb", WARM_UP_S)
    assert growth is not None
    assert growth.by == 0.0


def test_growth_is_that_of_the_longest_life() -> None:
    short_life = [sample(at=3 * nth, life="1", open_files=20.0) for nth in range(20)]
    long_life = [
        sample(at=100.0 + 3 * nth, life="2", open_files=90.0) for nth in range(60)
    ]
    growth = find_growth([*short_life, *long_life], "open_files", WARM_UP_S)
    assert growth is not None
    assert (growth.early, growth.late) == (90.0, 90.0)


def test_a_short_soak_says_that_growth_was_not_judged() -> None:
    text, is_right = judge(record(samples=steady(25)))
    assert is_right
    assert "not judged: too short" in text


def test_a_store_beyond_its_bound_is_wrong() -> None:
    samples = [each._replace(store_mb=9.0) for each in steady()]
    assert not judge(record(samples=samples))[1]
