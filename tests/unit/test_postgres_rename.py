"""Renaming of columns in expressions, on text as PostgreSQL deparses it."""

from __future__ import annotations

import pytest

from connectors.postgres.rename import mentioned_columns, rename_columns, rename_sequences
from core.schema import TableName


@pytest.mark.parametrize(
    ("expression", "renames", "expected"),
    [
        ("PRIMARY KEY (id, at, region)", {"at": "MOMENT"}, 'PRIMARY KEY (id, "MOMENT", region)'),
        ('UNIQUE ("Order", b) INCLUDE (c)', {"Order": "o", "c": "d"}, 'UNIQUE ("o", b) INCLUDE ("d")'),
        ("CHECK ((a > (0)::numeric))", {"a": "numeric", "numeric": "b"}, 'CHECK (("numeric" > (0)::numeric))'),
        ("lower((name)::text)", {"lower": "x", "name": "n", "text": "t"}, 'lower(("n")::text)'),
        ("('name'::text <> name)", {"name": "n"}, "('name'::text <> \"n\")"),
        ("('it''s name' = name)", {"name": "n"}, "('it''s name' = \"n\")"),
        (r"(name ~ E'a\\name\'name')", {"name": "n"}, r"""("n" ~ E'a\\name\'name')"""),
        (r"('\' = name)", {"name": "n"}, r"""('\' = "n")"""),
        ("($$name$$ = name)", {"name": "n"}, '($$name$$ = "n")'),
        ('("a""b" IS NULL)', {'a"b': 'c"d'}, '("c""d" IS NULL)'),
        ("(at AT TIME ZONE 'UTC'::text)", {"at": "b", "AT": "x"}, "(\"b\" AT TIME ZONE 'UTC'::text)"),
        ("EXTRACT(year FROM year)", {"year": "y"}, 'EXTRACT(year FROM "y")'),
        ("(EXTRACT(year FROM a) + year)", {"year": "y"}, '(EXTRACT(year FROM a) + "y")'),
        ("((home).city = city)", {"city": "c", "home": "h"}, '(("h").city = "c")'),
        ("shop.f(f, shop)", {"f": "g", "shop": "s"}, 'shop.f("g", "s")'),
        ("(zone)::timestamp(3) with time zone", {"zone": "z", "with": "w"}, '("z")::timestamp(3) with time zone'),
        ("((a)::interval day to second(2) + day)", {"day": "d"}, '((a)::interval day to second(2) + "d")'),
        ("((a)::double precision / precision)", {"precision": "p"}, '((a)::double precision / "p")'),
        ("(a)::shop.state[]", {"shop": "x", "state": "y", "a": "b"}, '("b")::shop.state[]'),
        ("(g)::public.geometry(point,4326)", {"point": "p", "g": "h"}, '("h")::public.geometry(point,4326)'),
        ("(a COLLATE \"C\" > 'x')", {"C": "c", "a": "b"}, '("b" COLLATE "C" > \'x\')'),
        ('(a COLLATE shop."C" > shop)', {"C": "c", "shop": "s"}, '(a COLLATE shop."C" > "s")'),
        ("(a OPERATOR(public.=) public)", {"public": "p"}, '(a OPERATOR(public.=) "p")'),
        ("make_interval(days => days)", {"days": "d"}, 'make_interval(days => "d")'),
        ('(true AND "true")', {"true": "t"}, '(true AND "t")'),
        (
            "USING btree (lower((name)::text) text_pattern_ops DESC NULLS LAST, text_pattern_ops) "
            "INCLUDE (amount) WITH (fillfactor='70') WHERE (fillfactor > 1)",
            {"text_pattern_ops": "t", "fillfactor": "f", "amount": "a", "btree": "x"},
            'USING btree (lower((name)::text) text_pattern_ops DESC NULLS LAST, "t") '
            'INCLUDE ("a") WITH (fillfactor=\'70\') WHERE ("f" > 1)',
        ),
        (
            "USING gist (body public.gist_trgm_ops)",
            {"public": "p", "body": "b"},
            'USING gist ("b" public.gist_trgm_ops)',
        ),
        (
            "EXCLUDE USING gist (span WITH &&, gist WITH =)",
            {"gist": "g"},
            'EXCLUDE USING gist (span WITH &&, "g" WITH =)',
        ),
        (
            "RANGE (date_trunc('day'::text, day), b)",
            {"day": "d", "b": "c"},
            'RANGE (date_trunc(\'day\'::text, "d"), "c")',
        ),
        ("ON DELETE SET NULL (b) DEFERRABLE", {"b": "c"}, 'ON DELETE SET NULL ("c") DEFERRABLE'),
        ("(a = ANY (ARRAY[b, c[1]]))", {"b": "x", "c": "y"}, '(a = ANY (ARRAY["x", "y"[1]]))'),
        (
            "CASE WHEN (a IS NULL) THEN b ELSE c END",
            {"b": "x", "c": "y"},
            'CASE WHEN (a IS NULL) THEN "x" ELSE "y" END',
        ),
        ('NOT NULL "order" NOT VALID', {"order": "no"}, 'NOT NULL "no" NOT VALID'),
    ],
)
def test_columns_are_renamed_and_nothing_else(expression: str, renames: dict[str, str], expected: str) -> None:
    assert rename_columns(expression, renames) == expected


def test_swapped_names_do_not_meet() -> None:
    assert rename_columns("(a > b)", {"a": "b", "b": "a"}) == '("b" > "a")'


def test_an_expression_without_renames_stays_byte_for_byte() -> None:
    text = 'USING btree (lower((name)::text) text_pattern_ops,  "Größe ""x""") WHERE (a = \'b\n\'::text)'
    assert rename_columns(text, {"name": "name"}) == text


def test_mentioned_columns_are_those_that_stand_for_columns() -> None:
    expression = "(lower((name)::text) = 'state'::text AND \"Order\" > EXTRACT(year FROM created))"
    assert mentioned_columns(expression) == {"name", "Order", "created"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("nextval('shop.a_seq'::regclass)", 'nextval(\'"new"."a_seq"\'::regclass)'),
        ('nextval(\'shop."A ""Seq"\'::regclass)', "nextval('\"new\".\"It''s\"'::regclass)"),
        ("nextval('shop.other'::regclass)", "nextval('shop.other'::regclass)"),
        ("'shop.a_seq'::text", "'shop.a_seq'::text"),
    ],
)
def test_sequences_are_renamed_in_regclass_literals(expression: str, expected: str) -> None:
    renames = {
        TableName(schema_name="shop", name="a_seq"): TableName(schema_name="new", name="a_seq"),
        TableName(schema_name="shop", name='A "Seq'): TableName(schema_name="new", name="It's"),
    }
    assert rename_sequences(expression, renames) == expected
