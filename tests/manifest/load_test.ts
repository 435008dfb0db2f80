import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { FileError, ManifestError } from "../../lib/errors.ts";
import { MAX_CONFIG_FILE_BYTES } from "../../lib/limits.ts";
import { loadManifests } from "../../lib/manifest/load.ts";
import { createMemoryFiles, readOnly } from "../helpers/memory_files.ts";
import { HTTP, PASSTHROUGH } from "./_manifests.ts";

const named = (name: string): string => PASSTHROUGH.replace(`"example"`, `"${name}"`);

async function catchLoadError(files: ReturnType<typeof createMemoryFiles>): Promise<ManifestError> {
  const error = await loadManifests("/ati/manifests", files).then(() => undefined, (e) => e);
  assert.ok(error instanceof ManifestError, String(error));
  return error;
}

describe("loadManifests()", () => {
  it("loads *.toml sorted by name, and nothing else", async () => {
    const files = createMemoryFiles({
      "/ati/manifests/b.toml": named("b"),
      "/ati/manifests/a.toml": named("a"),
      "/ati/manifests/B.toml": named("upper"),
      "/ati/manifests/.c.toml": "not a manifest",
      "/ati/manifests/README.md": "# Manifests",
      "/ati/manifests/manifest.schema.json": "{}",
      "/ati/manifests/d.toml.bak": "old",
      "/ati/manifests/folder/e.toml": "below",
    });

    const loaded = await loadManifests("/ati/manifests", readOnly(files));

    assert.deepEqual(loaded.manifests.map(({ file }) => file), [
      "/ati/manifests/B.toml",
      "/ati/manifests/a.toml",
      "/ati/manifests/b.toml",
    ]);
    assert.deepEqual([loaded.warnings, loaded.issues], [[], []]);
  });

  it("loads an empty folder and refuses a missing one", async () => {
    const files = createMemoryFiles();
    await files.makeDirectory("/ati/manifests");
    assert.deepEqual((await loadManifests("/ati/manifests", files)).manifests, []);

    await assert.rejects(loadManifests("/nowhere", files), (error: unknown) => {
      assert.ok(error instanceof ManifestError);
      assert.equal(error.code, "ERR_MANIFEST");
      assert.equal(error.reason, "missing_directory");
      assert.equal(error.message, "No manifests directory found at /nowhere");
      assert.ok(error.hint?.includes("ati init"));
      return true;
    });
    await assert.rejects(loadManifests("/nowhere", files, { skipInvalid: true }), ManifestError);
  });

  it("reports all bad files at once", async () => {
    const files = createMemoryFiles({
      "/ati/manifests/1_syntax.toml": "[provider\n",
      "/ati/manifests/2_field.toml": `${named("two")}strip_prefix = 1\nread_timeout_seconds = 0\n`,
      "/ati/manifests/3_utf8.toml": new Uint8Array([0x61, 0xff, 0xfe]),
      "/ati/manifests/4_good.toml": named("four"),
      "/ati/manifests/5_large.toml": new Uint8Array(MAX_CONFIG_FILE_BYTES + 1),
      "/ati/manifests/6_folder.toml/x": "",
    });

    const error = await catchLoadError(files);

    assert.deepEqual(error.issues.map(({ file, line, path }) => [file.slice(15), line, path]), [
      ["1_syntax.toml", 1, ""],
      ["2_field.toml", 6, "provider.strip_prefix"],
      ["2_field.toml", 7, "provider.read_timeout_seconds"],
      ["3_utf8.toml", undefined, ""],
      ["5_large.toml", undefined, ""],
      ["6_folder.toml", undefined, ""],
    ]);
    assert.match(error.message, /^5 manifests are invalid: 6 issues\n/);
    assert.match(error.message, /\n\/ati\/manifests\/3_utf8\.toml: Is not valid UTF-8\n/);
    assert.equal(error.message.split("\n").length, 7);
  });

  it("reports a file that is gone between listing and reading", async () => {
    const files = createMemoryFiles({ "/ati/manifests/a.toml": PASSTHROUGH });
    files.onOperation = async (operation) => {
      if (operation === "read") {
        files.onOperation = () => {};
        await files.remove("/ati/manifests/a.toml");
      }
    };

    assert.match((await catchLoadError(files)).issues[0]?.message ?? "", /gone/);
  });

  it("reports a file that cannot be read, and passes on what is no reading error", async () => {
    const files = createMemoryFiles({ "/ati/manifests/a.toml": PASSTHROUGH });
    files.onOperation = (operation) => {
      if (operation === "read") throw new FileError("ERR_FILE_READ", "Cannot read a.toml: denied");
    };
    assert.equal((await catchLoadError(files)).issues[0]?.message, "Cannot read a.toml: denied");

    files.onOperation = (operation) => {
      if (operation === "read") throw new RangeError("broken port");
    };
    await assert.rejects(loadManifests("/ati/manifests", files), RangeError);
  });

  it("refuses a provider name used twice", async () => {
    const error = await catchLoadError(createMemoryFiles({
      "/ati/manifests/a.toml": named("same"),
      "/ati/manifests/b.toml": named("same"),
    }));

    assert.deepEqual(error.issues, [{
      file: "/ati/manifests/b.toml",
      path: "provider.name",
      message: "Is used already, by /ati/manifests/a.toml",
    }]);
  });

  it("warns about a tool name used twice, and about each file's own oddities", async () => {
    const tool = `[[tools]]\nname = "now"\ndescription = "Now"\n`;
    const { warnings } = await loadManifests(
      "/ati/manifests",
      createMemoryFiles({
        "/ati/manifests/a.toml": `${HTTP}unknown = 1\n${tool}`,
        "/ati/manifests/b.toml": `${HTTP.replace("example", "other")}${tool}`,
      }),
    );

    assert.deepEqual(warnings.map(({ file, path }) => `${file.slice(15)} ${path}`), [
      "a.toml provider.unknown",
      "b.toml tools[0].name",
    ]);
  });

  it("leaves bad files out with skipInvalid, and says why", async () => {
    const { manifests, issues } = await loadManifests(
      "/ati/manifests",
      createMemoryFiles({
        "/ati/manifests/a.toml": named("a"),
        "/ati/manifests/b.toml": `${named("b")}deny_path = []\n`,
        "/ati/manifests/c.toml": named("a"),
        "/ati/manifests/d.toml": named("d"),
      }),
      { skipInvalid: true },
    );

    assert.deepEqual(manifests.map(({ provider }) => provider.name), ["a", "d"]);
    assert.deepEqual(issues.map(({ file, path }) => `${file.slice(15)} ${path}`), [
      "b.toml provider.deny_path",
      "c.toml provider.name",
    ]);
  });
});
