-- A stand-in for the extension orafce, in SQL: only names and Oracle's documented behaviour are shared with it.
CREATE SCHEMA IF NOT EXISTS oracle;
CREATE SCHEMA IF NOT EXISTS dbms_flashback;
CREATE SCHEMA IF NOT EXISTS dbms_output;
CREATE SCHEMA IF NOT EXISTS dbms_random;
CREATE SCHEMA IF NOT EXISTS dbms_utility;

CREATE TABLE oracle.dual (dummy varchar(1) NOT NULL);
INSERT INTO oracle.dual VALUES ('X');
CREATE DOMAIN oracle.date AS timestamp(0);

CREATE FUNCTION oracle.to_date(text, text) RETURNS oracle.date LANGUAGE sql STABLE STRICT AS
$$ SELECT pg_catalog.to_timestamp($1, $2)::timestamp(0) $$;
CREATE FUNCTION oracle.sys_extract_utc(timestamptz) RETURNS timestamp LANGUAGE sql STABLE STRICT AS
$$ SELECT $1 AT TIME ZONE 'UTC' $$;
CREATE FUNCTION oracle.dbtimezone() RETURNS text LANGUAGE sql STABLE AS $$ SELECT '+00:00'::text $$;
CREATE FUNCTION oracle.sessiontimezone() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('TimeZone') $$;

-- No zero before the point; TM9 is fixed up to 64 characters, then takes an exponent.
CREATE FUNCTION oracle.fixed(numeric) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT CASE WHEN $1 = 0 THEN '0' ELSE regexp_replace(trim_scale($1)::text, '^(-?)0\.', '\1.') END $$;
CREATE FUNCTION oracle.scientific(numeric) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT CASE WHEN $1 < 0 THEN '-' ELSE '' END
    || regexp_replace(left(d, 1) || '.' || substr(d, 2), '\.?0*$', '') || 'E' || CASE WHEN e < 0 THEN '-' ELSE '+' END || CASE WHEN abs(e) < 10 THEN '0' ELSE '' END || abs(e)::text
   FROM (SELECT ltrim(translate(trim_scale(abs($1))::text, '.', ''), '0') AS d,
                CASE WHEN abs($1) >= 1 THEN length(trunc(abs($1))::text) - 1
                     ELSE -1 - (length(split_part(trim_scale(abs($1))::text, '.', 2)) - length(ltrim(split_part(trim_scale(abs($1))::text, '.', 2), '0'))) END AS e) AS x $$;
CREATE FUNCTION oracle.to_char(numeric) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT oracle.fixed($1) $$;
CREATE FUNCTION oracle.to_char(numeric, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT CASE WHEN $2 <> 'TM9' THEN pg_catalog.to_char($1, $2)
               WHEN length(oracle.fixed($1)) > 64 THEN oracle.scientific($1) ELSE oracle.fixed($1) END $$;
CREATE FUNCTION oracle.to_char(bigint, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT oracle.to_char($1::numeric, $2) $$;
CREATE FUNCTION oracle.to_char(integer, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT oracle.to_char($1::numeric, $2) $$;
CREATE FUNCTION oracle.to_char(bigint) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::text $$;
CREATE FUNCTION oracle.to_char(integer) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::text $$;
CREATE FUNCTION oracle.to_char(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 $$;
CREATE FUNCTION oracle.to_number(text) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT trim($1)::numeric $$;
CREATE FUNCTION oracle.to_number(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 $$;

CREATE FUNCTION oracle.substr(text, integer, integer) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT nullif(pg_catalog.substr($1, greatest($2, 1), $3), '') $$;
CREATE FUNCTION oracle.substr(text, integer) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT nullif(pg_catalog.substr($1, greatest($2, 1)), '') $$;
CREATE FUNCTION oracle.nvl2(anyelement, anycompatible, anycompatible) RETURNS anycompatible LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN $1 IS NOT NULL THEN $2 ELSE $3 END $$;
CREATE FUNCTION dbms_flashback.get_system_change_number() RETURNS numeric LANGUAGE sql VOLATILE AS
$$ SELECT 1000000 + (pg_snapshot_xmax(pg_current_snapshot())::text)::numeric $$;

-- The Mirror's own functions are made over these.
CREATE FUNCTION dbms_output.put(text) RETURNS void LANGUAGE sql AS $$ SELECT NULL::void $$;
CREATE FUNCTION dbms_output.put_line(text) RETURNS void LANGUAGE sql AS $$ SELECT NULL::void $$;
CREATE FUNCTION oracle.trunc(timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT date_trunc('day', $1) $$;
CREATE FUNCTION oracle.trunc(timestamp, text) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT date_trunc('day', $1) $$;
CREATE FUNCTION oracle.round(timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT date_trunc('day', $1 + interval '12 hours') $$;
CREATE FUNCTION oracle.round(timestamp, text) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT oracle.round($1) $$;
CREATE FUNCTION oracle.add_months(pg_catalog.date, integer) RETURNS pg_catalog.date LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT ($1 + make_interval(months => $2))::pg_catalog.date $$;
CREATE FUNCTION oracle.next_day(pg_catalog.date, text) RETURNS pg_catalog.date LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT $1 + 7 $$;
CREATE FUNCTION oracle.next_day(pg_catalog.date, integer) RETURNS pg_catalog.date LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT $1 + 7 $$;
CREATE FUNCTION oracle.last_day(pg_catalog.date) RETURNS pg_catalog.date LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT (date_trunc('month', $1) + interval '1 month - 1 day')::pg_catalog.date $$;

GRANT USAGE ON SCHEMA oracle, dbms_flashback TO PUBLIC;
GRANT SELECT ON oracle.dual TO PUBLIC;
