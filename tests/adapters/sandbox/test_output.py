import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.sandbox.output import HeadAndTail


@given(chunks=st.lists(st.binary(min_size=1, max_size=50)), limit=st.integers(4, 100))
def test_keeps_beginning_and_end_and_counts_the_rest(chunks: list[bytes], limit: int) -> None:
    output = HeadAndTail(limit)
    for chunk in chunks:
        output.add(chunk)
    everything = b"".join(chunks)
    head, tail, left_out = output.kept()
    assert everything.startswith(head)
    assert everything.endswith(tail)
    assert len(head) + left_out + len(tail) == len(everything)
    assert left_out == max(0, len(everything) - limit)


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_holds_little_more_than_its_limit_whatever_comes(size: int) -> None:
    output = HeadAndTail(1_000)
    for _ in range(200):
        output.add(b"x" * size)
        assert len(output._head) + sum(map(len, output._tail)) <= 1_000 + size
