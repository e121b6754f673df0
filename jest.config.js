/** Jest runs the TypeScript as ES modules; swc only strips the types (`npm run typecheck` checks them). */
// oxlint-disable-next-line import/no-default-export -- jest reads the default export
export default {
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      {
        jsc: {
          target: "es2024",
          parser: { syntax: "typescript" },
          experimental: { keepImportAttributes: true },
        },
        module: { type: "es6" },
      },
    ],
  },
  // Only what hangs reaches it: a test may take ten times as long on a busy machine.
  testTimeout: 600_000,
  // Tests of one file that wait side by side (test.concurrent): test/workflows.
  maxConcurrency: 10,
  testSequencer: "<rootDir>/test/support/sequencer.mjs",
  // Servers are started when a test file first asks for one, not before (test/support/stack.ts).
  globalSetup: "<rootDir>/test/support/global-setup.mjs",
  globalTeardown: "<rootDir>/test/support/global-teardown.mjs",
};
