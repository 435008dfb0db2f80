/** A module that serves as `server.ts` does; says who listens. @module */

import process from "node:process";
import { createEntry, isMainModule, openRuntime } from "../../lib/runtime/mod.ts";
import type { ServerEntry } from "../../lib/runtime/mod.ts";

const runtime = await openRuntime();
const handler = (): Response => new Response("served");

const entry: ServerEntry = createEntry(runtime, {
  isMain: isMainModule(import.meta),
  handler,
  listen: () =>
    void runtime.listen(handler, { hostname: "127.0.0.1", port: 0 }).then(({ port }) => {
      process.stdout.write(`listens itself on ${port}\n`);
    }),
});

export default entry;
