-- Dictionary views that the Mirror (seerdb 3.3.0) lacks, or has with fewer columns than Oracle. The schema public comes
-- before sys on a session's search path, so that a view here stands before the Mirror's of the same name.
CREATE TABLE IF NOT EXISTS public.wire_dictionary (x int);

CREATE OR REPLACE VIEW public."v$database" AS
SELECT *, 1000000 + (pg_snapshot_xmax(pg_current_snapshot())::text)::numeric AS current_scn FROM sys."v$database";

-- The backend keeps a client's identifier as the application's name, which other sessions see.
CREATE OR REPLACE VIEW public."gv$session" AS
SELECT 1::numeric AS inst_id, s.*, a.application_name AS client_identifier
FROM sys."v$session" AS s JOIN pg_stat_activity AS a ON a.pid = s.sid;

CREATE OR REPLACE VIEW public.all_users AS
SELECT u.*, (CASE WHEN u.username IN ('SYS', 'SYSTEM') THEN 'Y' ELSE 'N' END)::varchar(1) AS oracle_maintained
FROM sys.all_users AS u;

CREATE OR REPLACE VIEW public.all_mview_logs AS
SELECT NULL::varchar(128) AS log_owner, NULL::varchar(128) AS master, NULL::varchar(128) AS log_table WHERE false;

-- Statistics are there once the table was analysed.
CREATE OR REPLACE VIEW public.all_tables AS
SELECT t.*, 'N'::varchar(1) AS secondary, 'NO'::varchar(3) AS nested, NULL::varchar(12) AS iot_type,
       (CASE WHEN c.relpersistence = 't' THEN 'Y' ELSE 'N' END)::varchar(1) AS temporary,
       'NO'::varchar(3) AS partitioned,
       CASE WHEN s.last_analyze IS NOT NULL THEN c.reltuples::numeric END AS num_rows,
       CASE WHEN s.last_analyze IS NOT NULL AND c.reltuples > 0
            THEN ceil(pg_relation_size(c.oid) / c.reltuples)::numeric END AS avg_row_len
FROM sys.all_tables AS t
JOIN pg_namespace AS n ON sys.ora_owner(n.nspname::text) = t.owner
JOIN pg_class AS c ON c.relnamespace = n.oid AND sys.ora_name(c.relname::text) = t.table_name AND c.relkind IN ('r', 'p')
LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid;

CREATE OR REPLACE VIEW public.user_segments AS
SELECT sys.ora_name(c.relname::text)::varchar(128) AS segment_name, 'TABLE'::varchar(18) AS segment_type,
       greatest(pg_relation_size(c.oid), 65536)::numeric AS bytes
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = current_schema();

-- PostgreSQL keeps a negative scale in 11 bits.
CREATE OR REPLACE VIEW public.all_tab_cols AS
SELECT c.owner, c.table_name, c.column_name, c.data_type, c.data_type_owner, c.data_length, c.char_length, c.char_used,
       c.data_precision, CASE WHEN c.data_scale > 1000 THEN c.data_scale - 2048 ELSE c.data_scale END AS data_scale,
       c.nullable,
       regexp_replace(coalesce(g.expression, c.data_default), '::[a-z]+( [a-z]+)*(\(\d+\))?', '', 'g') AS data_default,
       (CASE WHEN g.expression IS NULL THEN 'NO' ELSE 'YES' END)::varchar(3) AS virtual_column,
       c.identity_column, c.default_on_null, c.hidden_column, c.column_id, c.column_id AS internal_column_id,
       'YES'::varchar(3) AS user_generated
FROM sys.all_tab_cols AS c
LEFT JOIN (
    SELECT sys.ora_owner(n.nspname::text) AS owner, sys.ora_name(k.relname::text) AS table_name,
           sys.ora_column_name(k.oid, a.attname::text) AS column_name, pg_get_expr(d.adbin, d.adrelid) AS expression
    FROM pg_attribute AS a
    JOIN pg_class AS k ON k.oid = a.attrelid
    JOIN pg_namespace AS n ON n.oid = k.relnamespace
    JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attgenerated <> ''
) AS g USING (owner, table_name, column_name);

