#!/bin/sh
# Makes and updates the tables of Temporal, before each start of the server. Both steps leave alone what stands.
set -eu
SQL_PASSWORD=$(cat /run/secrets/temporal_password)
export SQL_PASSWORD
tool() {
    temporal-sql-tool --plugin postgres12 --endpoint postgres --port 5432 --user temporal --database "$@"
}
for pair in temporal:temporal temporal_visibility:visibility; do
    tool "${pair%%:*}" setup-schema --version 0.0 || true
    tool "${pair%%:*}" update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/${pair##*:}/versioned"
done
