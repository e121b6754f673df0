import { createRequire } from "node:module";
import type { temporal } from "@temporalio/proto";

type History = temporal.api.history.v1.History;

/** A history as test/histories keeps it. */
export interface Recorded {
  readonly workflowId: string;
  /** The JSON that Temporal's own tools write and read. */
  readonly history: unknown;
}

interface ProtoJson {
  toJson(type: unknown, message: object): unknown;
  fromJson(type: unknown, json: unknown, options: { ignoreUnknownFields: boolean }): History;
}

/**
 * protobufjs must be the copy that made the types. The SDK's historyToJSON and historyFromJSON take their own,
 * and refuse ("type must be a Type") wherever npm has installed more than one.
 */
const require = createRequire(import.meta.resolve("@temporalio/proto"));
const protoJson: ProtoJson = require("protobufjs/ext/protojson");
const { patchProtobufRoot } = require("@temporalio/proto/lib/patch-protobuf-root");
const root = patchProtobufRoot(require("@temporalio/proto"));
const type: unknown = root.lookupType("temporal.api.history.v1.History");

export function historyToJson(history: temporal.api.history.v1.IHistory): unknown {
  return protoJson.toJson(type, root.temporal.api.history.v1.History.fromObject(history));
}

export function historyFromJson(json: unknown): History {
  return protoJson.fromJson(type, json, { ignoreUnknownFields: true });
}
