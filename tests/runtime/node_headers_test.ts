import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { createNodeHeaders } from "../../lib/runtime/_node_headers.ts";
import { RUNTIME } from "./_program.ts";
import { connectRaw, isComplete } from "./_raw.ts";
import { withServer } from "./_server.ts";

// The others never make one, and their own objects join cookies and empty values otherwise.
const ON_NODE = {
  skip: RUNTIME === "node" ? false : `${RUNTIME} has a server of its own`,
} as const;

const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  "none": [],
  "cases and repeats": ["X-A", "1", "x-b", "2", "x-a", "3", "X-a", "", "HOST", "h"],
  "cookies": ["Cookie", "a=1", "X", "y", "cookie", "b=2", "COOKIE", "c=3"],
  "set-cookie": ["Set-Cookie", "a=1, b", "a", "1", "set-cookie", "c=2"],
  "empty values": ["A", "", "b", "", "B", ""],
  "names of object members": [
    ...["__proto__", "p", "constructor", "c", "hasOwnProperty", "h", "toString", "t"],
    ...["__proto__", "q", "get", "g", "valueOf", ""],
  ],
  "opaque bytes": ["x", "\xff\x80 \t\xe9", "y", "a,b ,, c"],
  "every mark of a token": ["!#$%&'*+-.^_`|~0aZ", "1"],
};
const ASKED = [
  ...[
    "x-a",
    "X-A",
    "cookie",
    "Cookie",
    "set-cookie",
    "SET-COOKIE",
    "a",
    "B",
    "host",
    "x",
    "y",
    "X",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "tostring",
    "hasownproperty",
    "valueof",
    "get",
    "none",
  ],
];

function standardOf(raw: readonly string[], hidden?: string): Headers {
  const headers = new Headers();
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]!.toLowerCase() !== hidden) headers.append(raw[index]!, raw[index + 1]!);
  }
  return headers;
}

