"""What is said when an error ended a run."""

from app.core.neutral import code


def broke(node: str) -> str:
    """An error that nobody foresaw."""
    return (
        f"Something in Minions itself broke at {code(node)}. That is a fault of the program and not of your issue; "
        f"the operator's log has the details. Asking again is safe."
    )


def tried_in_vain(sentence: str, tries: int) -> str:
    """Trouble that might have passed did not."""
    return f"{sentence} This was tried {tries} times over an hour or so. Ask again when it works."


def went_round(name: str, most: int) -> str:
    """A run made more visits than its blueprint allows; the check at start-up should make this impossible."""
    return (
        f"The blueprint {code(name)} was walked for more than {most} nodes; that is a fault in it. Tell the operator."
    )


def blueprint_changed(name: str) -> str:
    """A deploy came between, and the run cannot go on with the new table."""
    return f"The blueprint {code(name)} was changed or removed while this run was under way. Ask again."


def newer_blueprint(name: str) -> str:
    """A deploy is under way: who asked was heard by a newer program than the one that was to go on."""
    return f"The blueprint {code(name)} is of a newer Minions than this worker, so another one has to go on."


def stopped_by(login: str) -> str:
    """A person ended the run."""
    return f"{code(login)} stopped it. To have it done anew, add the label again or comment the command again."


def pull_closed(number: int) -> str:
    """Somebody closed the pull request of a run that was not through with it."""
    return f"#{number} was closed, so the work on it stopped."


def gone() -> str:
    """Nobody said it, but there is nothing left to work on."""
    return "Its issue, its branch or its pull request is not there any more, so it stopped."
