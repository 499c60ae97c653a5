"""Commands that run tests, linters and type checkers, and whether one does less than another."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_TOOL: Final = re.compile(
    r"(?<![\w./-])(?:[\w.$(){}/-]*/)?(?P<tool>pytest|py\.test|unittest|nox|tox|ruff|flake8|mypy|pyright|basedpyright|pylint"
    r"|bandit|eslint|tsc|vitest|jest|mocha|ava|playwright|cypress|golangci-lint|staticcheck|rspec|rubocop|ctest|shellcheck"
    r"|pre-commit|hadolint|go (?:test|vet)|cargo (?:test|clippy|nextest|deny|audit)|(?:p?npm|yarn|bun) (?:test|audit)"
    r"|diff-cover|coverage report|phpunit|phpstan|mvn|gradlew?|import-linter|lint-imports|semgrep)(?![\w/.-])"
)
LESS: Final = re.compile(
    r"--deselect|--ignore(?:-glob)?\b|(?:^|\s)-k[\s=]|(?:^|\s)-m[\s=]*['\"]?not\b|-p[\s=]*no:|--no-cov\b|--passWithNoTests"
    r"|\|\|\s*(?:true|:)|--testPathIgnorePatterns|--exit-zero|--no-strict|--maxfail=0|\bexit 0\b|--skip\b"
    r"|--collect-only|--co\b|(?:^|\s)--(?:lf|last-failed|sw|stepwise)\b|-W[\s=]*['\"]?ignore|--continue-on-collection-errors"
    r"|(?:^|\s)-o[\s=]|--override-ini|--cap-lints|(?:^|\s)-A\s?\w|--testNamePattern|(?:^|\s)-t[\s=]"
    r"|(?:^|\s)(?:-g|--grep|--fgrep)[\s=]|--no-typecheck|--dry-run|--version\b|--help\b|(?:^|\s)-run[\s=]|(?:^|\s)-short\b"
    r"|--no-run\b|--if-present|--reruns\b|--retry\b|--retries\b"
)
"""Options with which a runner runs less, or says less of what failed."""
STRICT: Final = re.compile(
    r"--strict[\w-]*|--doctest-modules|-W[= ]?error\b|-Werror|--max-warnings[= ]0|--(?:cov-)?fail-under\b"
    r"|(?<=\s)-race\b|--all-targets|--all-features|--workspace\b|-D\s?warnings|--noEmit\b|--check\b|--error-unless-\w+|--exit-code\b"
)
"""Options with which it is stricter, and which are not to go."""
_UNDER: Final = re.compile(r"--(?:cov-)?fail-under[= ](\d+(?:\.\d+)?)")
_IDLE: Final = re.compile(
    r"(?:^|[\s;&|@])(?:echo|printf|true|:|#|test -n|which|command -v|type)\s|\|\||(?:^|=)\s*[@+]*-\s*$|;\s*true\b"
)
"""Before a command's name: it is named rather than run, or may fail."""
_ENDS: Final = re.compile(r"&&|\|\||;|\||(?<=\s)#")
_VALUED: Final = frozenset(
    ["-n", "--tb", "-c", "--config", "--cov", "--project", "-p", "--maxfail", "--cov-report", "--reporter"]
)


@dataclass(frozen=True)
class Command:
    """One command by which a tool looks at the code."""

    tool: str
    before: str
    words: tuple[str, ...]
    text: str

    @property
    def places(self) -> frozenset[str]:
        """What it is given to look at; nothing if that is everything."""
        found, previous = set[str](), ""
        for word in self.words:
            if not word.startswith(("-", "$", "{")) and previous not in _VALUED:
                found.add(word.rstrip("/"))
            previous = word
        return frozenset(found - {"run", "check", "."})


def commands(texts: Iterable[str]) -> Iterator[Command]:
    """Those of lines of a Makefile, a script, `tox.ini`, or of `session.run(…)`."""
    for text in texts:
        plain = _unlisted(text)
        for part in _ENDS.split(plain):
            if found := _TOOL.search(part):
                yield Command(found["tool"], part[: found.start()], _words(part[found.end() :]), text.strip())


def _unlisted(text: str) -> str:
    """`session.run("pytest", "-q")` and `["pytest", "-q"]` as a shell would have it."""
    found = re.search(r"(?:\brun\w*\(|\[)\s*(['\"][^()\[\]]*['\"])", text)
    return re.sub(r"['\"]\s*,\s*['\"]", " ", found[1]).strip("'\"") if found else text


def _words(rest: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(rest))
    except ValueError:
        return tuple(rest.split())


def less(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """A sentence for each tool that the lines of a file ran before, and now do not, or with less."""
    now = list(commands(after))
    for old in commands(before):
        if _IDLE.search(old.before) or any(each.text == old.text for each in now):
            continue
        same = [each for each in now if each.tool == old.tool]
        if not same:
            yield f"`{old.text[:80]}` is not run any more"
        elif all(_is_less(old, each) for each in same):
            yield f"`{old.text[:80]}` became `{same[0].text[:80]}`, which looks at less"


def _is_less(old: Command, new: Command) -> bool:
    was, now = " ".join(old.words), " ".join(new.words)
    if _IDLE.search(new.before) and not _IDLE.search(old.before):
        return True
    if set(LESS.findall(f" {now}")) - set(LESS.findall(f" {was}")) or set(STRICT.findall(was)) - set(
        STRICT.findall(now)
    ):
        return True
    if _under(now) < _under(was):
        return True
    return bool(new.places) and not old.places <= new.places if old.places else bool(new.places)


def _under(text: str) -> float:
    found = _UNDER.search(text)
    return float(found[1]) if found else 0.0


_STARTS: Final = re.compile(r"\s*(?:.*&&\s*|(?:(?:npx|cross-env|env|[A-Z_]+=\S*)\s+)+)?")
"""What may stand before a script that is still the same."""
_NAME: Final = re.compile(r"[\w-]+")


def goes_on(old: str, new: str) -> bool:
    """Whether a script is the old one, with options that take nothing away, or with commands before or behind it."""
    before, found, behind = new.partition(old)
    more = (before + behind).replace("&&", "")
    if not found or LESS.search(behind) or any(sign in more for sign in "|;&") or not _STARTS.fullmatch(before):
        return False
    own = behind.partition("&&")[0]
    previous = "" if not own or own[0].isspace() else None
    for word in own.split():
        is_value = previous and previous.startswith("--") and "=" not in previous and _NAME.fullmatch(word)
        if previous is None or not (word.startswith("--") or is_value):
            return False
        previous = word
    return True
