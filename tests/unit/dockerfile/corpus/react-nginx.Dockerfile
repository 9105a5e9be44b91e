# syntax = docker/dockerfile:1.4

ARG NODE_VERSION=22
ARG NGINX_TAG=${NGINX_TAG:-alpine}

FROM node:${NODE_VERSION}-alpine AS development
ENV CI=true
ENV PORT 3000
WORKDIR /code
COPY package.json package-lock.json /code/
RUN npm ci
COPY . /code
CMD [ "npm", "start" ]

FROM development AS build
RUN ["npm", "run", "build"]

FROM nginx:${NGINX_TAG}
COPY --from=build --chown=101:101 --chmod=u=rwX,go=rX /code/build /usr/share/nginx/html
COPY <<'EOF' /etc/nginx/conf.d/default.conf
server {
    listen 80;
    location / {
        root /usr/share/nginx/html;
        try_files $uri /index.html;
    }
}
EOF
EXPOSE 80
