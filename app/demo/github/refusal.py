"""What GitHub answers when it does not do what was asked."""

from collections.abc import Mapping, Sequence


class Refusal(Exception):
    """An answer of 4xx: `status`, `message` and, for 422, `errors` as GitHub words them."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Mapping[str, object] | str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)
        self.headers = dict(headers or {})


def not_found() -> Refusal:
    """It is not there, or the caller cannot see it: GitHub does not say which."""
    return Refusal(404, "Not Found")


def invalid(resource: str, field: str, code: str, message: str = "") -> Refusal:
    """422 with one entry in `errors`; `code` is GitHub's (missing, invalid, custom, already_exists, …)."""
    error = {"resource": resource, "field": field, "code": code}
    return Refusal(422, "Validation Failed", errors=[error | ({"message": message} if message else {})])
