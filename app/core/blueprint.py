"""What a workflow is: nodes that answer with a word, and one table that says where each word leads.

Nothing here runs anything. `engine/runner.py` walks a blueprint; `drawing.py` draws it.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, Generic, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from app.core.budget import Budget
from app.core.errors import BlueprintError
from app.core.forge import Annotation
from app.core.orders import WORDS
from app.core.task import Task
from app.core.world import World

CheckState = Literal["", "green", "red", "none", "late", "unclear", "moved", "unreadable"]
"""`none`: there are none. `late`: not all ended in time. `unclear`: one ended without a verdict, such as cancelled.

`moved`: the branch is not ours any more. `unreadable`: this installation may not read checks. Empty: nobody looked.
"""


class State(BaseModel, validate_assignment=True):
    """What a run knows. Saved as JSON after every node, so keep it small and plain.

    Runs outlive deploys: a field added later needs a default; a field that was removed is ignored in an old run.
    """

    task: Task
    base_branch: str = ""
    """Where the pull request goes; given by the engine, as are the next three."""
    base_sha: str = ""
    branch: str = ""
    """Our branch, which exists from the beginning."""
    head_sha: str = ""
    """Where our branch stands. Whoever moves it writes it down here."""
    pull_request_number: int | None = None
    pull_request_url: str = ""
    checks: CheckState = ""
    """What came of the checks of what was pushed last, as far as the run waited for them."""
    annotations: tuple[Annotation, ...] = ()
    """What the check run says about places of its commit."""
    details: str = ""
    """What the check run says below its table, in Markdown."""
    explanation: str = ""
    """Why there is no pull request, or what is to be done about it; for people. Empty if nothing is to be explained."""

    def begun_again(self) -> Self:
        """The state with which a run that has ended goes on, because somebody wants it to."""
        return self.model_copy(update={"explanation": "", "details": "", "annotations": ()})


class Wait(BaseModel, frozen=True):
    """A node's answer when the world has to move first: the run is parked and costs nothing until then.

    The node is visited again when something happens to what it waits for, or when the deadline is past.
    """

    what: str
    """For people: "the checks of 1a2b3c4"."""
    deadline: datetime
    look_at: datetime | None = None
    """When to visit the node though nothing was heard and the deadline is not past; None if that is not needed."""


class Kind(StrEnum):
    """Who decides inside a node."""

    STEP = "step"
    """Ordinary code."""
    AGENT = "agent"
    """A language model, inside a box and a budget."""


S_contra = TypeVar("S_contra", bound=State, contravariant=True)
"""A node that needs only a base state may be used in any blueprint whose state extends it."""
T = TypeVar("T", bound=State)

NodeFunction = Callable[[S_contra, World], Awaitable["str | Wait | None"]]

EXHAUSTED: Final = "exhausted"
"""The engine's own answer for a node that was visited as often as it may be; only nodes with `at_most` have it."""


@dataclass(frozen=True)
class AgentSpec:
    """What a minion gets in one node."""

    prompt: str
    """File beside the module of the node, with `$name` where facts go."""
    tools: tuple[str, ...]
    role: str
    """Which model works here: `implement`, `repair`, … An operator maps roles to models."""
    budget: Budget


@dataclass(frozen=True, eq=False)
class Node(Generic[S_contra]):
    """One box in the drawing, one line in the check run, one unit of resuming."""

    run: NodeFunction[S_contra]
    title: str
    at_most: int | None = None
    """How often one run may visit it; every loop in a blueprint goes through a node with such a bound."""
    agent: AgentSpec | None = None
    in_tree: bool = True
    """Whether it touches the work tree; where it does not, nobody makes one for it."""

    @property
    def kind(self) -> Kind:
        """Who decides inside."""
        return Kind.AGENT if self.agent else Kind.STEP

    @property
    def name(self) -> str:
        """Its name in code, in stored runs and in `/minion retry NAME`."""
        return getattr(self.run, "__name__", repr(self.run))

    @property
    def module(self) -> str:
        """The module that it is written in; prompts lie beside it."""
        return self.run.__module__

    @property
    def outcomes(self) -> frozenset[str]:
        """The words that it may answer, read from its return annotation; empty if it has only one way on."""
        words = _words(get_type_hints(self.run).get("return"))
        return words | {EXHAUSTED} if self.at_most else words


def _words(annotation: object) -> frozenset[str]:
    if get_origin(annotation) is Literal:
        return frozenset(get_args(annotation))
    if get_origin(annotation) in {Union, types.UnionType}:
        return frozenset[str]().union(*(_words(part) for part in get_args(annotation)))
    return frozenset()


def step(title: str, *, at_most: int | None = None, in_tree: bool = True) -> Callable[[NodeFunction[T]], Node[T]]:
    """Make a node of ordinary code. It must be safe to run twice: a crash repeats the node it hit."""
    return lambda run: Node(run, title, at_most, in_tree=in_tree)


TOOLS: Final = ("bash", "read", "search", "edit", "write", "submit", "give_up")
"""What a minion can do, unless its node gives it less."""


def agent(
    title: str,
    *,
    prompt: str,
    budget: Budget,
    role: str,
    tools: tuple[str, ...] = TOOLS,
    at_most: int | None = None,
) -> Callable[[NodeFunction[T]], Node[T]]:
    """Make a node in which a language model works."""
    return lambda run: Node(run, title, at_most, AgentSpec(prompt, tools, role, budget))


END: Final = "END"

Target = Node[T] | Literal["END"]
Edge = Target[T] | Mapping[str, Target[T]]


