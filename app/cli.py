"""The command line. Each command imports what it needs when it is called, so that `--help` answers at once."""

import logging
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.core.errors import MinionsError
from app.memory import loading
from app.settings import Settings, load
from app.settings import table as settings_table

if TYPE_CHECKING:
    from app.processes import Start

cli = typer.Typer(
    name="minions",
    help="Label a GitHub issue, get a pull request. "
    "Start with `minions demo`; `minions doctor` says what an installation needs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


tokens = typer.Typer(
    name="token", help="Tokens of the HTTP API.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
cli.add_typer(tokens)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        print(f"minions {metadata.version('minions')}")
        raise typer.Exit


@cli.callback()
def _options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and leave.")
    ] = False,
) -> None:
    """What stands before the command. The program's help is its own, above."""


@cli.command()
def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, until Ctrl-C.")] = False,
    model: Annotated[
        str,
        typer.Option(
            help="Work with a real model in litellm's form, such as anthropic/claude-opus-4-8, instead of the script; "
            "the key is read from MINIONS_MODEL_API_KEY or the provider's own variable."
        ),
    ] = "",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the loopback GitHub; any free one by default.")
    ] = 0,
) -> None:
    """Watch a labelled issue become a pull request. Here and now, without an account or a key."""
    from app.demo.show import show

    sys.exit(show(keep=keep, model=model, port=port))


@cli.command()
def serve(
    context: typer.Context,
    *,
    work: Annotated[bool, typer.Option(help="Work on runs, too. With --no-work other machines do.")] = True,
) -> None:
    """Run the web server and a worker. A PostgreSQL comes along, unless MINIONS_DATABASE_URL names yours."""
    from app.processes import serve as serve_processes
    from app.processes import started

    settings = _settings()
    serve_processes(settings, work=work, start=context.obj or started)


@cli.command()
def work() -> None:
    """Run one more worker, here or on another machine. It needs MINIONS_DATABASE_URL."""
    with loading():
        from app.worker import work as work_on

    work_on(_settings())


@cli.command(hidden=True)
def web() -> None:
    """Run the web server alone; `minions serve` starts it."""
    with loading():
        from app.server import web as serve_web

    serve_web(_settings())


@cli.command()
def run(
    *,
    repo: Annotated[
        Path | None, typer.Option(help="A git repository on this machine, with --task.", exists=True, file_okay=False)
    ] = None,
    task: Annotated[str, typer.Option(help="What to do; the first line is the title. `-` reads standard input.")] = "",
    issue: Annotated[
        str, typer.Option(help="With --dry-run: OWNER/NAME#NUMBER on GitHub instead, open or closed.")
    ] = "",
    blueprint: Annotated[str, typer.Option(help="Which blueprint; `minions draw` lists them.")] = "fix",
    model: Annotated[str, typer.Option(help="Instead of MINIONS_MODEL.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Work, report and show the change, and leave nothing behind.")
    ] = False,
) -> None:
    """Run a blueprint on a local repository, without GitHub. It leaves a branch and a report; your checkout stays.

    Such as: minions run --repo . --task "Mend the link to the guide" --dry-run
    """
    from app.core.errors import SettingsError
    from app.local import run_locally
    from app.tryout import try_here, try_issue

    if bool(repo) == bool(issue) or (issue and not dry_run) or (issue and task):
        raise SettingsError("Say --repo with --task, or --dry-run with --issue.")
    text = sys.stdin.read() if task == "-" else task
    settings = _settings(quiet=True)
    if model:
        settings = settings.with_model(model)
    if repo is None:
        sys.exit(try_issue(settings, issue, blueprint))
    sys.exit((try_here if dry_run else run_locally)(settings, repo.resolve(), text, blueprint))


