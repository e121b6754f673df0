# One image for every role: the API, the worker, the chain worker and the migrations differ in their command only.
# Node.js runs the TypeScript as it is; what is built is the workflow code, once, so that a start need not do it.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# What npm runs after an installation.
COPY scripts/trim-node-modules.mjs ./scripts/
RUN npm ci --omit=dev --no-audit --no-fund

FROM packages AS bundle
COPY scripts/bundle-workflows.ts ./scripts/
COPY src ./src
RUN node scripts/bundle-workflows.ts build/workflows.js

FROM ${NODE_IMAGE}
# Lines go to the output only: the root is mounted read-only. Metrics listen on the network of the container, which is private.
# Lit's SDK uses names that it has itself deprecated, and would say so at each start.
ENV NODE_ENV=production \
    NO_DEPRECATION=* \
    LOG_DIR=- \
    METRICS_HOST=0.0.0.0 \
    METRICS_PORT=9464 \
    WORKFLOW_BUNDLE=/app/build/workflows.js
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json ./
COPY contracts/codes.ts contracts/gas.ts ./contracts/
COPY contracts/artifacts ./contracts/artifacts
COPY contracts/lit ./contracts/lit
COPY migrations ./migrations
COPY scripts ./scripts
COPY src ./src
COPY --from=bundle /app/build ./build
# "node" of the image, by number: Kubernetes must be able to see that it is not root.
USER 1000:1000
EXPOSE 5000 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "scripts/healthcheck.mjs"]
ENTRYPOINT ["node"]
CMD ["src/main.ts"]
