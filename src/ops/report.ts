import { AREAS, problemsOf, type Report } from "./doctor.ts";
import { type Finding, RUNBOOK } from "./finding.ts";

/** What doctor found, for a terminal. */
export function reportText(report: Report): string {
  const lines = AREAS.flatMap((area) => {
    const findings = report[area];
    if (!findings.some((one) => one.severity === "problem"))
      return [`ok       ${area}`, ...findings.flatMap(findingLines)];
    return [`PROBLEM  ${area}`, ...findings.flatMap(findingLines)];
  });
  const count = problemsOf(report).length;
  const verdict =
    count === 0 ? "Nothing is wrong." : `${count} ${count === 1 ? "problem" : "problems"}.`;
  return [...lines, "", verdict].join("\n");
}

function findingLines({ severity, code, what, todo }: Finding): string[] {
  return [
    `  ${severity === "problem" ? "✗" : "·"} ${what}`,
    `    to do: ${todo}`,
    `    more:  ${RUNBOOK}#${code}`,
  ];
}
