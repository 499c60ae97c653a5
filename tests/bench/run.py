"""`make bench`: print every row as a table, and write them to bench.json."""

import asyncio
import json
from pathlib import Path

from tests.bench import box, load, meaning, orientation, pages, parked, runs, start, turns, webhook, workspace


async def _rows() -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for part in (webhook, load, start, turns, box, workspace, orientation, meaning, runs, parked, pages):
        for row in await part.rows():
            print(_line(row), flush=True)  # noqa: T201 - it is what the command is for
            found.append(row)
    return found


def _line(row: dict[str, object]) -> str:
    mark = "met   " if row["met"] else "MISSED"
    figure = f"{row['value']} {row['unit']}"
    return f"{mark} {row['name']!s:44} {figure:>20}  goal {row['goal']!s:12} {row['ratio']} x {row['reference']}"


if __name__ == "__main__":
    Path("bench.json").write_text(
        json.dumps(asyncio.run(_rows()), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
