/** The commands of a proxy host, as data. @module */

import type { CommandSpec } from "./command.ts";
import type { OptionSpec } from "./options.ts";
import { ATI_DIR } from "./shared_options.ts";

const PROXY_OPTIONS: readonly OptionSpec[] = [
  { flags: "--port <port>", summary: "TCP port; 0 picks a free one", fallback: "8090" },
  { flags: "--bind <address>", summary: "IP address to listen on", fallback: "127.0.0.1" },
  ATI_DIR,
  { flags: "--env-keys", summary: "Credentials from ATI_KEY_* variables instead of files" },
  { flags: "--migrate", summary: "Apply database migrations first", hidden: true },
  { flags: "--enable-passthrough", summary: 'Serve manifests with handler = "passthrough"' },
  {
    flags: "--sig-verify-mode <mode>",
    summary: "What to do about request signatures",
    choices: ["log", "warn", "enforce"],
    fallback: "log",
  },
  {
    flags: "--sig-drift-seconds <seconds>",
    summary: "Clock drift a signature may have",
    fallback: "60",
  },
  {
    flags: "--sig-min-version <version>",
    summary: "Oldest signature version that is valid; 2 cannot be replayed",
    choices: ["1", "2"],
    fallback: "1",
  },
  {
    flags: "--sig-exempt-paths <globs>",
    summary: "Paths without signature, separated by commas; replaces the built-in list",
  },
  { flags: "--watch", summary: "Reload when manifests, keyring or key files change" },
  {
    flags: "--log-level <level>",
    summary: "Lowest level that is logged",
    choices: ["debug", "info", "warn", "error"],
    fallback: "info",
  },
];

/** `ati proxy`. */
export const PROXY: CommandSpec = {
  name: "proxy",
  summary: "Start the proxy server",
  description: "Start the proxy server: it checks session tokens and signatures, and forwards " +
    "requests with the credentials that sandboxes never see.",
  options: PROXY_OPTIONS,
  examples: [
    "ati proxy",
    "ati proxy --enable-passthrough --sig-verify-mode enforce",
    "ati proxy --env-keys --bind 0.0.0.0 --port 8080",
  ],
  commands: [
    {
      name: "check",
      summary: "Show what would be served, or all that a start would refuse; nothing is started",
      options: [
        ...PROXY_OPTIONS,
        { flags: "--strict", summary: "Warnings are failures too" },
      ],
      examples: [
        "ati proxy check --enable-passthrough",
        "ati proxy check --strict && systemctl reload ati",
        "ati proxy check --json | jq .routes",
      ],
      run: async (context) => (await import("./proxy_check.ts")).runProxyCheck(context),
    },
  ],
  run: async (context) => (await import("./proxy.ts")).runProxy(context),
};

/** `ati manifest`. */
export const MANIFEST: CommandSpec = {
  name: "manifest",
  summary: "Provider manifests",
  commands: [
    {
      name: "list",
      summary: "The providers in the state directory",
      options: [ATI_DIR],
      examples: ["ati manifest list", "ati manifest list --json"],
      run: async (context) => (await import("./manifest.ts")).listManifests(context),
    },
    {
      name: "check",
      summary: "Check manifests; exits 2 and shows every issue when one is wrong",
      arguments: [{
        usage: "[paths...]",
        summary: "Files or folders; default: manifests/ in the state directory",
        completes: "file",
      }],
      options: [ATI_DIR],
      examples: ["ati manifest check", "ati manifest check manifests/ my-api.toml"],
      run: async (context) => (await import("./manifest.ts")).checkManifests(context),
    },
  ],
};

/** `ati keyring`. */
export const KEYRING: CommandSpec = {
  name: "keyring",
  summary: "The sealed keyring of a proxy host",
  commands: [
    {
      name: "seal",
      summary: "Encrypt credentials from standard input to keyring.enc",
      description: "Read a JSON object or dotenv lines from standard input and write them " +
        "encrypted to keyring.enc. The key, .keyring-key, is made when there is none.",
      options: [ATI_DIR],
      examples: ["ati keyring seal < credentials.env", "sops -d keys.json | ati keyring seal"],
      run: async (context) => (await import("./keyring.ts")).seal(context),
    },
    {
      name: "open",
      summary: "The names in keyring.enc; values are never shown",
      options: [ATI_DIR, { flags: "--names", summary: "Show the names", required: true }],
      examples: ["ati keyring open --names"],
      run: async (context) => (await import("./keyring.ts")).open(context),
    },
  ],
};

const ONE_PASSWORD: readonly OptionSpec[] = [
  { flags: "--vault <name>", summary: "1Password vault", required: true },
  { flags: "--item <name>", summary: "1Password item that holds the fields", required: true },
  ATI_DIR,
  {
    flags: "--op-path <path>",
    summary: "The 1Password program",
    fallback: "op",
    completes: "file",
  },
  {
    flags: "--op-token-file <path>",
    summary: "File with the service account token",
    completes: "file",
  },
];

/** `ati edge`. */
export const EDGE: CommandSpec = {
  name: "edge",
  summary: "Keyring of a proxy host from 1Password",
  commands: [
    {
      name: "bootstrap-keyring",
      summary: "Fetch an item and seal its fields into keyring.enc",
      options: ONE_PASSWORD,
      examples: [
        'ati edge bootstrap-keyring --vault Production --item "ATI keyring" --ati-dir /var/lib/ati',
      ],
      run: async (context) => (await import("./edge.ts")).bootstrapKeyring(context),
    },
    {
      name: "rotate-keyring",
      summary: "Fetch the item again, replace keyring.enc and signal the proxy",
      options: [
        ...ONE_PASSWORD,
        { flags: "--service <unit>", summary: "systemd unit to signal", fallback: "ati" },
        { flags: "--no-signal", summary: "Do not send SIGHUP" },
      ],
      examples: [
        "ati edge rotate-keyring --vault Production --item ati --ati-dir /var/lib/ati",
      ],
      run: async (context) => (await import("./edge.ts")).rotateKeyring(context),
    },
  ],
};

/** `ati dev`. */
export const DEV: CommandSpec = {
  name: "dev",
  summary: "A ready development proxy, with commands to paste",
  description: "Start a proxy on loopback with everything made for you: keys, a signing secret, " +
    "an upstream that shows what it gets, a manifest that injects a credential, and a session " +
    "token. For development only.",
  options: [
    {
      flags: "--dir <dir>",
      summary: "Keep the state here",
      fallback: "a temporary folder, removed at the end",
      completes: "directory",
    },
    { flags: "--port <port>", summary: "TCP port", fallback: "8090, or a free one" },
  ],
  examples: ["ati dev", "ati dev --dir ./ati-dev --port 9000"],
  run: async (context) => (await import("./dev.ts")).runDev(context),
};
