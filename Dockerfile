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
COPY --from=omsinit /docker_cmd.sh /docker_init.sh /docker_update_app_port.sh /docker_update_meta_db.sh /docker_hot_update_init.sh /docker_oms_ce_version_upgrade.sh /docker_oms_ce_version_roll_back.sh /root/
WORKDIR /root
# Ready: every component answers. The first initialisation takes its time.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10m --retries=3 CMD ["/usr/local/bin/omsinit", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/omsinit", "run"]
CMD []