@dataclass(frozen=True)
class Blueprint(Generic[T]):
    """A named workflow. `edges` is the whole of its control flow.

    Building one raises BlueprintError if a word has no way on, a way has no word, a node cannot be reached, two nodes
    share a name, or a run of it might never end.
    """

    name: str
    summary: str
    """One line for the list of blueprints and the help on GitHub."""
    state: type[T]
    start: Node[T]
    edges: Mapping[Node[T], Edge[T]]
    version: int = 1
    """Counted up with each change of the table: an older program leaves runs that a newer one had in hand to that."""
    goes_on_from: int | None = None
    """The oldest version whose runs go on with this table: nodes only came since, and what they answer. None: only its
    own. A run that has not begun begins with the newest table anyway."""
    checks: Node[T] | None = None
    """The node that looks after the checks of what was pushed: where the button "Fix CI" leads."""

    def __post_init__(self) -> None:
        for check in (self._check_names, self._check_version, self._check_words, self._check_reach, self._check_bounds):
            check()

    def takes(self, version: int) -> bool:
        """Whether a run that was begun with the table of this version goes on with this one."""
        oldest = self.version if self.goes_on_from is None else self.goes_on_from
        return oldest <= version <= self.version

    def arrows(self) -> Iterator[tuple[Node[T], str, Target[T]]]:
        """Every way through the table as (node, word, target); the word is empty where there is only one way on."""
        for node, edge in self.edges.items():
            if isinstance(edge, Mapping):
                for word, target in edge.items():
                    yield node, word, target
            else:
                yield node, "", edge

    def after(self, node: Node[T], word: str) -> Target[T]:
        """Where `word` leads. Raises BlueprintError if the table does not know it."""
        edge = self.edges[node]
        if not isinstance(edge, Mapping):
            return edge
        if word not in edge:
            raise BlueprintError(f"{self.name}: {node.name} answered {word!r}, its table has {_listed(edge)}")
        return edge[word]

    def node(self, name: str) -> Node[T]:
        """Find a node by name. Raises BlueprintError if it is gone."""
        for node in self.edges:
            if node.name == name:
                return node
        raise BlueprintError(
            f"The blueprint {self.name} has no node {name!r} any more: it was renamed while this run stood at it. "
            f"Start the task again."
        )

    @property
    def most_visits(self) -> int:
        """No run of this blueprint can make more visits, the engine's own `exhausted` ones included."""
        bounded = sum(node.at_most or 0 for node in self.edges)
        return (bounded + 1) * len(self.edges)

    def _check_names(self) -> None:
        names = [node.name for node in self.edges]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BlueprintError(f"{self.name}: two nodes are called {_listed(twice)}")
        if self.name in WORDS:
            raise BlueprintError(
                f"{self.name} is what `/minion {self.name}` asks of a run: give the blueprint another name"
            )
        if self.checks is not None and self.checks not in self.edges:
            raise BlueprintError(f"{self.name}: {self.checks.name}, which sees to checks, is not in the table")
        if self.start not in self.edges:
            raise BlueprintError(f"{self.name}: the start, {self.start.name}, is not in the table")
        for node in self.edges:
            if node.at_most is not None and node.at_most < 1:
                raise BlueprintError(f"{self.name}: {node.name} may be visited {node.at_most} times; give at least 1")

    def _check_version(self) -> None:
        if self.goes_on_from is not None and not 1 <= self.goes_on_from <= self.version:
            raise BlueprintError(
                f"{self.name}: of version {self.version}, it cannot go on from version {self.goes_on_from}"
            )

    def _check_words(self) -> None:
        for node, edge in self.edges.items():
            words = node.outcomes
            if words == {EXHAUSTED}:
                raise BlueprintError(f"{self.name}: {node.name} has `at_most`, so it must answer with a word")
            drawn = frozenset(edge) if isinstance(edge, Mapping) else frozenset[str]()
            if missing := words - drawn:
                raise BlueprintError(f"{self.name}: {node.name} may answer {_listed(missing)}, which leads nowhere")
            if extra := drawn - words:
                raise BlueprintError(f"{self.name}: {node.name} never answers {_listed(extra)}")

    def _check_reach(self) -> None:
        ways: dict[Node[T], list[Node[T]]] = {node: [] for node in self.edges}
        for node, word, target in self.arrows():
            if isinstance(target, Node):
                if target not in self.edges:
                    by = f" by {word!r}" if word else ""
                    raise BlueprintError(
                        f"{self.name}: {node.name} leads{by} to {target.name}, which is not in the table"
                    )
                ways[node].append(target)
        reached, ahead = {self.start}, [self.start]
        while ahead:
            for target in ways[ahead.pop()]:
                if target not in reached:
                    reached.add(target)
                    ahead.append(target)
        if lost := [node.name for node in self.edges if node not in reached]:
            raise BlueprintError(f"{self.name}: nothing leads to {_listed(lost)}")

    def _check_bounds(self) -> None:
        """When every bounded node has been used up and only answers `exhausted`, what is left must have no loop."""
        left: dict[Node[T], set[Node[T]]] = {node: set() for node in self.edges}
        for node, word, target in self.arrows():
            if isinstance(target, Node) and (node.at_most is None or word == EXHAUSTED):
                left[node].add(target)
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            circle = " → ".join(node.name for node in reversed(error.args[1]))
            raise BlueprintError(f"{self.name}: {circle} may go round for ever; give one of them `at_most`") from None


def _listed(words: Any) -> str:
    return ", ".join(repr(word) for word in sorted(words))
