# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM python:3.12-alpine AS builder

WORKDIR /app

COPY requirements.txt /app
RUN --mount=type=cache,target=/root/.cache/pip \
    pip3 install -r requirements.txt

COPY . /app

EXPOSE 5000
ENTRYPOINT ["python3"]
CMD ["app.py"]

FROM builder AS dev-envs

RUN <<EOF
apk update
apk add git
EOF

RUN <<EOF
addgroup -S docker
adduser -S --shell /bin/bash --ingroup docker developer
EOF

COPY --from=docker:cli /usr/local/bin/docker /usr/local/bin/
CMD ["app.py", "--debug"]
