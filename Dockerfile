FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY rules ./rules
# The journal is all that is written: mount a volume there, everything else may be read-only.
RUN mkdir data && chown node:node data
USER node
ENV RULES_DIR=/app/rules DATA_DIR=/app/data
VOLUME /app/data
EXPOSE 9095
HEALTHCHECK --interval=15s --timeout=3s --start-period=5s \
  CMD ["node", "dist/main.js", "health"]
CMD ["node", "dist/main.js", "serve"]
