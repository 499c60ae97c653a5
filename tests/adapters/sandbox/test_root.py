"""What stands in the root of every box is made once, whoever comes first."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.adapters.sandbox.root import ETC, Root


def test_runs_that_start_at_the_same_moment_do_not_disturb_each_other(tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / str(number)
        with ThreadPoolExecutor(8) as threads:
            for done in [threads.submit(Root(folder).prepare) for _ in range(8)]:
                done.result()
        assert all((folder / "etc" / name).read_text() == text for name, text in ETC.items())
        assert not [path for path in folder.rglob("*") if path.name.startswith(".")]
