FROM node:22-bookworm-slim

# Create app directory
WORKDIR /usr/src/app

ENV NODE_ENV=production \
    PATH=/usr/src/app/node_modules/.bin:$PATH

COPY package*.json ./
RUN npm ci --omit=dev && npm cache clean --force

COPY . .

USER node
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --retries=3 CMD node healthcheck.js
CMD [ "node", "server.js" ]
