"""How candidates stand beside each other, by what came of their trials. Pure figures."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb

from pydantic import BaseModel

from app.core.kinds import is_test
from app.core.wording.figures import duration
from app.evaluation.trial import Trial, Verdict

COUNTED = (Verdict.SOLVED, Verdict.WRONG, Verdict.STOPPED)
"""What says something about the candidate."""


class Standing(BaseModel, frozen=True):
    """One candidate at the pairs that every candidate has tried."""

    candidate: str
    pairs: int
    solved: int
    wrong: int
    stopped: int
    usd: float
    turns: int
    seconds: float
    near: float | None
    """How many of the files that either touched both did, from 0 to 1, on the average; tests are left out."""

    @property
    def usd_per_solved(self) -> float | None:
        """Also what came to nothing was paid."""
        return self.usd / self.solved if self.solved else None


def ranked(trials: Sequence[Trial], candidates: Sequence[str], files: Mapping[str, Sequence[str]]) -> list[Standing]:
    """The best first: who solved more, then who was cheaper, then who took fewer turns.

    `files` are what the merged changes touched besides tests, by pair.
    """
    known = _counted(trials)
    shared = common(trials, candidates)
    found = [_standing(name, [known[name, pair] for pair in shared], files) for name in candidates]
    return sorted(found, key=lambda one: (-one.solved, one.usd, one.turns))


def common(trials: Sequence[Trial], candidates: Sequence[str]) -> list[str]:
    """Pairs that every candidate has tried: to compare others would be unfair."""
    known = _counted(trials)
    pairs = dict.fromkeys(trial.task for trial in trials)
    return [pair for pair in pairs if all((name, pair) in known for name in candidates)]


def by_chance(only_better: int, only_worse: int) -> float:
    """How likely a difference like this is, or a larger one, if both are equally good: the sign test, one-sided.

    Pairs that both solved, or neither, say nothing about who is better.
    """
    pairs = only_better + only_worse
    return float(sum(comb(pairs, count) for count in range(only_better, pairs + 1)) / 2**pairs)


def table(standings: Sequence[Standing]) -> str:
    """The standings, a line each under heads."""
    heads = f"{'solved':>9} {'wrong':>6} {'stopped':>8} {'$':>9} {'$/solved':>9} {'turns':>6} {'time':>8} {'files':>6}"
    lines = [f"{'':3} {'':43} {heads}"]
    for place, one in enumerate(standings, 1):
        each = "" if one.usd_per_solved is None else f"{one.usd_per_solved:.4f}"
        near = "" if one.near is None else f"{100 * one.near:.0f} %"
        lines.append(
            f"{place:2}. {one.candidate[:43]:43} {f'{one.solved}/{one.pairs}':>9} {one.wrong:6} {one.stopped:8} "
            f"{one.usd:9.4f} {each:>9} {one.turns:6} {duration(one.seconds):>8} {near:>6}"
        )
    return "\n".join(lines)


def comparisons(trials: Sequence[Trial], standings: Sequence[Standing]) -> list[str]:
    """For each two candidates how sure it is that the one is better, a sentence each."""
    known = _counted(trials)
    names = [one.candidate for one in standings]
    shared = common(trials, names)
    told = []
    for better, worse in combinations(names, 2):
        solved = [(known[better, pair].verdict, known[worse, pair].verdict) for pair in shared]
        only_better = sum(one is Verdict.SOLVED and other is not Verdict.SOLVED for one, other in solved)
        only_worse = sum(other is Verdict.SOLVED and one is not Verdict.SOLVED for one, other in solved)
        told.append(
            f"{better} solved {only_better} that {worse} did not, and {worse} {only_worse} that {better} did not: "
            f"chance alone brings that, or more, with a probability of {by_chance(only_better, only_worse):.2g}."
        )
    return told


def _counted(trials: Sequence[Trial]) -> dict[tuple[str, str], Trial]:
    return {(trial.model, trial.task): trial for trial in trials if trial.verdict in COUNTED}


def _standing(name: str, trials: Sequence[Trial], files: Mapping[str, Sequence[str]]) -> Standing:
    near = [_near(trial.touched, files[trial.task]) for trial in trials if files.get(trial.task)]
    return Standing(
        candidate=name,
        pairs=len(trials),
        solved=sum(trial.verdict is Verdict.SOLVED for trial in trials),
        wrong=sum(trial.verdict is Verdict.WRONG for trial in trials),
        stopped=sum(trial.verdict is Verdict.STOPPED for trial in trials),
        usd=round(sum(trial.usd for trial in trials), 6),
        turns=sum(trial.turns for trial in trials),
        seconds=round(sum(trial.seconds for trial in trials), 1),
        near=round(sum(near) / len(near), 3) if near else None,
    )


def _near(touched: Sequence[str], merged: Sequence[str]) -> float:
    """Jaccard's index of two sets of files, of which at least one is not empty."""
    own, theirs = {path for path in touched if not is_test(path)}, set(merged)
    return len(own & theirs) / len(own | theirs)