/** What `forEach` gives; the order of names is not the standard's, that of a name's lines is. */
function listOf(headers: Headers): string[][] {
  const list: string[][] = [];
  headers.forEach((value, name) => list.push([name, value]));
  return list.map((field, index) => ({ field, index }))
    .sort((a, b) => compare(a.field[0]!, b.field[0]!) || a.index - b.index)
    .map(({ field }) => field);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Everything a reader can see, in an order in which the index is asked first, or last. */
function viewOf(headers: Headers, isIndexFirst: boolean): unknown {
  const index = () => [
    ASKED.map((name) => [headers.get(name), headers.has(name)]),
    listOf(headers),
  ];
  const rest = () => [
    [...headers],
    [...headers.entries()],
    [...headers.keys()],
    [...headers.values()],
    headers.getSetCookie(),
    [...new Headers(headers)],
    [...new Request("http://a/", { headers }).headers],
    [...new Response(null, { headers }).headers],
  ];
  if (isIndexFirst) return [index(), rest()];
  const later = rest();
  return [index(), later];
}

describe("createNodeHeaders()", () => {
  it("joins the lines of a field, cookies as RFC 6265 has it, and hides what is to be hidden", () => {
    const raw = [
      "B",
      "1",
      "Cookie",
      "a=1",
      "upgrade",
      "x",
      "b",
      "",
      "cookie",
      "b=2",
      "Upgrade",
      "y",
    ];
    const headers = createNodeHeaders(raw, "upgrade");
    assert.deepEqual(listOf(headers), [["b", "1, "], ["cookie", "a=1; b=2"]]);
    assert.deepEqual([headers.get("B"), headers.get("upgrade")], ["1, ", null]);
    assert.equal(createNodeHeaders(raw, undefined).get("UPGRADE"), "x, y");
  });
});

describe("createNodeHeaders() beside a standard object", ON_NODE, () => {
  for (const [what, raw] of Object.entries(SECTIONS)) {
    it(`reads as a standard object does: ${what}`, () => {
      for (const isIndexFirst of [true, false]) {
        for (const hidden of [undefined, "x-a"]) {
          assert.deepEqual(
            viewOf(createNodeHeaders(raw, hidden), isIndexFirst),
            viewOf(standardOf(raw, hidden), isIndexFirst),
          );
        }
      }
    });

    it(`changes as a standard object does, read before or not: ${what}`, () => {
      for (const isReadBefore of [true, false]) {
        const [ours, standard] = [createNodeHeaders(raw, undefined), standardOf(raw)];
        if (isReadBefore) assert.deepEqual(viewOf(ours, true), viewOf(standard, true));
        for (const headers of [ours, standard]) {
          headers.append("X-A", "appended");
          headers.set("__Proto__", "set");
          headers.delete("COOKIE");
          headers.append("set-cookie", "d=4");
        }
        assert.deepEqual(viewOf(ours, true), viewOf(standard, true));
      }
    });
  }

  it("refuses and converts what the standard refuses and converts", () => {
    const raw = ["1", "one", "undefined", "u"];
    for (const name of ["", "bad name", "a:b", "\u0130", "a\n", "\u212a", "a\u0000"]) {
      for (const headers of [createNodeHeaders(raw, undefined), standardOf(raw)]) {
        assert.throws(() => headers.get(name), TypeError, name);
        assert.throws(() => headers.has(name), TypeError, name);
        assert.throws(() => headers.append(name, "v"), TypeError, name);
      }
    }
    const headers = createNodeHeaders(raw, undefined);
    assert.equal(headers.get(1 as unknown as string), "one");
    assert.equal(headers.has(undefined as unknown as string), true);
    assert.throws(() => headers.set("a", "b\r\nc"), TypeError);
    assert.equal(headers.get("a"), null);
  });

  it("is a Headers to whoever asks, and can be shown", () => {
    const headers = createNodeHeaders(["X-A", "1", "b", "2"], undefined);
    assert.ok(headers instanceof Headers);
    assert.equal(Object.prototype.toString.call(headers), "[object Headers]");
    const standard = standardOf(["X-A", "1", "b", "2"]);
    assert.equal(inspect(headers), inspect(standard));
    assert.equal(inspect({ deep: { headers } }), inspect({ deep: { headers: standard } }));
    assert.deepEqual(Object.keys(headers), Object.keys(standard));
    assert.equal(JSON.stringify(headers), JSON.stringify(standard));
  });

  it("hands itself, and the receiver, to what forEach() calls", () => {
    const headers = createNodeHeaders(["X-A", "1"], undefined);
    const self = {};
    headers.forEach(function (this: unknown, value, name, given) {
      assert.equal(this, self);
      assert.equal(given, headers);
      assert.deepEqual([name, value], ["x-a", "1"]);
    }, self);
  });

  it("takes time in proportion to the fields", () => {
    const cost = (count: number): number => {
      const raw = Array.from({ length: count }, () => ["a", "1"]).flat();
      const times = Array.from({ length: 9 }, () => {
        const start = performance.now();
        const headers = createNodeHeaders(raw, undefined);
        assert.equal(headers.get("a")?.length, count * 3 - 2);
        headers.append("b", "");
        assert.equal([...headers].length, 2);
        return performance.now() - start;
      });
      return Math.min(...times);
    };
    cost(3000);
    // Ten times the work; the square of it would be a hundred times.
    assert.ok(cost(30_000) < 40 * cost(3000) + 1);
  });

  it("shows what a client sent, without the blanks around it", async () => {
    await withServer((request) => {
      const { headers } = request;
      const seen = [
        headers.get("x-a"),
        headers.get("__proto__"),
        headers.get("E"),
        inspect(headers),
      ];
      return Response.json([...seen, [...headers].length, inspect(request).includes("x-a")]);
    }, async (port) => {
      const connection = await connectRaw(port);
      connection.socket.write(
        "GET / HTTP/1.1\r\nHost: a\r\nx-a: \t v \t \r\nX-A:w\r\n__proto__: p\r\ne:\r\n\r\n",
      );
      const answer = await connection.until(isComplete);
      connection.socket.destroy();
      const [a, proto, empty, shown, count, isShown] = JSON.parse(
        answer.slice(answer.indexOf("\r\n\r\n") + 4),
      );
      assert.deepEqual([a, proto, empty, count, isShown], ["v, w", "p", "", 4, true]);
      assert.match(shown, /'?x-a'?: 'v, w'/);
    });
  });
});
