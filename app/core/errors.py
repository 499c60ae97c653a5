"""Everything that can go wrong on purpose.

    MinionsError
    ├── BlueprintError        a blueprint is drawn wrong (at start-up, never in the middle of a run)
    ├── SettingsError         an installation is configured wrong
    ├── RepositoryError       the repository asks for something that cannot be done
    │   └── ConfigError       its .github/minion.yml cannot be used
    ├── SandboxError          the box cannot be built or was lost
    ├── ModelError            the model cannot answer
    │   ├── ModelUnavailable  now, but perhaps later
    │   ├── ModelDenied       to us: the key, the name or the account; another model may
    │   ├── ContextTooLong    not with this much to read
    │   └── HistoryRefused    not with the conversation in this form
    ├── BudgetSpent           the next model call cannot be paid
    └── ForgeError            GitHub did not do it
        ├── NotFound          it is not there, or not visible to this installation
        ├── Denied            the installation may not do that
        │   └── Locked        nobody may say anything there
        ├── Suspended         the installation was suspended
        ├── Conflict          the world moved on: a branch exists, a head is not what we pushed
        ├── RateLimited       not now; `retry_after_s` says when
        └── Unavailable       no answer or a broken one: the outcome is unknown, look before trying again

`str(error)` is the sentence for people who use Minions and never holds a secret. `detail` is for the operator's log.
"""


class MinionsError(Exception):
    """Base of every error that this program raises on purpose."""

    def __init__(self, sentence: str, *, detail: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail


class BlueprintError(MinionsError):
    """A blueprint is drawn wrong."""


class SettingsError(MinionsError):
    """A setting is missing or cannot be used."""


class RepositoryError(MinionsError):
    """The repository asks for something that cannot be done."""


class ConfigError(RepositoryError):
    """`.github/minion.yml` cannot be used."""


class SandboxError(MinionsError):
    """The box cannot be built, or it was lost."""


class ModelError(MinionsError):
    """The model cannot answer, and asking again will not help."""


class ModelUnavailable(ModelError):
    """The model cannot answer now; asking again later may help."""


class ModelDenied(ModelError):
    """The model does not answer us: the key, the name or the account is wrong. Another one may."""


class HistoryRefused(ModelError):
    """The provider cannot read the conversation in this form."""


class ContextTooLong(ModelError):
    """The conversation is longer than the model can read."""


class BudgetSpent(MinionsError):
    """The next model call cannot be paid."""


class ForgeError(MinionsError):
    """GitHub did not do it."""


class NotFound(ForgeError):
    """It is not there, or this installation cannot see it."""


class Denied(ForgeError):
    """The installation may not do that. `detail` names the missing permission where GitHub told it."""


class Locked(Denied):
    """The conversation is locked: nobody may comment or react there."""


class Suspended(ForgeError):
    """The installation was suspended by its owner."""


class Conflict(ForgeError):
    """The world moved on: a branch exists already, or its head is not what we pushed."""


class RateLimited(ForgeError):
    """GitHub asks to slow down."""

    def __init__(self, sentence: str, *, retry_after_s: float, detail: str = "") -> None:
        super().__init__(sentence, detail=detail)
        self.retry_after_s = retry_after_s


class Unavailable(ForgeError):
    """No answer, or a broken one. Whether the call had its effect is unknown."""
