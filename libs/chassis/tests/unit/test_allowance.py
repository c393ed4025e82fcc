"""How many traces callers may have kept by asking for it, each and all together."""

from gerai.chassis.traces import (
    ASKED_AT_ONCE,
    ASKED_AT_ONCE_BY_ONE,
    ASKED_PER_S,
    ASKED_PER_S_BY_ONE,
    RESERVE,
    SUBJECTS_KNOWN,
    Allowance,
)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(allowance: Allowance, clock: Clock, subjects: list[str], *, seconds: int) -> dict[str, int]:
    """How many each gets that asks every 50 ms."""
    got = dict.fromkeys(subjects, 0)
    for _ in range(seconds * 20):
        clock.now += 0.05
        for subject in subjects:
            got[subject] += allowance.take(subject)
    return got


def test_one_subject_gets_a_few_at_once_and_then_one_now_and_then() -> None:
    clock = Clock()
    allowance = Allowance(now=clock)
    assert sum(allowance.take("a") for _ in range(100)) == ASKED_AT_ONCE_BY_ONE
    got = taken(allowance, clock, ["a"], seconds=100)["a"]
    assert abs(got - 100 * ASKED_PER_S_BY_ONE) <= 1


def test_all_subjects_together_get_what_the_process_can_afford() -> None:
    clock = Clock()
    allowance = Allowance(now=clock)
    subjects = [str(number) for number in range(40)]
    got = sum(taken(allowance, clock, subjects, seconds=60).values())
    most, at_the_end = ASKED_AT_ONCE + 60 * ASKED_PER_S, ASKED_PER_S / ASKED_PER_S_BY_ONE
    assert most - RESERVE - at_the_end - 1 <= got <= most


def test_however_many_ask_without_end_who_asks_now_and_then_is_heard() -> None:
    clock = Clock()
    allowance = Allowance(now=clock)
    greedy = [str(number) for number in range(40)]
    taken(allowance, clock, greedy, seconds=30)
    for _ in range(10):
        assert allowance.take("operator")
        taken(allowance, clock, greedy, seconds=10)


def test_however_many_subjects_there_are_few_are_remembered() -> None:
    allowance = Allowance(now=Clock())
    for number in range(SUBJECTS_KNOWN + 100):
        allowance.take(str(number))
    assert len(allowance) == SUBJECTS_KNOWN
