"""A backtest in a file: what is known so far, written after every trial, so that one that was stopped goes on."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from app.backtest.standing import COUNTED, Standing
from app.backtest.weighing import Weighed
from app.core.errors import SettingsError
from app.evaluation.trial import Trial


class Record(BaseModel, frozen=True, extra="forbid"):
    """All of it."""

    repository: str
    """`OWNER/NAME`, or a folder."""
    blueprint: str
    spent_usd: float = 0.0
    """Also for trials that are made anew."""
    pairs: tuple[Weighed, ...] = ()
    trials: tuple[Trial, ...] = ()
    standings: tuple[Standing, ...] = ()

    @classmethod
    def read(cls, file: Path, *, repository: str, blueprint: str) -> "Record":
        """What the file holds, without trials that came to no verdict; a new one if it is not there.

        Raises SettingsError if it holds something else.
        """
        fresh = cls(repository=repository, blueprint=blueprint)
        try:
            found = cls.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return fresh
        except (OSError, ValidationError):
            raise SettingsError(f"{file} is there and holds no backtest: name another file by --json.") from None
        if (found.repository, found.blueprint) != (repository, blueprint):
            raise SettingsError(
                f"{file} holds a backtest of {found.repository} with {found.blueprint}: name another file by --json."
            )
        return found.model_copy(update={"trials": tuple(one for one in found.trials if one.verdict in COUNTED)})

    def write(self, file: Path) -> None:
        """Replace the file in one step."""
        beside = file.with_name(f".{file.name}.new")
        beside.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        beside.replace(file)

    def after(self, trial: Trial) -> "Record":
        """With one trial more."""
        return self.model_copy(
            update={"trials": (*self.trials, trial), "spent_usd": round(self.spent_usd + trial.usd, 6)}
        )

    def spending(self, usd: float) -> "Record":
        """With so much spent in all, in US dollars."""
        return self.model_copy(update={"spent_usd": round(usd, 6)})

    def ending(self, standings: Sequence[Standing]) -> "Record":
        """With how candidates stand."""
        return self.model_copy(update={"standings": tuple(standings)})
