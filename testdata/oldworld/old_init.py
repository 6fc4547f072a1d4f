"""What this old world's init does, from config.yaml: write the files of the
components, create the databases, register the node with the CM."""

import json
import os
import shlex
import subprocess
import sys
import urllib.parse
import urllib.request
from xml.sax.saxutils import escape

what, root = sys.argv[1:]

config = {}
for text in open(root + "/home/admin/conf/config.yaml", encoding="utf-8"):
    key, _, value = text.rstrip("\n").partition(": ")
    if key and not key.startswith("#"):
        config[key] = json.loads(value)
c = lambda key, otherwise="": config.get(key, otherwise)
host_ip = os.environ["OMS_HOST_IP"]
meta = "%s:%s" % (c("oms_meta_host"), c("oms_meta_port"))
nodes = c("cm_nodes")
cm_address = c("cm_url").split("://")[1]


def java(text):
    """A value as java.util.Properties.store writes it."""
    out = ""
    for i, ch in enumerate(str(text)):
        if ch in "\\=:#!" or ch == " " and i == 0:
            out += "\\" + ch
        elif not " " <= ch <= "~":
            units = ch.encode("utf-16-be")
            out += "".join("\\u%04X" % (units[n] * 256 + units[n + 1]) for n in range(0, len(units), 2))
        else:
            out += ch
    return out


def write(path, text, mode=0o600):
    name = root + path
    with open(name, "w", encoding="utf-8", newline="") as f:
        f.write(text)
    os.chmod(name, mode)


def properties(path, pairs, spell):
    write(path, "".join("%s=%s\n" % (k, spell(v)) for k, v in pairs))


def files():
    url = "jdbc:mysql://%s/%s?useSSL=false&allowMultiQueries=true&serverTimezone=Asia/Shanghai"
    properties("/home/ds/ghana/config/application-oms.properties", [
        ("ghana.location.code", c("cm_location")),
        ("ghana.location.default", str(c("cm_is_default", True)).lower()),
        ("ghana.location.zh", c("cm_region_cn", c("cm_region"))),
        ("ghana.location.name", c("cm_region")),
        ("ghana.db.master.jdbc", url % (meta, c("drc_rm_db"))),
        ("ghana.db.master.account", c("oms_meta_user")),
        ("ghana.db.master.pwd", c("oms_meta_password")),
        ("ghana.cluster.cm", cm_address),
        ("ghana.http.port", c("ghana_server_port", 8090)),
        ("ghana.influx.switch", "on" if c("tsdb_enabled") else "off"),
        ("ghana.influx.address", "http://" + c("tsdb_url") if c("tsdb_url") else ""),
        ("ghana.influx.dsn", "%s:%s" % (urllib.parse.quote_plus(c("tsdb_username")), urllib.parse.quote_plus(c("tsdb_password")))),
        ("ghana.retry", 1),
    ], java)
    # Written without any escaping, in an order of its own, with blanks.
    write("/home/ds/cm/package/config/drc-cm.properties", (
        "# CM\r\ndrcCfg.cmLocation = %s\r\ndrcCfg.hosts = %s\r\ndrcCfg.first = %s\r\nport.http = %s\r\nloglevel = INFO\r\n\r\n"
        "drcCfg.banner = {{{oms}} %%s\r\nlocal.%s.enabled = 1"
    ) % (c("cm_location"), ";".join(nodes), nodes[0], c("cm_server_port", 8088), c("cm_location")), 0o644)
    properties("/home/ds/cm/package/config/jdbc.properties", [
        ("meta", "jdbc:oceanbase://%s/%s" % (meta, c("drc_cm_db"))),
        ("beat", "jdbc:oceanbase://%s/%s" % (meta, c("drc_cm_heartbeat_db"))),
        ("console", "jdbc:oceanbase://%s/%s" % (meta, c("drc_rm_db"))),
        ("u", c("oms_meta_user")),
        ("p", c("oms_meta_password")),
    ], java)
    write("/home/ds/supervisor/config/supervisor.json", json.dumps({
        "node": {"self": host_ip, "peers": nodes, "size": len(nodes), "listen": {"address": host_ip, "port": c("supervisor_server_port", 9000)}},
        "region": {"label": c("cm_region_cn"), "code": str(c("cm_location"))},
        "metrics": {"on": bool(c("tsdb_enabled")), "influx": {"at": c("tsdb_url"), "user": c("tsdb_username"), "password": c("tsdb_password")}},
        "cm": {"endpoints": ["%s:%s" % (n, c("cm_server_port", 8088)) for n in nodes]},
        "limits": {"retry": 1, "ports": [16000, 17000]},
    }, indent=4) + "\n")
    write("/home/ds/supervisor/config/drc.properties", "cm.url=%s\nlogging.path=%s/home/admin/logs\n" % (c("cm_url"), root), 0o644)
    write("/home/ds/ghana/config/tengine.conf", """worker_processes 1;
error_log %(root)s/home/admin/logs/tengine-error.log;
pid %(root)s/tmp/nginx.pid;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path %(root)s/tmp/body; proxy_temp_path %(root)s/tmp/proxy; fastcgi_temp_path %(root)s/tmp/f;
    uwsgi_temp_path %(root)s/tmp/u; scgi_temp_path %(root)s/tmp/s;
    include %(root)s/home/ds/ghana/config/parts/upstream.inc;
    server {
        listen %(web)s;
        server_name %(ip)s;
        location / { proxy_pass http://ghana; }
    }
}
""" % {"root": root, "web": c("nginx_server_port", 8089), "ip": host_ip}, 0o644)
    os.makedirs(root + "/home/ds/ghana/config/parts", exist_ok=True)
    write("/home/ds/ghana/config/parts/upstream.inc", "upstream ghana {\n    server 127.0.0.1:%s;\n}\n" % c("ghana_server_port", 8090), 0o644)
    write("/home/ds/cm/package/config/plugins/store.xml", (
        '<?xml version="1.0"?>\n<store region="%s">\n  <!-- never 1 -->\n  <credentials user="%s">%s</credentials>\n</store>\n'
    ) % (escape(c("cm_region_cn"), {'"': "&quot;"}), escape(c("oms_meta_user")), escape(c("oms_meta_password"), {'"': "&quot;"})))
    write("/home/ds/supervisor/config/agent.env", "export AGENT_PASS=%s\nexport AGENT_IP=%s\n" % (
        shlex.quote(c("oms_meta_password")), host_ip))


