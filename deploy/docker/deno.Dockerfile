# The proxy on Deno, with no permission it does not need. Build from the project's folder:
#   docker build -f deploy/docker/deno.Dockerfile -t ati-proxy:deno .
# Pin both images by digest for production.

FROM node:22-bookworm-slim AS packages
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# Without the compiler that a package would use if it were there.
RUN npm ci --omit=dev --omit=optional --omit=peer

FROM denoland/deno:2.9.6
ENV ATI_DIR=/var/lib/ati ATI_BIND=0.0.0.0 PORT=8090 ATI_ENABLE_PASSTHROUGH=1 \
  ATI_SIG_VERIFY_MODE=enforce
WORKDIR /app
COPY deno.json package.json server.ts mod.ts ./
COPY lib ./lib
COPY --from=packages /src/node_modules ./node_modules
RUN install -d -o 1000 -g 1000 -m 0750 /var/lib/ati
USER 1000:1000
EXPOSE 8090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["deno", "eval", "--no-config", "Deno.exit((await fetch('http://127.0.0.1:8090/health')).ok ? 0 : 1)"]
ENTRYPOINT ["deno", "run", "--cached-only", "--no-prompt", "--quiet", "--allow-net", "--allow-env", "--allow-sys", "--allow-read=/app,/var/lib/ati,/run/ati,/run/secrets", "--allow-write=/var/lib/ati,/run/ati", "server.ts"]
