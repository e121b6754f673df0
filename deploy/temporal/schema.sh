#!/bin/sh
# Creates Temporal's two databases and brings their schema up to the version of this image; may run again at any time.
set -eu

tool() {
  temporal-sql-tool --plugin "$DB" --ep "$POSTGRES_SEEDS" -p "$DB_PORT" -u "$POSTGRES_USER" "$@"
}

prepare() {
  database=$1
  versions=$2
  tool --db "$database" create
  # Writes the table of versions; on a schema that is there it changes nothing.
  tool --db "$database" setup-schema -v 0.0
  tool --db "$database" update-schema -d "/etc/temporal/schema/postgresql/v12/$versions/versioned"
}

prepare temporal temporal
prepare temporal_visibility visibility
