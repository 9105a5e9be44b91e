# syntax=docker/dockerfile:1.4
FROM --platform=${BUILDPLATFORM:-linux/amd64} node:14-alpine AS builder

RUN mkdir /project
WORKDIR /project

RUN npm install -g @vue/cli@4

COPY package.json yarn.lock .
RUN --mount=type=cache,id=yarn,target=/usr/local/share/.cache/yarn yarn install
COPY --exclude=node_modules --exclude=**/*.spec.js . .

ENV HOST=0.0.0.0
CMD ["yarn", "run", "serve"]

FROM builder as dev-envs

RUN <<EOF
apk update
apk add git
EOF
CMD ["yarn", "run", "serve"]
