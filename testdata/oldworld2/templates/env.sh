# sourced by service.sh
export OMS_SUPERVISOR_PORT=${supervisor_server_port}
##if odd_words
export OMS_REGION="${cm_region|dquoted}"
export OMS_REGION_CN=${cm_region_cn|shlex}
##end
export OMS_NODES="${nodes}"
##if tsdb_enabled
export OMS_TSDB_PASSWORD="${tsdb_password|dquoted}"
##end
