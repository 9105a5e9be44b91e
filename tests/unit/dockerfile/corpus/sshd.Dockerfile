FROM ubuntu:22.04

LABEL "com.example.vendor"="ACME Incorporated" \
      com.example.label-with-value="foo" \
      description="This text illustrates \
that label-values can span multiple lines."

ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y openssh-server gnupg curl \
 && mkdir -p /var/run/sshd /etc/apt/keyrings \
 && curl -fsSL https://packages.example.com/key.asc | gpg --dearmor -o /etc/apt/keyrings/example.gpg \
 && echo "deb [signed-by=/etc/apt/keyrings/example.gpg] https://packages.example.com/apt $(. /etc/os-release && echo "$VERSION_CODENAME") main" \
      > /etc/apt/sources.list.d/example.list
RUN sed -i 's/#*PermitRootLogin prohibit-password/PermitRootLogin yes/g' /etc/ssh/sshd_config
RUN sed -i 's@session\s*required\s*pam_loginuid.so@session optional pam_loginuid.so@g' /etc/pam.d/sshd
RUN echo "export VISIBLE=now" >> /etc/profile
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN echo 'root:screencast' | chpasswd
EXPOSE 22
ENTRYPOINT ["/usr/sbin/sshd"]
CMD ["-D", "-e"]