@cli.command(name="eval", short_help="Have models do tasks of ours that have hidden tests.")
def evaluate(
    *,
    task: Annotated[list[str] | None, typer.Option(help="Only this task; may be said again.")] = None,
    blueprint: Annotated[str, typer.Option(help="Whose tasks; `minions draw` lists blueprints.")] = "fix",
    model: Annotated[list[str] | None, typer.Option(help="Instead of MINIONS_MODEL; said again, all of them.")] = None,
    sdist: Annotated[
        list[str] | None,
        typer.Option(
            help="Make tasks of a package's release, such as inflection==0.5.1, by mistakes put into its code; its own "
            "tests are the hidden ones. `NAME==VERSION#sha256=HEX` pins the archive."
        ),
    ] = None,
    mutants: Annotated[int, typer.Option(min=1, max=1000, help="How many tasks of each release.")] = 5,
    seed: Annotated[int, typer.Option(help="Another number, other mistakes; the same, the same.")] = 1,
    output: Annotated[Path | None, typer.Option("--json", help="Write everything to this file, too.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Tasks at the same time.")] = 2,
    only_list: Annotated[bool, typer.Option("--list", help="List the tasks and leave.")] = False,
    only_recall: Annotated[
        bool,
        typer.Option(
            "--recall",
            help="Have no model work: show for the tasks of all blueprints whether a minion is told first of the files "
            "that have to be changed, by words alone and with MINIONS_EMBEDDING_MODEL.",
        ),
    ] = False,
) -> None:
    """Have a model do tasks of which it does not see all tests, with everything as on a server but GitHub."""
    from app.evaluation.evaluation import Plan, listed
    from app.evaluation.evaluation import evaluate as evaluate_models
    from app.evaluation.sdists import Release

    if only_list:
        print(listed(blueprint, load().blueprints_folder))
        return
    if only_recall:
        from app.evaluation.recall import recall

        sys.exit(recall(_settings(quiet=True), tuple(task or ()), output))
    plan = Plan(
        blueprint=blueprint,
        tasks=tuple(task or ()),
        releases=tuple(Release.parse(text) for text in sdist or ()),
        mutants=mutants,
        seed=seed,
        models=tuple(model or ()),
        jobs=jobs,
    )
    sys.exit(evaluate_models(_settings(quiet=True), plan, output))


@cli.command(short_help="Have models do again what was merged in a repository.")
def backtest(
    repository: Annotated[str, typer.Argument(help="OWNER/NAME on GitHub; the App is installed on it.")] = "",
    *,
    candidate: Annotated[
        list[str] | None,
        typer.Option(help="A model: a name of MINIONS_MODELS_FILE, or litellm's form; said again for each."),
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=200, help="How many merged pull requests, the newest.")] = 10,
    repo: Annotated[
        Path | None, typer.Option(help="A clone on this machine instead, with --pairs.", exists=True, file_okay=False)
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(help="YAML or JSON: a list of `name`, `title`, `body`, `merged` and `base`.", dir_okay=False),
    ] = None,
    blueprint: Annotated[str, typer.Option(help="Which blueprint; `minions draw` lists them.")] = "fix",
    budget: Annotated[float, typer.Option(help="US dollars for all of it; no call of a model goes beyond.")] = 20.0,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Trials at the same time.")] = 2,
    output: Annotated[
        Path, typer.Option("--json", help="Where everything is written; the same command goes on from it.")
    ] = Path("backtest.json"),
) -> None:
    """Have models do again what was merged here, judged by the tests that were merged, and rank them.

    Such as: minions backtest acme/slugs --candidate openai/gpt-5 --candidate anthropic/claude-opus-4-8
    """
    from app.backtest.backtest import Plan
    from app.backtest.backtest import backtest as try_candidates

    plan = Plan(
        candidates=tuple(candidate or ()),
        repository=repository,
        clone=repo,
        pairs=pairs,
        last=last,
        blueprint=blueprint,
        budget_usd=budget,
        jobs=jobs,
        output=output,
    )
    sys.exit(try_candidates(_settings(quiet=True), plan))


