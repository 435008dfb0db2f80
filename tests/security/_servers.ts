/** How servers behind the proxy may read a path, from the literal to the most careless. @module */

/** One way to read a path. */
export interface ServerModel {
  /** How often triplets are decoded. */
  readonly decodes: number;
  /** `\` counts as `/`. */
  readonly takesBackslash: boolean;
  /** `;a=b` of a segment is cut off, before and after decoding. */
  readonly cutsParameters: boolean;
  /** Empty segments are dropped. */
  readonly joinsSlashes: boolean;
  /** Case and compatibility forms do not matter; dots and blanks at the end of a segment go. */
  readonly isWindows: boolean;
}

const FLAGS = [false, true];

/** Every combination. */
export const SERVER_MODELS: readonly ServerModel[] = [0, 1, 2, 3].flatMap((decodes) =>
  FLAGS.flatMap((takesBackslash) =>
    FLAGS.flatMap((cutsParameters) =>
      FLAGS.flatMap((joinsSlashes) =>
        FLAGS.map((isWindows) => ({
          decodes,
          takesBackslash,
          cutsParameters,
          joinsSlashes,
          isWindows,
        }))
      )
    )
  )
);

/** The path that such a server serves. */
export function serve(path: string, model: ServerModel): string {
  let text = model.cutsParameters ? cutParameters(path) : path;
  for (let round = 0; round < model.decodes; round++) text = decode(text);
  // What a C string ends at, and what a second URL parser would take for a query.
  text = text.replace(/[\0?#].*$/s, "");
  if (model.isWindows) text = text.normalize("NFKC").toLowerCase();
  if (model.takesBackslash) text = text.replaceAll("\\", "/");
  if (model.cutsParameters) text = cutParameters(text);
  const kept: string[] = [];
  for (const part of text.split("/").slice(1)) {
    const segment = model.isWindows && !/^\.\.?$/.test(part) ? part.replace(/[. ]+$/, "") : part;
    if (segment === "..") kept.pop();
    else if (segment !== "." && (segment !== "" || !model.joinsSlashes)) kept.push(segment);
  }
  return `/${kept.join("/")}`;
}

function cutParameters(path: string): string {
  return path.replace(/;[^/\\]*/g, "");
}

function decode(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = Uint8Array.from(run.slice(1).split("%"), (hex) => Number.parseInt(hex, 16));
    return new TextDecoder().decode(bytes);
  });
}
