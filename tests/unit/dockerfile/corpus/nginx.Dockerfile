#
# In the style of the nginx image: one long RUN with comments at the left margin.
#
FROM debian:bookworm-slim

LABEL maintainer="Web Maintainers <web@example.com>"

ENV NGINX_VERSION   1.27.0
ENV PKG_RELEASE     1~bookworm

RUN set -x \
# a fixed user, the same in all variants
    && groupadd --system --gid 101 nginx \
    && useradd --system --gid nginx --no-create-home --home /nonexistent --comment "nginx user" --shell /bin/false --uid 101 nginx \
    && apt-get update \
    && apt-get install --no-install-recommends -y gnupg1 ca-certificates \
    && \
    KEY=0000000000000000000000000000000000000000; \
    found=''; \
    for server in \
        hkp://keys.example.com:80 \
        keys.example.org \
    ; do \
        echo "Fetching key $KEY from $server"; \
        gpg1 --keyserver "$server" --recv-keys "$KEY" && found=yes && break; \
    done; \
    test -z "$found" && echo >&2 "error: failed to fetch key $KEY" && exit 1; \
    case "$(dpkg --print-architecture)" in \
        amd64|arm64) \
            echo "deb https://packages.example.com/debian/ bookworm nginx" >> /etc/apt/sources.list.d/nginx.list \
            && apt-get update \
            ;; \
        *) \
# other architectures build from source
            tempDir="$(mktemp -d)" \
            \
            && REVISION="${NGINX_VERSION}-${PKG_RELEASE}" \
            && REVISION=${REVISION%~*} \
            ;; \
    esac \
    \
    && apt-get install -y nginx=${NGINX_VERSION}-${PKG_RELEASE} \
# logs go to the collector
    && ln -sf /dev/stdout /var/log/nginx/access.log \
    && ln -sf /dev/stderr /var/log/nginx/error.log

COPY docker-entrypoint.sh /
COPY 10-listen.sh 20-templates.sh /docker-entrypoint.d/
ENTRYPOINT ["/docker-entrypoint.sh"]

EXPOSE 80

STOPSIGNAL SIGQUIT

CMD ["nginx", "-g", "daemon off;"]
