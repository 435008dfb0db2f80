import assert from "node:assert/strict";
import { test } from "node:test";
import * as errors from "../../lib/errors.ts";
import { AtiError, ERROR_CODES } from "../../lib/errors.ts";
import { createManifestError } from "../../lib/manifest/issues.ts";
import { formatStartError } from "../../lib/proxy/start_error.ts";
import { chatManifest, createTestProxy, issueTestToken, signed, SIGNING_SECRET } from "./_proxy.ts";

const CANARY = "canary";

/** Puts the canary where a careless layer would put what it was working on. */
function poison(error: Error): Error {
  return Object.assign(error, {
    cause: new Error(CANARY),
    payload: { sub: CANARY },
    token: CANARY,
    toJSON: () => ({ CANARY }),
  });
}

function everyError(): Error[] {
  const known = ERROR_CODES.map((code) => new AtiError(code, CANARY, { hint: CANARY }));
  const classes = Object.values(errors).filter((value) =>
    typeof value === "function" && value.prototype instanceof Error
  ) as unknown as (new (...args: unknown[]) => Error)[];
  // Those without a code of their own take it first; for the others it is one more message.
  const ours = classes.map((Class) => new Class("ERR_NOT_FOUND", CANARY, { hint: CANARY }));
  const foreign = [TypeError, RangeError, SyntaxError, URIError].map((Class) => new Class(CANARY));
  return [...known, ...ours, ...foreign].map(poison);
}

test("whatever the upstream call throws, neither answer nor log repeats it", async () => {
  for (const error of everyError()) {
    const { send, lines } = await createTestProxy({
      manifests: [chatManifest()],
      entries: { chat_key: "k" },
      upstream: () => Promise.reject(error),
    });
    const response = await send("/chat/a");
    const seen = `${await response.text()} ${
      JSON.stringify([...response.headers])
    } ${lines.join()}`;
    assert.doesNotMatch(seen, /canary/i, `${error.name} ${"code" in error ? error.code : ""}`);
    assert.ok(response.status >= 400);
  }
});

test("no thrown thing that is no error is repeated either", async () => {
  for (const thrown of [CANARY, { message: CANARY, code: "ERR_NOT_FOUND" }, [CANARY], null]) {
    const { send, lines } = await createTestProxy({
      manifests: [chatManifest()],
      entries: { chat_key: "k" },
      upstream: () => Promise.reject(thrown),
    });
    const response = await send("/chat/a");
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text() + lines.join(), /canary/i);
  }
});

test("what a caller sends in headers and query shows in no answer and no log line", async () => {
  const { send, lines } = await createTestProxy({
    manifests: [chatManifest('deny_paths = ["/no/*"]'), chatManifest().replaceAll("chat", "bare")],
    entries: { chat_key: CANARY, sandbox_signing_shared_secret: SIGNING_SECRET },
    fetch: () => Promise.resolve(new Response("fine")),
  });
  const token = await issueTestToken({ iss: CANARY, jti: CANARY });
  const paths = [
    "/health",
    "/whoami",
    "/call",
    "/nowhere",
    "/chat/a",
    "/chat/no/a",
    "/bare/a",
    "/a//b",
  ];
  const credentials = [token, `${token}x`, CANARY, `${CANARY}.${CANARY}.${CANARY}`, `${CANARY},x`];
  for (const path of paths) {
    for (const credential of credentials) {
      for (const method of ["GET", "POST"]) {
        const signature = (await signed(path, method))["x-sandbox-signature"]!;
        const response = await send(`${path}?api_key=${CANARY}`, {
          method,
          headers: {
            authorization: `Bearer ${credential}`,
            cookie: CANARY,
            "x-request-id": CANARY,
            "x-sandbox-signature": credential === token ? signature : `t=${CANARY},s=${CANARY}`,
          },
        });
        const answer = await response.text() + JSON.stringify([...response.headers]);
        const isOwnPage = path === "/whoami" && response.status === 200;
        assert.ok(!answer.includes(token) && !answer.includes(signature), path);
        if (!isOwnPage) assert.doesNotMatch(answer, /canary/i, path);
      }
    }
  }
  const log = lines.join("\n");
  assert.doesNotMatch(log, /canary/i);
  assert.ok(!log.includes(token) && !log.includes(token.split(".")[2]!));
  assert.ok(!log.includes(SIGNING_SECRET));
});

test("formatStartError() says what our errors say, and nothing of others", () => {
  const issues = [{
    file: "a.toml",
    line: 2,
    column: 3,
    path: "provider.name",
    message: "Is missing",
  }];
  assert.equal(
    formatStartError(createManifestError(issues)),
    "error: Manifest a.toml is invalid: 1 issue\na.toml:2:3: provider.name: Is missing\n" +
      "hint: mend the lines named, then run `ati manifest check`\n",
  );
  for (
    const thrown of [
      poison(new TypeError(CANARY)),
      poison(new Error(`${CANARY}\n    at canary`)),
      CANARY,
    ]
  ) {
    const text = formatStartError(thrown);
    assert.match(text, /^error: Cannot start: an unforeseen error\n/);
    assert.doesNotMatch(text, /canary\b(?!_test)/i);
  }
});
