#!/bin/sh
# Makes the passwords and keys of deploy/compose.yaml, each in a file of deploy/secrets/. Those that stand are left alone.
# Containers read the files as users of their own, so the files are open and their folder is not.
set -eu
folder=$(dirname "$0")/../secrets
mkdir -p "$folder"
chmod 700 "$folder"
for name in postgres_password sterna_password temporal_password vault_token grafana_password migrated_password; do
    test -s "$folder/$name" && continue
    head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$folder/$name"
    chmod 644 "$folder/$name"
done
test -s "$folder/admin_key" ||
    printf 'sterna_%s' "$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')" >"$folder/admin_key"
test -s "$folder/encryption_keys" ||
    printf 'first %s\n' "$(head -c 32 /dev/urandom | base64)" >"$folder/encryption_keys"
chmod 644 "$folder/admin_key" "$folder/encryption_keys"
printf 'postgresql+asyncpg://sterna:%s@postgres:5432/sterna' "$(cat "$folder/sterna_password")" \
    >"$folder/sterna_config_store"
chmod 644 "$folder/sterna_config_store"
