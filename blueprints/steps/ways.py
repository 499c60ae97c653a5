"""The part of the table that blueprints share: from a changed tree to a pull request whose checks are green."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from app.core.blueprint import END, EXHAUSTED, Edge, Node
from blueprints.steps.change import Change
from blueprints.steps.ci import autofix, hand_over, watch
from blueprints.steps.delivery import explain, publish
from blueprints.steps.gates import guard, lint, test
from blueprints.steps.proof import prove
from blueprints.steps.review import review
from blueprints.steps.work import answer, mend, repair

T = TypeVar("T", bound=Change)


def to_a_pull_request(
    checks: Sequence[Node[T]] = (), proofs: Sequence[Node[T]] = (), *, repair: Node[T] = repair, mend: Node[T] = mend
) -> Mapping[Node[T], Edge[T]]:
    """The rows from `lint` on; the blueprint's own come before, and lead to `lint` or to `explain`.

    `checks` are nodes of its own that look at the change after the guards did; `proofs` try it after it was proved in
    clean trees. Each answers `pass`, `mend` or `stop`, as `gates.checked` does.
    """
    gates: list[Node[T]] = [guard, *checks, prove, *proofs]
    ways: dict[Node[T], Edge[T]] = {
        lint: test,
        test: {"green": gates[0], "red": repair},
        repair: {"changed": lint, "gave up": explain, EXHAUSTED: explain},
    }
    after: list[Node[T]] = [*gates[1:], review]
    for gate, following in zip(gates, after, strict=True):
        ways[gate] = {"pass": following, "mend": repair, "stop": explain}
    return ways | {
        review: {"pass": publish, "blocked": answer},
        answer: {"changed": lint, "gave up": lint, EXHAUSTED: publish},
        publish: watch,
        watch: {
            "green": END,
            "none": END,
            "red": autofix,
            "undecided": hand_over,
            "moved": END,
            "unreadable": END,
        },
        autofix: {"fixed": lint, "not fixed": mend, EXHAUSTED: hand_over},
        mend: {"changed": lint, "gave up": hand_over},
        hand_over: END,
        explain: END,
    }
