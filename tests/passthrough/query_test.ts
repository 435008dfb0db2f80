import assert from "node:assert/strict";
import { test } from "node:test";

import { addQueryParameter } from "../../lib/passthrough/query.ts";

const set = (query: string): string => addQueryParameter(query, "api_key", "s&=#é");
const ADDED = "api_key=s%26%3D%23%C3%A9";

test("addQueryParameter() appends and leaves other bytes alone", () => {
  assert.equal(set(""), `?${ADDED}`);
  assert.equal(set("?"), `?${ADDED}`);
  assert.equal(set("?a=%zz&&b;c"), `?a=%zz&&b;c&${ADDED}`);
  assert.equal(set("?my_api_key=1&api_keys=2"), `?my_api_key=1&api_keys=2&${ADDED}`);
});

test("addQueryParameter() removes every copy of the client's", () => {
  for (
    const query of [
      "?api_key=1",
      "?api_key",
      "?api_key=1&api_key=2",
      "?api%5fkey=1",
      "?%61%70i_key=1",
      "?API_KEY=1",
      "?+api_key=1",
      "?api_key%20=1",
      "?api_key=1;api_key=2",
      "?api_key=",
      "?api_key[]=1&api_key%5Bx%5D=2",
      "?api_key%00=1",
      "?a%70i_key=1&;api_key;API%5FKEY",
    ]
  ) {
    assert.equal(set(query), `?${ADDED}`, query);
  }
});

test("addQueryParameter() keeps what stands around a copy", () => {
  assert.equal(set("?a=1;api_key=2;b=3&c=4"), `?a=1;b=3&c=4&${ADDED}`);
  assert.equal(set("?a=api_key&api_key=1&b"), `?a=api_key&b&${ADDED}`);
});
