#!/bin/sh
# Creates the product's namespace, once; may run again at any time. Closed workflows are kept for 30 days.
set -eu

until temporal operator cluster health >/dev/null 2>&1; do
  echo "waiting for Temporal at $TEMPORAL_ADDRESS"
  sleep 2
done
if temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  echo "the namespace $TEMPORAL_NAMESPACE is there"
else
  temporal operator namespace create -n "$TEMPORAL_NAMESPACE" --retention 30d
fi

# What operators search by, as src/workflows/search-attributes.ts has it; the product registers what is missing when it starts.
known=$(temporal operator search-attribute list -n "$TEMPORAL_NAMESPACE")
for attribute in Phase=Keyword AuctionId=Keyword Host=Keyword ChainId=Keyword EndsAt=Datetime FailureCode=Keyword NeedsOperator=Bool; do
  name=${attribute%%=*}
  if ! echo "$known" | grep -qw "$name"; then
    temporal operator search-attribute create -n "$TEMPORAL_NAMESPACE" --name "$name" --type "${attribute#*=}"
  fi
done