def sql(statements, database=""):
    args = ["mariadb", "--no-defaults", "--default-character-set=utf8mb4", "-h", c("oms_meta_host"), "-P", str(c("oms_meta_port")), "-u", c("oms_meta_user"), "-N", "-B"]
    done = subprocess.run(args + ([database] if database else []), input=statements.encode(), stdout=subprocess.PIPE,
                          env=dict(os.environ, MYSQL_PWD=c("oms_meta_password")))
    if done.returncode:
        sys.exit("sql failed")
    return done.stdout.decode()


def text(value):
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


def db():
    parts = {}
    for l in open(root + "/root/schema.sql", encoding="utf-8"):
        if l.startswith("-- "):
            parts[l[3:].strip()] = []
            now = parts[l[3:].strip()]
        else:
            now.append(l)
    for role, key in (("rm", "drc_rm_db"), ("cm", "drc_cm_db"), ("hb", "drc_cm_heartbeat_db")):
        if sql("SHOW DATABASES LIKE %s" % text(c(key))):
            continue
        sql("CREATE DATABASE `%s` DEFAULT CHARACTER SET utf8mb4" % c(key))
        sql("".join(parts[role]), c(key))
        if role == "cm":
            sql("""DELIMITER $$
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC BEGIN DECLARE x INT; SET x = n * 2; RETURN x; END$$
CREATE PROCEDURE forget(IN who VARCHAR(64)) BEGIN DELETE FROM machine WHERE ip = who; DELETE FROM machine_log WHERE ip = who; END$$
CREATE TRIGGER machine_joins AFTER INSERT ON machine FOR EACH ROW BEGIN INSERT INTO machine_log (ip) VALUES (NEW.ip); END$$
DELIMITER ;
""", c(key))
        if role == "rm":
            for name, value in (("ha.config", '{"enable":false,"brace":"{{x}}"}'), ("cm.address", c("cm_url")), ("cm.location", c("cm_location")),
                                ("meta.jdbc", "jdbc:mysql://%s/%s" % (meta, c("drc_cm_db"))), ("greeting", "你好; it's \\ fine"), ("empty", "")):
                sql("INSERT INTO sys_config_kv (cfg_key, cfg_value, gmt_modified) VALUES (%s, %s, NOW())" % (text(name), text(value)), c(key))
            sql("INSERT INTO oms_version (version) VALUES ('4.2.7-CE')", c(key))


def resources():
    def call(path, form, method="POST"):
        data = json.dumps(form) if method == "PUT" else urllib.parse.urlencode(form)
        url = c("cm_url") + path + ("?" + data if method == "GET" else "")
        request = urllib.request.Request(url, data.encode() if method != "GET" else None, method=method)
        if method == "PUT":
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            got = json.loads(answer.read())
        if not got["isSuccess"] and got["errCode"] not in (302, 409):
            sys.exit("the CM refused %s: %s" % (path, got))

    for _ in range(600):
        try:
            urllib.request.urlopen(c("cm_url") + "/", timeout=5).read()
            break
        except OSError:
            import time
            time.sleep(0.1)
    call("/consumer/register", {"consumer": "drc", "loc": c("cm_location"), "zh": c("cm_region_cn")})
    call("/group/%s/unit" % c("cm_location"), {"code": c("cm_location"), "members": nodes, "cm": c("cm_url")}, "PUT")
    call("/machine/join", {"ip": host_ip, "agentPort": c("supervisor_server_port", 9000)}, "GET")
    sql("INSERT IGNORE INTO site_registry (code, title, entry, gmt_created) VALUES (%d, %s, %s, NOW())" % (
        c("cm_location"), text(c("cm_region_cn")), text(c("cm_url"))), c("drc_rm_db"))
    for node in nodes:
        sql("INSERT IGNORE INTO site_member (host, site) VALUES (%s, %d)" % (text(node), c("cm_location")), c("drc_rm_db"))


{"files": files, "db": db, "resources": resources}[what]()
