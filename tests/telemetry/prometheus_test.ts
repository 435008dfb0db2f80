import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import {
  createCounter,
  createGauge,
  createHistogram,
  createReading,
  observe,
} from "../../lib/telemetry/metric.ts";
import { formatPrometheus } from "../../lib/telemetry/prometheus.ts";
import { readExposition, valueOf } from "./_exposition.ts";

test("formatPrometheus() writes HELP, TYPE and one line a series", () => {
  const family = createCounter({ name: "a_total", help: "All a.", labels: ["x", "y"] });
  family.child("1", "2").value += 3;
  family.child("1", "2").value += 1;
  family.child("1", "3").value += 0.5;
  assert.equal(
    formatPrometheus([family]),
    '# HELP a_total All a.\n# TYPE a_total counter\na_total{x="1",y="2"} 4\na_total{x="1",y="3"} 0.5\n',
  );
});

test("formatPrometheus() leaves out a family without series, and labels where there are none", () => {
  const empty = createGauge({ name: "nothing", help: "Nothing.", labels: ["x"] });
  const reading = createReading("gauge", { name: "now", help: "Now." }, () => 1e21);
  assert.equal(
    formatPrometheus([empty, reading]),
    "# HELP now Now.\n# TYPE now gauge\nnow 1e+21\n",
  );
});

test("formatPrometheus() escapes what label values and help may hold", () => {
  const hostile = 'a"b\\c\nd{e="f"} 1\u2028é';
  const family = createGauge({ name: "g", help: "Back\\slash\nline.", labels: ["x"] });
  family.child(hostile).value = -2;
  const metric = readExposition(formatPrometheus([family])).get("g");
  assert.equal(metric?.help, "Back\\slash\nline.");
  assert.deepEqual(metric?.samples, [{ name: "g", labels: { x: hostile }, value: -2 }]);
});

test("formatPrometheus() adds histogram buckets up, bounds inclusive", () => {
  const family = createHistogram({ name: "h", help: "H.", labels: ["x"], bounds: [0.1, 1, 10] });
  for (const value of [0, 0.1, 0.100001, 1, 5, 10.5, 99]) {
    observe(family.child("a"), family.bounds, value);
  }
  const text = formatPrometheus([family]);
  const bucket = (le: string): unknown => valueOf(text, "h_bucket", { x: "a", le });
  assert.deepEqual(["0.1", "1", "10", "+Inf"].map(bucket), [2, 4, 5, 7]);
  assert.equal(valueOf(text, "h_count", { x: "a" }), 7);
  assert.ok(Math.abs((valueOf(text, "h_sum", { x: "a" }) ?? 0) - 115.700001) < 1e-9);
});

test("formatPrometheus() writes numbers that are none as Prometheus does", () => {
  const values = [NaN, Infinity, -Infinity, 0, -0, 1e-7];
  const family = createGauge({ name: "g", help: "G.", labels: ["i"] });
  values.forEach((value, index) => family.child(String(index)).value = value);
  const read = readExposition(formatPrometheus([family])).get("g")?.samples.map(({ value }) =>
    value
  );
  assert.deepEqual(read, [NaN, Infinity, -Infinity, 0, 0, 1e-7]);
});

test("children with labels that look alike stay apart", () => {
  const family = createCounter({ name: "c_total", help: "C.", labels: ["x", "y"] });
  family.child("a,b", "c").value += 1;
  family.child("a", "b,c").value += 2;
  family.child("__proto__", "constructor").value += 3;
  assert.deepEqual([...family.children()].map(({ value }) => value), [1, 2, 3]);
});

test("readExposition() refuses what is not in the format", () => {
  const head = "# HELP a_total A.\n# TYPE a_total counter\n";
  for (
    const text of [
      "a_total 1", // no line end
      "a_total 1\n", // no HELP
      `${head}b_total 1\n`,
      `${head}a_total{x="1} 1\n`,
      `${head}a_total{x="1"} 1\na_total{x="1"} 2\n`,
      `${head}a_total one\n`,
      `${head}a_total{x="\\q"} 1\n`,
      '# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n',
    ]
  ) assert.throws(() => readExposition(text), Error, text);
});

const promtool = spawnSync("promtool", ["--version"]).error === undefined;

test("promtool finds nothing to mend", { skip: !promtool && "promtool is not installed" }, () => {
  const family = createHistogram({ name: "h_seconds", help: "H.", labels: ["x"], bounds: [1] });
  observe(family.child('a"\n'), family.bounds, 2);
  const input = formatPrometheus([family]);
  const { status, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
});
