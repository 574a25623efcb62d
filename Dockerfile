# Two images: `docker build -t automigrate .`, and with virsh and ssh for libvirt `docker build --target libvirt -t automigrate-libvirt .`
# Pin the base where images are published: --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:…
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit \
  && npm sbom --package-lock-only --omit=dev --sbom-format=cyclonedx > sbom.cdx.json \
  && chmod +x dist/main.js

FROM ${NODE_IMAGE} AS base
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json /app/sbom.cdx.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The journal and the rules are all that is written: mount volumes there, everything else may be read-only.
RUN mkdir data rules && chown node:node data rules && ln -s /app/dist/main.js /usr/local/bin/automigrate
ENV RULES_DIR=/app/rules DATA_DIR=/app/data
LABEL org.opencontainers.image.title="automigrate" \
  org.opencontainers.image.description="Turns monitoring alerts about virtual machine hosts into live migrations" \
  org.opencontainers.image.licenses="Apache-2.0"
VOLUME /app/data
EXPOSE 9095
HEALTHCHECK --interval=15s --timeout=3s --start-period=5s \
  CMD ["node", "dist/main.js", "health"]
CMD ["node", "dist/main.js", "serve"]

FROM base AS libvirt
RUN apt-get update && apt-get install -y --no-install-recommends libvirt-clients openssh-client \
  && rm -rf /var/lib/apt/lists/*
USER node

# The last target is what is built where none is named.
FROM base AS receiver
USER node
