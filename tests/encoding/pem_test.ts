import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { formatPem, parsePem } from "../../lib/encoding/pem.ts";
import { PEM } from "../vectors/p256_keys.ts";

const MALFORMED = { name: "EncodingError", code: "ERR_ENCODING" };

describe("parsePem()", () => {
  it("parses every block with its label, in order", () => {
    const blocks = parsePem(`text before\n${PEM.sec1}between\n${PEM.spki}after`);
    const labels = ["EC PARAMETERS", "EC PRIVATE KEY", "PUBLIC KEY"];
    assert.deepEqual(blocks.map(({ label }) => label), labels);
    assert.deepEqual(blocks.map(({ bytes }) => bytes.length), [10, 121, 91]);
    assert.equal(formatPem("PUBLIC KEY", blocks[2]?.bytes as Uint8Array), PEM.spki);
  });

  it("parses other line ends and widths", () => {
    const [expected] = parsePem(PEM.spki);
    const body = PEM.spki.split("\n").slice(1, -2).join("");
    const spellings = [
      PEM.spki.replaceAll("\n", "\r\n"),
      PEM.spki.trimEnd(),
      `-----BEGIN PUBLIC KEY-----  \n${body}\n-----END PUBLIC KEY-----`,
      `-----BEGIN PUBLIC KEY-----\n${
        body.match(/.{1,10}/g)?.join(" \t\n")
      }-----END PUBLIC KEY-----`,
    ];
    for (const text of spellings) assert.deepEqual(parsePem(text), [expected]);
  });

  it("rejects text with a block that is missing, open, crossed or not base64", () => {
    const refused = [
      ...["", "text", "-----BEGIN KEY-----", "-----BEGIN KEY-----\nAAAA\n", "-----END KEY-----\n"],
      ...["-----BEGIN A-----\nAAAA\n-----END B-----\n", "-----BEGIN -----\nAAAA\n-----END -----\n"],
      ...["-----BEGIN A-----AAAA-----END A-----", "-----BEGIN a-----\nAAAA\n-----END a-----\n"],
      ...[
        "-----BEGIN A-----\nAAA\n-----END A-----\n",
        "-----BEGIN A-----\nAA!A\n-----END A-----\n",
      ],
      ...["-----BEGIN A-----\nAB==\n-----END A-----\n", PEM.spki + "-----BEGIN A-----\nAAAA\n"],
      PEM.sec1Encrypted,
      "-----BEGIN A-----\n-----BEGIN A-----\nAAAA\n-----END A-----\n",
    ];
    for (const text of refused) assert.throws(() => parsePem(text), MALFORMED, text);
  });

  it("parses megabytes and many open blocks in passing", () => {
    const bytes = new Uint8Array(3 * 1024 * 1024);
    assert.equal(parsePem(formatPem("BIG", bytes))[0]?.bytes.length, bytes.length);
    assert.throws(() => parsePem("-----BEGIN A-----\n".repeat(200_000)), MALFORMED);
    assert.throws(() => parsePem(`-----BEGIN A-----${" ".repeat(1_000_000)}`), MALFORMED);
  });

  it("quotes nothing of the text in its errors", () => {
    const text = "-----BEGIN A-----\ncanary!\n-----END A-----\n";
    assert.throws(() => parsePem(text), (error: Error) => {
      assert.ok(!`${error.stack}`.includes("canary!"));
      return true;
    });
  });
});

describe("formatPem()", () => {
  it("breaks lines at 64 characters and ends with a line feed", () => {
    for (const [size, lines] of [[0, 0], [1, 1], [48, 1], [49, 2], [96, 2], [97, 3]] as const) {
      const text = formatPem("A", new Uint8Array(size));
      const [begin, ...rest] = text.split("\n");
      assert.equal(begin, "-----BEGIN A-----");
      assert.deepEqual(rest.splice(-2), ["-----END A-----", ""]);
      assert.equal(rest.length, lines);
      assert.ok(rest.slice(0, -1).every((line) => line.length === 64));
    }
  });
});
