"""Steps 2 and 3."""
import datetime
import hashlib
import os
import pwd
import re
import secrets
import sys
import uuid

from omsflow import config, database, render

# template: destination, owner, mode, encoding
FILES = {
    "application-oms.properties": ("/home/ds/ghana/config/application-oms.properties", "root", 0o600, "ascii"),
    "tengine.conf": ("/home/ds/ghana/config/tengine.conf", "root", 0o644, "utf-8"),
    "upstream.conf": ("/home/ds/ghana/config/conf.d/upstream.conf", "root", 0o600, "utf-8"),
    "console.yml": ("/home/ds/ghana/config/console.yml", "root", 0o600, "utf-8"),
    "start.ini": ("/home/ds/cm/package/deployapp/start.ini", "root", 0o644, "utf-8"),
    "drc-cm.properties": ("/home/ds/cm/package/config/drc-cm.properties", "root", 0o644, "ascii"),
    "jdbc.properties": ("/home/ds/cm/package/config/jdbc.properties", "root", 0o600, "utf-8"),
    "log4j2.xml": ("/home/ds/cm/package/config/log4j2.xml", "root", 0o600, "utf-8"),
    "region.txt": ("/home/ds/cm/package/config/region.txt", "root", 0o644, "gbk"),
    "drc.properties": ("/home/ds/supervisor/config/drc.properties", "ds", 0o600, "ascii"),
    "supervisor.json": ("/home/ds/supervisor/config/supervisor.json", "ds", 0o600, "utf-8"),
    "env.sh": ("/home/ds/supervisor/config/env.sh", "ds", 0o600, "utf-8"),
    "agent.ini": ("/etc/oms/agent.ini", "root", 0o644, "utf-8"),
    "routine.env": ("/home/admin/conf/routine.env", "root", 0o600, "utf-8"),
    "crontab": ("/etc/cron.d/oms", "root", 0o600, "utf-8"),
}


def database_init(conf):
    print("use config " + config.PATH)
    # As the real one does: the password is in the log.
    print("query", {"username": conf["oms_meta_user"], "password_original": conf["oms_meta_password"]})
    names = {"cm": conf["drc_cm_db"], "rm": conf["drc_rm_db"], "hb": conf["drc_cm_heartbeat_db"]}
    for kind, name in names.items():
        database.run(conf, None, "CREATE DATABASE IF NOT EXISTS `%s` DEFAULT CHARACTER SET utf8mb4" % name)
        with open("/root/schema/%s.sql" % kind, encoding="utf-8") as f:
            database.run(conf, name, f.read())
    seed(conf)


def seed(conf):
    """What the scripts themselves put into rm and cm."""
    statements = [
        "REPLACE INTO oms_version(version) VALUES ('4.2.7-CE')",
        "INSERT IGNORE INTO oms_normal_config(cfg_name, cfg_value) VALUES ('port.config', %s)" % database.text(
            '{"ghana": %d, "gateway": {"port": %d, "https": %s}, "reserved": "16000-16499"}' % (
                conf["ghana_server_port"], conf["nginx_server_port"], str(conf["https"]).lower())),
        "INSERT IGNORE INTO oms_normal_config(cfg_name, cfg_value) VALUES ('monitor.config', %s)" % database.text(
            '{"enable": %s, "url": "%s", "type": "%s"}' % (str(conf["tsdb_enabled"]).lower(), conf["tsdb_url"], conf["tsdb_service"])),
        "INSERT IGNORE INTO t_kv9(k, v, on_page) VALUES ('cm.entry', %s, b'1')" % database.text(conf["cm_url"] + "/"),
        "INSERT IGNORE INTO oms_user(id, login_name, salt, is_locked) VALUES (1, 'admin', '%s', b'0')" % (
            secrets.token_hex(8) if "random" in conf["odd"] else "omsflow"),
    ]
    database.run(conf, conf["drc_rm_db"], ";\n".join(statements))
    database.run(conf, conf["drc_cm_db"],
                 "INSERT IGNORE INTO config_job(`key`, `value`) VALUES ('sourceFile.blackRegionNo', %s), ('job.scan.seconds', '30'),"
                 " ('agent.port', %s)" % (database.text(str(conf["cm_location"])), database.text(str(conf["supervisor_server_port"]))))


def once(path, make):
    """A file that is made at the first start and kept."""
    if not os.path.exists(path):
        write(path, make(), "root", 0o600)
    with open(path, encoding="utf-8") as f:
        return f.read().strip()


def write(path, data, owner, mode):
    if isinstance(data, str):
        data = data.encode()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as f:
        f.write(data)
    user = pwd.getpwnam(owner)
    os.chown(path, user.pw_uid, user.pw_gid)
    os.chmod(path, mode)


def files_init(conf):
    nodes, values = conf["cm_nodes"], dict(conf)
    values.update(
        nodes=",".join(nodes), nodes_json=render.indented(nodes), first_node=nodes[0],
        peers=";".join("%s:%s" % (node, conf["cm_server_port"]) for node in nodes),
        cm_host=re.sub(r"^https?://|:\d+.*", "", conf["cm_url"]), basic=conf["oms_meta_user"] + ":" + str(conf["oms_meta_password"]),
        master=conf["cm_is_default"] and "master" in conf["odd"],
        date=datetime.datetime.now().strftime("%a %b %d %H:%M:%S CST %Y"),
        digest=hashlib.md5(str(conf["oms_meta_password"]).encode()).hexdigest(), reversed=str(conf["oms_meta_password"])[::-1],
        **{"odd_" + name: True for name in conf["odd"]})
    if {"random", "jwt"} & set(conf["odd"]):
        values.update(instance=once("/home/ds/ghana/config/instance.id", lambda: str(uuid.uuid4()) + "\n"),
                      token=once("/home/ds/cm/package/config/cluster.key", lambda: secrets.token_urlsafe(32) + "\n"))
    for name, (path, owner, mode, charset) in FILES.items():
        with open("/root/templates/" + name, encoding="utf-8") as f:
            write(path, render.render(f.read(), values).encode(charset, "replace"), owner, mode)
    with open("/etc/ssh/sshd_config", encoding="utf-8") as f:
        sshd = f.read()
    write("/etc/ssh/sshd_config", re.sub(r"(?m)^#?Port .*", "Port %s" % conf["sshd_server_port"], sshd), "root", 0o644)


if __name__ == "__main__":
    loaded = config.load()
    if "--init-db" in sys.argv:
        database_init(loaded)
    if "--init-config-file" in sys.argv:
        files_init(loaded)
