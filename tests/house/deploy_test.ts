import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { parse as parseYaml } from "yaml";
import { loadManifests } from "../../lib/manifest/load.ts";
import { createRouteTable } from "../../lib/passthrough/route_table.ts";
import { parseProxySettings } from "../../lib/proxy/settings.ts";
import { testRuntime } from "../helpers/runtime.ts";
import { readText, ROOT } from "./_tree.ts";

const folder = mkdtempSync(join(tmpdir(), "atikit-deploy-"));
const DOCKERFILES = ["node", "deno", "bun"].map((name) => `deploy/docker/${name}.Dockerfile`);
const UNITS = ["ati.service", "ati-rotate-keyring.service", "ati-rotate-keyring.timer"];
const INSTRUCTIONS = new Set(
  "FROM WORKDIR COPY RUN ENV USER EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD".split(" "),
);

after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program that knows the format, where it is installed; says so where it is not. */
function ask(program: string, args: readonly string[]): string | undefined {
  const result = spawnSync(program, args, { encoding: "utf8", timeout: 60_000 });
  if (result.error !== undefined) {
    console.log(`${program} is not installed here: its own check is left out`);
    return undefined;
  }
  assert.equal(result.status, 0, `${program}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** Sections of a systemd unit: each directive with its values in order. */
function parseUnit(text: string): Map<string, Map<string, string[]>> {
  const sections = new Map<string, Map<string, string[]>>();
  let section: Map<string, string[]> | undefined;
  for (const line of text.split("\n").filter((one) => one !== "" && !one.startsWith("#"))) {
    const name = /^\[([A-Z][a-z]+)\]$/.exec(line)?.[1];
    if (name !== undefined) {
      section = new Map();
      sections.set(name, section);
      continue;
    }
    const [, key = "", value = ""] = /^([A-Z][A-Za-z]+)=(.*)$/.exec(line) ?? [];
    assert.ok(section !== undefined && key !== "", `no directive: ${line}`);
    section.set(key, [...(section.get(key) ?? []), value]);
  }
  return sections;
}

test("the units parse, run as nobody special and keep what the service must have", () => {
  const service = parseUnit(readText("deploy/systemd/ati.service")).get("Service");
  assert.deepEqual(service?.get("User"), ["ati"]);
  assert.deepEqual(service?.get("ExecReload"), ["/bin/kill -HUP $MAINPID"]);
  assert.deepEqual(service?.get("ProtectSystem"), ["strict"]);
  assert.deepEqual(service?.get("NoNewPrivileges"), ["true"]);
  assert.deepEqual(service?.get("CapabilityBoundingSet"), [""]);
  // Settings that are not there must not be the ones of a proxy that enforces nothing.
  assert.deepEqual(service?.get("EnvironmentFile"), ["/etc/ati/ati.env"]);
  // JavaScript is compiled while it runs.
  assert.equal(service?.has("MemoryDenyWriteExecute"), false);
  const rotation = parseUnit(readText("deploy/systemd/ati-rotate-keyring.service")).get("Service");
  assert.deepEqual(rotation?.get("User"), service?.get("User"));
  assert.ok(rotation?.get("LoadCredential")?.[0]?.startsWith("op-token:"));
  const timer = parseUnit(readText("deploy/systemd/ati-rotate-keyring.timer")).get("Timer");
  assert.deepEqual(timer?.get("Persistent"), ["true"]);
});

test("no unit keeps only the first word of a variable, or a secret", () => {
  const files = [...UNITS, "ati.service.d/otel.conf.example"];
  for (const file of files) {
    const service = parseUnit(readText(`deploy/systemd/${file}`)).get("Service");
    for (const value of service?.get("Environment") ?? []) {
      assert.ok(/^"[^"]*"$/.test(value) || !value.includes(" "), `${file}: quote ${value}`);
      assert.doesNotMatch(value, /OP_SERVICE_ACCOUNT_TOKEN|SECRET|ATI_KEY_/);
    }
  }
});

test("the settings of the service are ones that the proxy knows", () => {
  const unit = parseUnit(readText("deploy/systemd/ati.service")).get("Service");
  const example = readText("deploy/systemd/ati.env.example").split("\n");
  const lines = [
    ...unit?.get("Environment") ?? [],
    ...example.filter((line) => line.includes("=")).map((line) => line.replace(/^#/, "")),
  ];
  const known = readText("lib/proxy/settings.ts") + readText("lib/jwt/config.ts");
  const variables = new Map(lines.map((line): [string, string] => {
    const [, name = "", value = ""] = /^([A-Z_]+)=(\S*)$/.exec(line) ?? [];
    assert.ok(name !== "" && known.includes(`"${name}"`), `the proxy does not read: ${line}`);
    return [name, value];
  }));
  const env = { get: (name: string) => variables.get(name), names: () => [...variables.keys()] };
  const settings = parseProxySettings({ env });
  assert.deepEqual(
    [settings.bind, settings.port, settings.enablePassthrough, settings.signature.mode],
    ["127.0.0.1", 8080, true, "log"],
  );
});

test("systemd understands the units", { skip: process.platform !== "linux" }, () => {
  for (const unit of UNITS) {
    // Checked under its own name, with a program that is there.
    const text = readText(`deploy/systemd/${unit}`)
      .replaceAll("/usr/local/bin/ati", "/bin/true").replaceAll("User=ati", "User=root")
      .replaceAll("Group=ati", "Group=root");
    writeFileSync(join(folder, unit), text);
  }
  ask("systemd-analyze", ["verify", "--man=no", ...UNITS.map((unit) => join(folder, unit))]);
});

test("every command line in the units and images is one that ati knows", async () => {
  const { parseCommandLine } = await import("../../lib/cli/program.ts");
  const lines = UNITS.flatMap((unit) =>
    [...readText(`deploy/systemd/${unit}`).matchAll(/^Exec\w+=\/usr\/local\/bin\/ati (.*)$/gm)]
      .map(([, words = ""]) => words.split(" "))
  );
  assert.equal(lines.length, 3);
  const node = parseDockerfile(readText("deploy/docker/node.Dockerfile"));
  const entry = JSON.parse(node.findLast(([name]) => name === "ENTRYPOINT")?.[1] ?? "") as string[];
  for (const words of [...lines, entry.slice(2)]) {
    const line = parseCommandLine(words);
    assert.equal(line.kind, "run", words.join(" "));
  }
});

test("Caddy passes everything on as it is, but the metrics", () => {
  for (const name of ["Caddyfile", "compose.Caddyfile"]) {
    const file = `deploy/caddy/${name}`;
    const text = readText(file);
    assert.doesNotMatch(text, /^\s*(?:forward_auth|handle_path|uri|rewrite|header_up|header)\b/m);
    assert.match(text, /respond @metrics 404/);
    // At -1, Caddy lets a request go on when its client has left.
    assert.doesNotMatch(text, /flush_interval -1/);
    assert.equal(text.split("{").length, text.split("}").length);
    ask("caddy", ["adapt", "--config", join(ROOT, file), "--validate"]);
  }
});

test("nginx passes paths on raw and streams both bodies", () => {
  const text = readText("deploy/nginx/ati.conf");
  // With a path behind the address nginx would send the decoded, normalised path.
  assert.match(text, /proxy_pass http:\/\/ati_proxy;/);
  for (const off of ["merge_slashes", "proxy_buffering", "proxy_request_buffering", "gzip"]) {
    assert.match(text, new RegExp(`\\s${off} +off;`));
  }
  assert.equal(text.split("{").length, text.split("}").length);
  // Without the certificate, which is the operator's.
  const plain = text.replaceAll(/^ *ssl_.*$/gm, "").replaceAll(/ ssl http2/g, "")
    .replaceAll("/var/log/nginx/", `${folder}/`);
  mkdirSync(join(folder, "logs"));
  writeFileSync(
    join(folder, "nginx.conf"),
    `pid ${folder}/nginx.pid;\nevents {}\nhttp {\n${plain.replaceAll(/listen [^;]*;/g, "")}\n}\n`,
  );
  ask("nginx", ["-t", "-q", "-e", "stderr", "-p", folder, "-c", join(folder, "nginx.conf")]);
});

/** Instructions of a Dockerfile with their text, continued lines joined. */
function parseDockerfile(text: string): (readonly [name: string, text: string])[] {
  const joined = text.replaceAll(/\\\n\s*/g, " ");
  return joined.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
    const [, name = "", rest = ""] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    assert.ok(INSTRUCTIONS.has(name), `no instruction: ${line}`);
    return [name, rest] as const;
  });
}

test("the images run without privileges, check their health and copy what is there", () => {
  assert.deepEqual(
    readdirSync(join(ROOT, "deploy/docker")).toSorted(),
    DOCKERFILES.map((file) => file.slice("deploy/docker/".length)).toSorted(),
  );
  for (const file of DOCKERFILES) {
    const instructions = parseDockerfile(readText(file));
    const last = (name: string): string =>
      instructions.findLast(([one]) => one === name)?.[1] ?? "";
    assert.equal(last("USER"), "1000:1000", file);
    assert.match(last("HEALTHCHECK"), /CMD \[.*\/health.*\]$/, file);
    assert.ok(Array.isArray(JSON.parse(last("ENTRYPOINT"))), file);
    // As variables: a flag in the image would win over what the operator sets.
    assert.ok(/ATI_ENABLE_PASSTHROUGH=1.* ATI_SIG_VERIFY_MODE=enforce/.test(last("ENV")), file);
    for (const [name, text] of instructions) {
      if (name !== "COPY" || text.startsWith("--from")) continue;
      for (const source of text.split(" ").slice(0, -1)) {
        assert.notEqual(source, ".", `${file}: copies what may be secret`);
        assert.ok(existsSync(join(ROOT, source)), `${file}: ${source}`);
      }
    }
  }
});

test("the compose file names what is there and gives nothing away", () => {
  const file = join(ROOT, "deploy/compose.yaml");
  const compose = parseYaml(readText("deploy/compose.yaml")) as {
    services: Record<string, { ports?: string[]; read_only?: boolean; volumes: string[] }>;
  };
  const { proxy, caddy } = compose.services;
  assert.equal(proxy?.ports, undefined);
  assert.equal(proxy?.read_only, true);
  assert.deepEqual(proxy?.volumes, ["./state:/var/lib/ati:ro"]);
  const mounted = caddy?.volumes.find((volume) => volume.startsWith("./"))?.split(":")[0] ?? "";
  assert.ok(existsSync(join(ROOT, "deploy", mounted)));
  // Compose is a part of its own of Docker.
  const hasCompose = spawnSync("docker", ["compose", "version"]).status === 0;
  ask(hasCompose ? "docker" : "docker-compose", [
    ...hasCompose ? ["compose"] : [],
    "--file",
    file,
    "config",
    "--quiet",
  ]);
});

test("the example manifest is valid and becomes a route", async () => {
  const { files } = await testRuntime();
  const { manifests, warnings } = await loadManifests(join(ROOT, "deploy/manifests"), files);
  assert.deepEqual(warnings, []);
  const { routes } = createRouteTable(manifests.map(({ provider }) => provider), new Map());
  assert.deepEqual(routes.map(({ name }) => name), ["example-service"]);
});
