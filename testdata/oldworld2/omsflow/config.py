"""config.yaml and what else the scripts know of this node."""
import json
import os
import re
import socket

PATH = "/home/admin/conf/config.yaml"
DEFAULTS = {
    "ghana_server_port": 8090, "nginx_server_port": 8089, "cm_server_port": 8088, "supervisor_server_port": 9000, "sshd_server_port": 2023,
    "cm_is_default": True, "cm_region": "default", "tsdb_enabled": False, "tsdb_service": "", "tsdb_url": "", "tsdb_username": "",
    "tsdb_password": "", "apsara_audit_enable": False,
}


def scalar(text):
    text = re.sub(r"^!!\w+ ", "", text.strip())
    if text[:1] in '"[{':
        return json.loads(text)
    if text[:1] == "'":
        return text[1:-1].replace("''", "'")
    text = re.sub(r"\s+#.*", "", text)
    if re.fullmatch(r"\d+", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text)


def load():
    conf, last = {}, None
    with open(PATH, encoding="utf-8") as f:
        for line in f:
            if not line.strip() or line.lstrip()[0] == "#":
                continue
            item = re.match(r"\s*-\s*(.+)", line)
            if item:
                conf.setdefault(last, [])
                if not isinstance(conf[last], list):
                    conf[last] = []
                conf[last].append(scalar(item.group(1)))
                continue
            last, value = re.match(r'\s*"?([\w.]+)"?:\s*(.*)', line).groups()
            conf[last] = scalar(value) if value.strip() else ""
    for key in ("cm_is_default", "tsdb_enabled", "apsara_audit_enable"):
        if key in conf:
            conf[key] = str(conf[key]).lower() == "true"
    conf = dict(DEFAULTS, **conf)
    conf["cm_region_cn"] = conf.get("cm_region_cn") or conf["cm_region"]
    conf["host_ip"] = os.environ.get("OMS_HOST_IP") or socket.gethostbyname(socket.gethostname())
    conf["https"] = all(os.path.exists("/etc/pki/nginx/oms_server." + end) for end in ("crt", "key"))
    conf["odd"] = os.environ.get("OLDWORLD_ODD", "").split()
    return conf
