FROM python:3.12 AS onbuild

RUN mkdir -p /usr/src/app
WORKDIR /usr/src/app

ONBUILD COPY requirements.txt /usr/src/app/
ONBUILD RUN pip install --no-cache-dir -r requirements.txt
ONBUILD COPY . /usr/src/app

FROM onbuild
MAINTAINER Somebody <somebody@example.com>
EXPOSE 8000-8005 9000/udp
CMD python app.py