-- The Mirror takes RTRIM(TO_CHAR(moment)) for a number once something is appended to it.
CREATE OR REPLACE FUNCTION sys.ora_computed_text(text, integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;

-- Oracle's sign is that of the whole; PostgreSQL's, of the days alone.
CREATE OR REPLACE FUNCTION public.to_dsinterval(text) RETURNS interval LANGUAGE sql IMMUTABLE STRICT AS $$
SELECT CASE WHEN $1 LIKE '-%' THEN -1 ELSE 1 END
    * (split_part(ltrim($1, '-+'), ' ', 1) || ' days')::interval
    + CASE WHEN $1 LIKE '-%' THEN -1 ELSE 1 END * split_part(ltrim($1, '-+'), ' ', 2)::interval
$$;
CREATE OR REPLACE FUNCTION oracle.numtodsinterval(numeric, text) RETURNS interval LANGUAGE sql IMMUTABLE STRICT AS $$
SELECT justify_hours($1 * ('1 ' || lower($2))::interval)
$$;

CREATE OR REPLACE VIEW public.all_constraints AS
SELECT c.owner, c.constraint_name, c.constraint_type, c.table_name, c.search_condition, c.r_owner, c.r_constraint_name,
       (SELECT CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'NO ACTION' END
        FROM pg_constraint AS k JOIN pg_namespace AS n ON n.oid = k.connamespace
        WHERE k.contype = 'f' AND c.constraint_type = 'R' AND sys.ora_name(k.conname::text) = c.constraint_name
        AND sys.ora_owner(n.nspname::text) = c.owner LIMIT 1)::varchar(9) AS delete_rule,
       c.status, c.validated, c.generated, 'NOT DEFERRABLE'::varchar(14) AS deferrable,
       CASE WHEN c.constraint_type IN ('P', 'U') THEN c.constraint_name END AS index_name
FROM sys.all_constraints AS c
WHERE c.constraint_name NOT LIKE 'WIRE\_BYTES\_%' AND NOT (c.constraint_type = 'C' AND c.search_condition IS NULL);

CREATE OR REPLACE FUNCTION public.wire_fits(value text, most integer, label text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF octet_length(value) > most THEN
        RAISE EXCEPTION USING errcode = '22001', message = format(
            'wire-12899 value too large for column %s (actual: %s, maximum: %s)', label, octet_length(value), most);
    END IF;
    RETURN true;
END $$;

-- VARCHAR2 counts bytes unless CHAR is said, and never holds more than 4,000 of them.
CREATE OR REPLACE PROCEDURE public.wire_count_bytes(relation regclass) LANGUAGE plpgsql AS $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT conname FROM pg_constraint WHERE conrelid = relation AND conname LIKE 'wire\_bytes\_%' LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', relation, made.conname);
    END LOOP;
    FOR made IN
        SELECT a.attnum, a.attname, t.owner, t.table_name, t.column_name,
               CASE WHEN t.char_used = 'B' THEN t.data_length ELSE 4000 END AS most
        FROM pg_attribute AS a
        JOIN pg_class AS c ON c.oid = a.attrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN sys.all_tab_columns AS t ON t.owner = sys.ora_owner(n.nspname::text)
            AND t.table_name = sys.ora_name(c.relname::text)
            AND t.column_name = sys.ora_column_name(c.oid, a.attname::text)
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND t.data_type = 'VARCHAR2'
    LOOP
        EXECUTE format(
            'ALTER TABLE %s ADD CONSTRAINT %I CHECK (public.wire_fits(%I::text, %s, %L)) NOT VALID',
            relation, 'wire_bytes_' || made.attnum, made.attname, made.most,
            format('"%s"."%s"."%s"', made.owner, made.table_name, made.column_name));
    END LOOP;
END $$;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;

-- The Mirror's own reads the format letter by letter for every value; PostgreSQL knows the elements that tests use.
CREATE OR REPLACE FUNCTION sys.ora_to_char(timestamp, text, integer) RETURNS text LANGUAGE sql STABLE AS $$
SELECT pg_catalog.to_char($1, $2)
$$;

-- Those of identities are among Oracle's.
CREATE OR REPLACE VIEW public.all_sequences AS
SELECT sys.ora_owner(s.schemaname::text)::varchar(128) AS sequence_owner,
       sys.ora_name(s.sequencename::text)::varchar(128) AS sequence_name, s.increment_by::numeric AS increment_by,
       coalesce(s.last_value + s.increment_by, s.start_value)::numeric AS last_number
FROM pg_sequences AS s;
GRANT SELECT ON public.all_sequences TO PUBLIC;
