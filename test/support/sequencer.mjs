import TestSequencer from "@jest/test-sequencer";

// A CommonJS module that Node shows in one of two ways, by its version.
const Sequencer = TestSequencer.default ?? TestSequencer;

/** Files that play whole systems, in the order in which they begin: what takes longest must not begin last. */
const FIRST = [
  "/ops/",
  "/simulation/",
  "/process/",
  "/replay/",
  "/client/docs",
  "/realtime/storm",
  "/api/fuzz",
  "/workflows/",
];

const placeOf = ({ path }) => {
  const place = FIRST.findIndex((part) => path.includes(part));
  return place === -1 ? FIRST.length : place;
};

/** Otherwise jest goes by the times of the run before, which a fresh clone does not have, and then by the size of files. */
// oxlint-disable-next-line import/no-default-export -- jest reads the default export
export default class LongestFirst extends Sequencer {
  sort(tests) {
    // npm test -- --changed says what comes first.
    const order = JSON.parse(process.env.TEST_ORDER ?? "[]");
    if (order.length > 0)
      return tests.toSorted((a, b) => order.indexOf(a.path) - order.indexOf(b.path));
    return super.sort(tests).toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}
