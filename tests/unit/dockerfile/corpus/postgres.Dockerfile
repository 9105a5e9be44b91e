FROM debian:bookworm-slim

# explicitly set user/group IDs
RUN set -eux; \
	groupadd -r postgres --gid=999; \
# home folder as the package has it
	useradd -r -g postgres --uid=999 --home-dir=/var/lib/postgresql --shell=/bin/bash postgres; \
	install --verbose --directory --owner postgres --group postgres --mode 1777 /var/lib/postgresql

ENV LANG en_US.utf8
RUN mkdir /docker-entrypoint-initdb.d

ENV PG_MAJOR 16
ENV PATH $PATH:/usr/lib/postgresql/$PG_MAJOR/bin
ENV PG_VERSION 16.3-1.pgdg120+1

RUN set -ex; \
	\
	export PYTHONDONTWRITEBYTECODE=1; \
	\
	aptRepo="[ signed-by=/usr/local/share/keyrings/postgres.gpg.asc ] http://apt.example.com/pub/ bookworm-pgdg main $PG_MAJOR"; \
	case "$(dpkg --print-architecture)" in \
		amd64 | arm64) \
			echo "deb $aptRepo" > /etc/apt/sources.list.d/pgdg.list; \
			;; \
	esac; \
	sed -ri 's/#(create_main_cluster) .*$/\1 = false/' /etc/postgresql-common/createcluster.conf; \
	apt-get install -y "postgresql-$PG_MAJOR=$PG_VERSION"; \
	find /usr -name '*.pyc' -type f -exec bash -c 'for pyc; do dpkg -S "$pyc" &> /dev/null || rm -vf "$pyc"; done' -- '{}' +

ENV PGDATA /var/lib/postgresql/data
# 1777 will be replaced by 0700 at runtime
RUN install --directory --owner postgres --group postgres --mode 1777 "$PGDATA"
VOLUME /var/lib/postgresql/data

COPY docker-entrypoint.sh docker-ensure-initdb.sh /usr/local/bin/
ENTRYPOINT ["docker-entrypoint.sh"]

# "Fast Shutdown mode"
STOPSIGNAL SIGINT

EXPOSE 5432
CMD ["postgres"]