@cli.command()
def doctor(
    *,
    ask_model: Annotated[
        bool, typer.Option("--ask-model", help="Ask the model one short question; it costs a few tokens.")
    ] = False,
) -> None:
    """Check all that an installation needs. What is missing is told with what to do about it."""
    from app.doctor import examine

    sys.exit(examine(_settings(quiet=True), ask_model=ask_model))


@cli.command()
def verify(
    statement: Annotated[
        str, typer.Argument(help="A file with a statement, the key of a run of this installation, or a run's address.")
    ],
    *,
    key: Annotated[
        Path | None, typer.Option(help="File with the public key, or keys, that you trust; else this installation's.")
    ] = None,
    repository: Annotated[
        Path | None, typer.Option(help="A clone that has the commit: it is compared with what the statement says.")
    ] = None,
    commit: Annotated[
        str, typer.Option(help="The commit, or the branch of that clone, that it has to be about, and no other.")
    ] = "",
) -> None:
    """Check the signed statement about what a run published. Exit code 1 if it does not hold."""
    from app.verify import verify as check

    sys.exit(check(_settings(quiet=True), statement, key=key, repository=repository, commit=commit))


@cli.command()
def replay(
    run: Annotated[str, typer.Argument(help="The key of a run of this installation: the end of its page's address.")],
    *,
    repo: Annotated[
        Path, typer.Option(help="A clone of its repository; it stays as it is.", exists=True, file_okay=False)
    ],
) -> None:
    """Replay a run that ended from its record, without a model. Exit code 1 if it goes another way than then."""
    from app.replay import replay as play

    sys.exit(play(_settings(quiet=True), run, repo))


@cli.command(short_help="Fetch a repository and set it up ahead of its next run.")
def warm(repository: Annotated[str, typer.Argument(help="OWNER/NAME on GitHub; the App is installed on it.")]) -> None:
    """Fetch a repository and set it up ahead, so that its next run need not wait. Runs on this machine share it."""
    from app.warm import warm as warm_up

    sys.exit(warm_up(_settings(quiet=True), repository))


@cli.command(short_help="Draw a blueprint as Mermaid, or list all of them.")
def draw(
    blueprint: Annotated[str, typer.Argument(help="Name of a blueprint; all are listed without one.")] = "",
) -> None:
    """Draw a blueprint as Mermaid, or list the blueprints there are."""
    from app.core.drawing import mermaid
    from app.local import check_blueprint
    from app.registry import load as load_blueprints

    blueprints = load_blueprints(load().blueprints_folder)
    if not blueprint:
        for one in blueprints.values():
            print(f"{one.name:12} {one.summary}")
        return
    check_blueprint(blueprint, blueprints)
    print(mermaid(blueprints[blueprint]))


@cli.command(short_help="Write a blueprint that works, to be made into yours.")
def new_blueprint(
    name: Annotated[str, typer.Argument(help="How it is asked for: /minion NAME.")],
    *,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where its folder is made; MINIONS_BLUEPRINTS_FOLDER by default.", file_okay=False),
    ] = None,
) -> None:
    """Write a blueprint that works, with its test, to be made into one of your own."""
    from app.core.errors import SettingsError
    from app.new_blueprint.new_blueprint import write

    place = folder or load().blueprints_folder
    if place is None:
        raise SettingsError("Say where: --folder, or MINIONS_BLUEPRINTS_FOLDER.")
    for path in write(name, place):
        print(path)
    print(f"Try it: pytest {place / name}   Use it: MINIONS_BLUEPRINTS_FOLDER={place.resolve()}")


