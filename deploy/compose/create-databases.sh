#!/bin/sh
# Run once by PostgreSQL's image, in an empty volume: databases and users of the config store and of Temporal.
set -eu
for name in sterna temporal; do
    psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 --set name="$name" \
        --set password="$(cat "/run/secrets/${name}_password")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
done
createdb --username "$POSTGRES_USER" --owner temporal temporal_visibility
