#!/bin/sh
# The namespace, kept for 30 days, and the search attributes of Sterna's jobs.
set -eu
temporal operator namespace describe --namespace default >/dev/null 2>&1 ||
    temporal operator namespace create --namespace default --retention 30d
for name in MigrationJobId MigrationStatus MigrationSource MigrationDestination; do
    temporal operator search-attribute list --namespace default | grep -q "$name" ||
        temporal operator search-attribute create --namespace default --name "$name" --type Keyword
done
