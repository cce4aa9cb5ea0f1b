from __future__ import annotations

import pyarrow as pa

from connectors.held_rows import ArrowRows, csv_rows, lines
from connectors.postgres.refused_rows import unescaped
from connectors.postgres.row_cutting import cut

HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8


def field(value: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4, "big") + value


def row(*values: bytes | None) -> bytes:
    return len(values).to_bytes(2, "big") + b"".join(map(field, values))


def test_binary_copy_is_cut_at_its_rows_whatever_their_values_hold() -> None:
    rows = [row(b"\xff\xff", None), row(b"", b"\x00\x02"), row(None, b"\xff\xff\xff\xff")]
    held = cut(HEADER + b"".join(rows) + b"\xff\xff", "binary")
    assert held.count == 3
    assert b"".join(held.parts([(0, 1), (2, 3)])) == HEADER + rows[0] + rows[2] + b"\xff\xff"
    assert b"".join(held.parts([])) == HEADER + b"\xff\xff"


def test_an_extended_header_of_binary_copy_is_kept() -> None:
    header = HEADER[:-4] + (3).to_bytes(4, "big") + b"abc"
    held = cut(header + row(b"1") + b"\xff\xff", "binary")
    assert (held.count, b"".join(held.parts([(0, 1)]))) == (1, header + row(b"1") + b"\xff\xff")


def test_csv_is_cut_at_line_ends_outside_of_quotes_only() -> None:
    rows = [b'1,"a\nb"\n', b'2,"say ""\n"""\n', b"3,NULL\n", *[b'4,"x"\n'] * 300]
    held = csv_rows(b"".join(rows))
    assert [b"".join(held.parts([(at, at + 1)])) for at in range(held.count)] == rows


def test_copy_text_is_cut_at_its_lines() -> None:
    held = lines(b"1\ta\\nb\n2\t\\N\n")
    assert b"".join(held.parts([(1, 2)])) == b"2\t\\N\n"


def test_the_rows_between_refused_ones_are_given() -> None:
    held = ArrowRows(pa.table({"n": list(range(6))}))
    spans = held.without([0, 3, 5])
    assert spans == [(1, 3), (4, 5)]
    assert [n for part in held.parts(spans) for n in part.column("n").to_pylist()] == [1, 2, 4]
    assert held.without([]) == [(0, 6)]


def test_escapes_of_copy_text_are_read() -> None:
    assert [unescaped(text) for text in ("\\N", "a\\tb", "\\\\N", "c:\\\\new\\n", "")] == [
        None,
        "a\tb",
        "\\N",
        "c:\\new\n",
        "",
    ]