@cli.command(short_help="Ask a server for work over its HTTP API.")
def ask(
    repository: Annotated[str, typer.Argument(help="OWNER/NAME on GitHub; the App is installed on it.")],
    title: Annotated[str, typer.Argument(help="Title of the issue that is opened.")],
    *,
    body: Annotated[str, typer.Option(help="Its text. `-` reads standard input.")] = "",
    blueprint: Annotated[str, typer.Option(help="Which blueprint.")] = "fix",
    server: Annotated[str, typer.Option(envvar="MINIONS_PUBLIC_URL", help="Address of the server.")] = "",
    token: Annotated[
        str,
        typer.Option(
            envvar="MINIONS_TOKEN",
            show_default=False,
            help="Made by `minions token create`; best given by its variable.",
        ),
    ] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
) -> None:
    """Ask a server for work over its HTTP API: it opens an issue, and a pull request comes back.

    Such as: minions ask acme/slugs "Keep accented letters" --server https://minions.example.com --wait
    """
    from app.ask import ask as ask_server

    text = sys.stdin.read() if body == "-" else body
    wish = {"repository": repository, "title": title, "body": text, "blueprint": blueprint}
    sys.exit(ask_server(server.rstrip("/") or _settings(quiet=True).page_url, token, wish, wait=wait))


@tokens.command("create")
def create_token(
    *,
    name: Annotated[str, typer.Option(help="By which you know it, such as ci.")],
    login: Annotated[str, typer.Option(help="GitHub account that it asks as: it must be allowed to write.")],
    repositories: Annotated[list[str], typer.Option(help="OWNER/NAME, or acme/*; may be said again.")],
) -> None:
    """Make a token, and show it this once.

    Such as: minions token create --name ci --login ann --repositories 'acme/*'
    """
    from app.tokens import create

    print(create(_settings(quiet=True), name, login, repositories))


@tokens.command("list")
def list_tokens() -> None:
    """List all tokens, with when they were used last."""
    from app.tokens import listed

    print(listed(_settings(quiet=True)))


@tokens.command("revoke")
def revoke_token(name: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """Make a token useless, at once. What was asked for with it goes on."""
    from app.tokens import revoke

    revoke(_settings(quiet=True), name)
    print(f"The token {name} is of no use any more.")


@cli.command(short_help="Write all that is missed when it is lost to one file.")
def backup(
    to: Annotated[str, typer.Argument(metavar="file", help="A file that is not there yet; `-` is standard output.")],
) -> None:
    """Write all of this installation that is missed when it is lost to one file, also while it works."""
    from app.backup import back_up

    print(back_up(_settings(quiet=True), to), file=sys.stderr)


@cli.command(short_help="Make an installation of a backup.")
def restore(
    source: Annotated[str, typer.Argument(metavar="file", help="What `minions backup` wrote; `-` is standard input.")],
) -> None:
    """Make an installation of a backup, in an empty database and data folder. Exit code 2 if there is one."""
    from app.backup import restore as restore_backup

    print(restore_backup(_settings(quiet=True), source))


@cli.command()
def schema() -> None:
    """Print the JSON Schema of `.github/minion.yml`, for editors."""
    import json

    from app.core.repo_schema import schema as made

    print(json.dumps(made(), indent=2))


@cli.command()
def settings() -> None:
    """List every setting with its default."""
    print(settings_table())


def _settings(*, quiet: bool = False) -> Settings:
    from app.credentials import completed

    settings = completed(load())
    level = "WARNING" if quiet else settings.log_level
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # These log requests and jobs whole, tokens included, one level below what is useful here.
    names = ("github.Requester", "urllib3", "httpx", "httpcore", "procrastinate", "LiteLLM", "mcp", "httpx2")
    for name in (*names, "alembic.runtime.plugins"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return settings


def main(start: "Start | None" = None) -> None:
    """Entry point. A fault that has a sentence is told by it alone; exit code 2.

    `start` is how `serve` starts the commands that it consists of: each by a Python of its own, unless told otherwise.
    """
    try:
        cli(obj=start)
    except MinionsError as error:
        print(f"minions: {error}", file=sys.stderr)
        if error.detail:
            print(error.detail, file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        from app.home import trouble

        if not (told := trouble(error)):
            raise
        print(f"minions: {told}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
