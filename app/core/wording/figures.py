"""Numbers as people read them, and tables."""

from collections.abc import Iterable, Sequence


def duration(seconds: float) -> str:
    """As "0.4 s", "12 s", "3 min 05 s", "2 h 07 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def dollars(usd: float) -> str:
    """As "$0.07"; what is less than half a cent and not nothing is "< $0.01"."""
    return "< $0.01" if 0 < usd < 0.005 else f"${usd:,.2f}"


def counted(number: int, one: str, many: str = "") -> str:
    """As "1 file", "2 files"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; a head that ends in `:` has its column aligned to the right."""
    lines = [
        "| " + " | ".join(head.rstrip(":") for head in heads) + " |",
        "| " + " | ".join("---:" if head.endswith(":") else "---" for head in heads) + " |",
    ]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
