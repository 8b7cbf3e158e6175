# syntax=docker/dockerfile:1
# The simulated mesh for manifests/compose: not part of the image of the bot.
FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts && npm cache clean --force
COPY tsconfig.json ./
COPY src ./src
COPY demo ./demo
USER node
EXPOSE 8080 9500
ENTRYPOINT ["node", "--import", "tsx", "demo/export.ts"]
