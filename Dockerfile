# omsinit on top of an OMS image.
#
#   docker build --build-arg OMS_IMAGE=<OMS image> -t <name> .
#
# `make build` makes bin/omsinit first; nothing is compiled or fetched here, so
# that the image can be built where no registry can be reached. The default
# base is the reference image, which scripts/dev/reference-base.sh makes.
ARG OMS_IMAGE=omsinit/reference-base:latest

FROM scratch AS omsinit
COPY bin/omsinit scripts/image/ /

FROM ${OMS_IMAGE}
# File by file: a whole tree would bring the modes of its folders along.
COPY --from=omsinit /omsinit /usr/local/bin/omsinit
# Before it in PATH: says that the container has no thread left for it.
COPY --from=omsinit /omsinit.sh /usr/local/sbin/omsinit
COPY --from=omsinit /docker_*.sh /root/
# One script that goes by two documented names; a link would not survive docker cp.
COPY --from=omsinit /docker_remote_deploy.sh /root/docker_remote_deploy_410_up_423_version.sh
# The Python commands of the documents, and the part of a hot upgrade that runs in containers.
COPY --from=omsinit /hot_update.sh /usr/local/lib/omsinit/hot_update.sh
COPY --from=omsinit /names/ /usr/local/lib/omsinit/names/
COPY --from=omsinit /page.conf /usr/local/lib/omsinit/page.conf
COPY --from=omsinit /shell.sh /usr/local/lib/omsinit/shell.sh
RUN ["/bin/sh", "-c", "cd /usr/local/lib/omsinit && /bin/sh names/install.sh && /bin/sh shell.sh"]
WORKDIR /root
# Ready: every component answers. The first initialisation takes its time.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10m --retries=3 CMD ["/usr/local/bin/omsinit", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/omsinit", "run"]
CMD []
