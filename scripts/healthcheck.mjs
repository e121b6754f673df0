// What the container's health check runs: asks this process whether it and what it needs are ready.
const url = `http://127.0.0.1:${process.env.METRICS_PORT ?? 9464}/readyz`;
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(4_000) });
  process.stdout.write(`${await response.text()}\n`);
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  process.stderr.write(`${url} does not answer: ${error.message}\n`);
  process.exitCode = 1;
}
