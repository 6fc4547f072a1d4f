"""Plays a component of this old world, from its generated files alone. Not
OceanBase's software."""

import http.server
import json
import os
import re
import socketserver
import subprocess
import sys
import urllib.parse
import urllib.request

role, root = sys.argv[1:]


def java_properties(path):
    out = {}
    for l in open(root + path, encoding="latin-1"):
        l = l.rstrip("\r\n")
        if not l or l.startswith("#"):
            continue
        m = re.match(r"((?:[^=:\s\\]|\\.)+)\s*[=:]\s*(.*)$", l)
        value = re.sub(r"\\u([0-9a-fA-F]{4})", lambda u: chr(int(u.group(1), 16)), m.group(2))
        value = value.encode("utf-16", "surrogatepass").decode("utf-16")
        out[m.group(1)] = re.sub(r"\\(.)", r"\1", value)
    return out


def database(url, user, password):
    m = re.match(r"jdbc:\w+://([^:/]+):(\d+)/([^?]+)", url)

    def sql(statements):
        done = subprocess.run(["mariadb", "--no-defaults", "--default-character-set=utf8mb4", "-h", m.group(1), "-P", m.group(2), "-u", user, "-N", "-B", m.group(3)],
                              input=statements.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, MYSQL_PWD=password))
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return done.stdout.decode()
    return sql


def text(value):
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, value, status=200):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        at = urllib.parse.urlsplit(self.path)
        self.serve("GET " + at.path, dict(urllib.parse.parse_qsl(at.query, keep_blank_values=True)))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.serve("POST " + self.path, dict(urllib.parse.parse_qsl(body, keep_blank_values=True)))

    def do_PUT(self):
        self.serve("PUT " + self.path, json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0)))))

    def serve(self, what, form):
        try:
            self.answer(handle(what, form))
        except KeyError as missing:
            self.answer({"isSuccess": False, "errCode": 400, "errMsg": "no %s" % missing})


def serve(address, port):
    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True
        allow_reuse_address = True
    Server((address, int(port)), Handler).serve_forever()


if role == "cm":
    jdbc = java_properties("/home/ds/cm/package/config/jdbc.properties")
    own = java_properties("/home/ds/cm/package/config/drc-cm.properties")
    meta, beat, console = (database(jdbc[name], jdbc["u"], jdbc["p"]) for name in ("meta", "beat", "console"))
    beat("SELECT count(*) FROM beat")
    if "<credentials" not in open(root + "/home/ds/cm/package/config/plugins/store.xml", encoding="utf-8").read():
        sys.exit("no credentials in store.xml")

    def handle(what, form):
        if what == "GET /":
            return {"cm": own["drcCfg.cmLocation"]}
        if what == "POST /consumer/register":
            if meta("SELECT 1 FROM consumer WHERE name = %s AND location = %d" % (text(form["consumer"]), int(form["loc"]))):
                return {"isSuccess": False, "errCode": 409, "errMsg": "exists"}
            meta("INSERT INTO consumer VALUES (%s, %d); REPLACE INTO location_cm VALUES (%d, %s)" % (text(form["consumer"]), int(form["loc"]), int(form["loc"]), text(form["zh"])))
        elif what == "PUT /group/%s/unit" % form.get("code"):
            meta("REPLACE INTO group_unit VALUES (%d, %s)" % (form["code"], text(",".join(form["members"]) + " " + form["cm"])))
            console("REPLACE INTO cluster_info (region_cn, cm_url, code) VALUES (%s, %s, %d)" % (
                text(meta("SELECT address FROM location_cm WHERE loc_no = %d" % int(form["code"])).strip()), text(form["cm"]), int(form["code"])))
        elif what == "GET /machine/join":
            meta("REPLACE INTO machine (ip, agent_port, joined) VALUES (%s, %d, NOW())" % (text(form["ip"]), int(form["agentPort"])))
        else:
            return {"isSuccess": False, "errCode": 404, "errMsg": what}
        return {"isSuccess": True}

    serve("", own["port.http"])
elif role == "console":
    own = java_properties("/home/ds/ghana/config/application-oms.properties")
    rm = database(own["ghana.db.master.jdbc"], own["ghana.db.master.account"], own["ghana.db.master.pwd"])
    rm("SELECT count(*) FROM sys_config_kv")

    def handle(what, form):
        if what != "GET /oms/health":
            return {}
        urllib.request.urlopen("http://" + own["ghana.cluster.cm"] + "/", timeout=3).read()
        settings = rm("SELECT count(*) FROM sys_config_kv").strip()
        return {"data": {"healthy": True, "settings": settings, "region": own["ghana.location.zh"]}}

    serve("127.0.0.1", own["ghana.http.port"])
else:
    own = json.load(open(root + "/home/ds/supervisor/config/supervisor.json"))
    if own["node"]["self"] not in own["node"]["peers"]:
        sys.exit("I am none of my peers")
    if "AGENT_PASS=" not in open(root + "/home/ds/supervisor/config/agent.env", encoding="utf-8").read():
        sys.exit("no AGENT_PASS")

    def handle(what, form):
        return {"region": own["region"]["label"]}

    serve(own["node"]["listen"]["address"], own["node"]["listen"]["port"])
