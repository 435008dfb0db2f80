# The proxy on Node. Build from the project's folder:
#   docker build -f deploy/docker/node.Dockerfile -t ati-proxy:node .
# Pin both images by digest for production.

FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json ./
RUN npm ci
# By name: the folder may hold keys, and state of a proxy.
COPY cli.ts server.ts mod.ts ./
COPY lib ./lib
COPY tools ./tools
RUN npm run build && npm prune --omit=dev --omit=optional --omit=peer

FROM node:22-bookworm-slim
ENV NODE_ENV=production ATI_DIR=/var/lib/ati ATI_BIND=0.0.0.0 PORT=8090 \
  ATI_ENABLE_PASSTHROUGH=1 ATI_SIG_VERIFY_MODE=enforce
WORKDIR /app
COPY --from=build /src/package.json ./
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/dist ./dist
RUN install -d -o 1000 -g 1000 -m 0750 /var/lib/ati
USER 1000:1000
EXPOSE 8090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8090/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/ati.cjs", "proxy"]
