/**
 * The tree of commands, as data: parser, help pages and shell completion are made from it.
 *
 * @module
 */

import type { CommandSpec } from "./command.ts";
import { DEV, EDGE, KEYRING, MANIFEST, PROXY } from "./commands_host.ts";
import { SIGN } from "./commands_sign.ts";
import { AUTH, TOKEN } from "./commands_token.ts";
import { ATI_DIR, GLOBAL_OPTIONS } from "./shared_options.ts";

const INIT: CommandSpec = {
  name: "init",
  summary: "Create the state directory, and keys for a proxy",
  description: "Create manifests/, specs/, skills/ and config.toml in the state directory. With " +
    "--proxy also make the keys that sign session tokens, and print the variables to export.",
  options: [
    ATI_DIR,
    { flags: "--proxy", summary: "Make signing keys for a proxy (HS256 unless --es256)" },
    { flags: "--es256", summary: "With --proxy: an ES256 key pair in PEM files" },
    { flags: "--force", summary: "Replace signing keys that exist; they are kept as a backup" },
  ],
  examples: [
    "ati init",
    "ati init --proxy --es256",
    'eval "$(ati init --proxy --es256)" && ati proxy',
  ],
  run: async (context) => (await import("./init.ts")).initialize(context),
};

const KEY: CommandSpec = {
  name: "key",
  summary: "Upstream credentials in the state directory",
  commands: [
    {
      name: "set",
      summary: "Store a credential",
      description: "Store a credential under the name that manifests use. The value comes from " +
        "the argument, from standard input (-), from a hidden prompt on a terminal, or from a file.",
      arguments: [
        { usage: "<name>", summary: "Name of the credential, for example github_api_key" },
        { usage: "[value]", summary: "The secret; - reads standard input" },
      ],
      options: [
        ATI_DIR,
        { flags: "--from-file <path>", summary: "Read the value from a file", completes: "file" },
        { flags: "--from-env <variable>", summary: "Read the value from a variable" },
      ],
      examples: [
        "ati key set github_api_key",
        "op read op://dev/github/token | ati key set github_api_key -",
        "ati key set gcp_credentials --from-file service-account.json",
      ],
      run: async (context) => (await import("./key.ts")).setKey(context),
    },
    {
      name: "list",
      summary: "Names and masked values",
      options: [ATI_DIR],
      examples: ["ati key list", "ati key list --json | jq -r '.[].name'"],
      run: async (context) => (await import("./key.ts")).listKeys(context),
    },
    {
      name: "remove",
      summary: "Delete a credential",
      arguments: [{ usage: "<name>", summary: "Name of the credential" }],
      options: [ATI_DIR],
      examples: ["ati key remove github_api_key"],
      run: async (context) => (await import("./key.ts")).removeKey(context),
    },
  ],
};

const VERSION: CommandSpec = {
  name: "version",
  summary: "Show the version",
  examples: ["ati version", "ati version --json"],
  run: async (context) => (await import("./version.ts")).showVersion(context),
};

const COMPLETION: CommandSpec = {
  name: "completion",
  summary: "Print a completion script for your shell",
  arguments: [
    { usage: "<shell>", summary: "bash, zsh or fish", completes: ["bash", "zsh", "fish"] },
  ],
  examples: [
    "ati completion bash > ~/.local/share/bash-completion/completions/ati",
    'ati completion zsh > "${fpath[1]}/_ati"',
    "ati completion fish > ~/.config/fish/completions/ati.fish",
  ],
  run: async (context) => {
    const { printCompletion } = await import("./completion.ts");
    return await printCompletion(context, { program: PROGRAM, globals: GLOBAL_OPTIONS });
  },
};

const COMMANDS: readonly CommandSpec[] = [
  INIT,
  KEY,
  TOKEN,
  AUTH,
  SIGN,
  PROXY,
  MANIFEST,
  KEYRING,
  EDGE,
  DEV,
  VERSION,
  COMPLETION,
];

// Without `run`: the parser answers it.
const HELP: CommandSpec = {
  name: "help",
  summary: "Show the page of a command",
  arguments: [{
    usage: "[command...]",
    summary: "Words of the command, for example: token issue",
    completes: COMMANDS.map(({ name }) => name),
  }],
  examples: ["ati help", "ati help token issue"],
};

/** The program and all its commands. */
export const PROGRAM: CommandSpec = {
  name: "ati",
  summary: "Credentials for AI agents: scoped tokens, signatures, a keyring, a proxy.",
  examples: [
    "ati dev                        a proxy to try, with commands to paste",
    "ati init --proxy --es256       keys for a proxy of your own",
    "ati help token issue           more about one command",
  ],
  commands: [...COMMANDS, HELP],
};
