"""What an evaluation found, as a table for people and as JSON for programs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from app.core.wording.figures import duration
from app.evaluation.trial import Trial, Verdict

_COUNTED = (Verdict.SOLVED, Verdict.WRONG, Verdict.STOPPED)
"""Those that say something about the model."""


def row(trial: Trial) -> str:
    """One trial, as it is told when it has ended."""
    figures = f"{trial.usd:8.4f} $ {trial.turns:4} turns {duration(trial.seconds):>9}"
    why = ", ".join(trial.stopped_by) or trial.reason
    late = " (hidden tests green)" if trial.verdict is Verdict.STOPPED and trial.hidden == "green" else ""
    return f"{trial.verdict:8} {trial.task:32} {trial.model:32} {figures}  {why[:100]}{late}".rstrip()


def table(trials: Sequence[Trial]) -> str:
    """Success, cost, turns and time by model, and by kind of task."""
    heads = f"{'solved':>9} {'wrong':>6} {'stopped':>8} {'skipped':>8} {'broken':>7} {'$':>9} {'turns':>6} {'time':>8}"
    by_model = _lines(trials, lambda trial: trial.model)
    by_kind = _lines(trials, lambda trial: f"{trial.model}, {trial.kind}")
    return "\n".join([f"{'':46} {heads}", *by_model, "", *by_kind])


def document(trials: Sequence[Trial]) -> dict[str, Any]:
    """All of it, to be written as JSON."""
    return {
        "trials": [trial.model_dump(mode="json") for trial in trials],
        "by_model": _totals(trials, lambda trial: trial.model),
        "by_kind": _totals(trials, lambda trial: trial.kind),
        "by_task": _totals(trials, lambda trial: trial.task),
    }


def _lines(trials: Sequence[Trial], of: Callable[[Trial], str]) -> Iterable[str]:
    for name, total in _totals(trials, of).items():
        solved = f"{total['solved']}/{total['counted']}"
        others = f"{total['wrong']:6} {total['stopped']:8} {total['skipped']:8} {total['broken']:7}"
        used = f"{total['usd']:9.4f} {total['turns']:6} {duration(total['seconds']):>8}"
        yield f"{name[:46]:46} {solved:>9} {others} {used}"


def _totals(trials: Sequence[Trial], of: Callable[[Trial], str]) -> Mapping[str, dict[str, Any]]:
    """Counts and sums by name. What was skipped or broken counts neither for nor against a model."""
    return {
        name: _total([trial for trial in trials if of(trial) == name])
        for name in dict.fromkeys(of(each) for each in trials)
    }


def _total(trials: Sequence[Trial]) -> dict[str, Any]:
    counts = {verdict.value: sum(trial.verdict is verdict for trial in trials) for verdict in Verdict}
    return counts | {
        "counted": sum(trial.verdict in _COUNTED for trial in trials),
        "usd": round(sum(trial.usd for trial in trials), 6),
        "turns": sum(trial.turns for trial in trials),
        "tokens": sum(trial.tokens for trial in trials),
        "seconds": round(sum(trial.seconds for trial in trials), 1),
    }
