#!/usr/bin/python3
"""Plays the console, the CM and the agent, in the place of java: each from the generated files alone."""
import configparser
import http.server
import json
import os
import re
import socket
import socketserver
import sys
import threading
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree

sys.path.insert(0, "/root")


def option(name):
    for arg in sys.argv[1:]:
        if arg.startswith("-D%s=" % name):
            return arg.split("=", 1)[1]
    return None


def properties(path):
    """A file as java.util.Properties.load reads it."""
    out = {}
    with open(path, encoding="latin-1") as f:
        text = re.sub(r"(?m)^[ \t]*[#!].*\n?", "", f.read())
    for line in re.sub(r"(?<!\\)((?:\\\\)*)\\\n[ \t]*", r"\1", text).splitlines():
        key, value = re.fullmatch(r"\s*((?:[^\\:=\s]|\\.)*)\s*[:=]?\s*(.*)", line).groups()
        if key:
            value = re.sub(r"\\(u[0-9a-fA-F]{4}|.)", lambda m: chr(int(m.group(1)[1:], 16)) if m.group(1)[0] == "u" and len(m.group(1)) == 5
                           else {"n": "\n", "t": "\t", "r": "\r"}.get(m.group(1), m.group(1)), value)
            out[key] = value.encode("utf-16", "surrogatepass").decode("utf-16")
    return out


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    play = None

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        try:
            status, reply = 200, self.play(self.command, self.path, self.headers, body)
        except Exception as e:  # the CM answers 200 in both cases
            status, reply = 200, {"isSuccess": False, "errCode": 500, "errMsg": repr(e)}
        data = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


def serve(port, play):
    Handler.play = staticmethod(play)
    Server(("0.0.0.0", port), Handler).serve_forever()


def metadb(url, user=None, password=None):
    """The account and the database of a JDBC URL."""
    parts = urllib.parse.urlsplit(url[len("jdbc:"):])
    query = urllib.parse.parse_qs(parts.query)
    return {"oms_meta_host": parts.hostname, "oms_meta_port": parts.port, "oms_meta_user": user or query["user"][0],
            "oms_meta_password": password or query["password"][0]}, parts.path[1:]


def console():
    from omsflow import database
    p = properties(option("spring.config.location"))
    conf, rm = metadb(p["spring.datasource.url"], p["spring.datasource.username"], p["spring.datasource.password"])
    json.loads(p["oms.gateway"])
    with open("/home/ds/ghana/config/console.yml", encoding="utf-8") as f:
        page = f.read()
    quoted = re.search(r"(?m)^  password: '(.*)'$", page).group(1).replace("''", "'")
    if quoted != conf["oms_meta_password"]:
        sys.exit("console.yml has another password")

    def play(method, path, headers, body):
        with urllib.request.urlopen(p["oms.cm.url"], timeout=4) as response:
            response.read()
        region = database.run(conf, rm, "SELECT region_cn FROM cluster_info WHERE code = %s" % database.text(p["oms.cm.location"]))
        menu = database.run(conf, rm, "SELECT count(*) FROM v_menu")
        settings = database.run(conf, rm, "SELECT count(*) FROM t_kv9")
        return {"data": {"healthy": bool(region) and region[0][0] == p["oms.cm.regionName"] and menu[0][0] == "2", "region": region,
                         "settings": settings[0][0], "tsdb": p["oms.tsdb.type"]}}

    database.run(conf, rm, "SELECT 1 FROM oms_version")
    serve(int(p["server.port"]), play)


def cm():
    from omsflow import database
    text = database.text
    with open(option("jetty.base") + "/start.ini", encoding="utf-8") as f:
        port = int(re.search(r"(?m)^jetty\.http\.port=(\d+)$", f.read()).group(1))
    stop = socket.socket()
    try:
        stop.bind(("127.0.0.1", int(option("STOP.PORT"))))
        stop.listen()
    except OSError as e:
        sys.stderr.write("Error binding ShutdownMonitor to port %s: %s\n" % (option("STOP.PORT"), e))
    drc, jdbc = properties("config/drc-cm.properties"), properties("config/jdbc.properties")
    tree = xml.etree.ElementTree.parse("config/log4j2.xml")
    conf, name = metadb(jdbc["jdbc.url"])
    hb_conf, hb = metadb(jdbc["jdbc.hb.url"])
    if tree.find(".//DriverManager").get("password") != conf["oms_meta_password"]:
        sys.exit("log4j2.xml has another password")
    if tree.find(".//Property[@name='region']").text != tree.find(".//Property[@name='site']").get("value"):
        sys.exit("log4j2.xml does not know which region this is")
    with open("config/region.txt", encoding="gbk") as f:
        if "编号=" + drc["drcCfg.cmLocation"] + "\n" not in f.read():
            sys.exit("region.txt has another location")

    def play(method, path, headers, body):
        url = urllib.parse.urlsplit(path)
        form = {k: v[0] for k, v in urllib.parse.parse_qs(body).items()} if "form" in headers.get("Content-Type", "") else {}
        if method == "PUT" and url.path.startswith("/location"):
            b = json.loads(body)
            if url.path != "/location" and str(b["location"]["no"]) != url.path.split("/")[2] or b["limit"] != 127 or b["default"] not in (True, False):
                raise ValueError("another location")
            database.run(conf, name, "REPLACE INTO location_cm VALUES (%s, %s, %s, %s, %d)" % (
                text(b["location"]["no"]), text(b["location"]["name"]["en"]), text(b["location"]["name"]["cn"]), text(b["entry"]), b["default"]))
        elif method == "POST" and url.path == "/consumer/create":
            if database.run(conf, name, "SELECT 1 FROM consumer WHERE name = %s" % text(form["consumer"])):
                return {"errMsg": "com.alibaba.drc.exception.CMBizException: Consumer [drc] already exists", "errCode": 302, "isSuccess": False}
            database.run(conf, name, "INSERT INTO consumer VALUES (%s, %s, now())" % (text(form["consumer"]), text(form["regionCode"])))
            return {"consumer": form["consumer"], "isSuccess": True}
        elif method == "POST" and url.path == "/resource/group/create":
            if urllib.parse.parse_qs(url.query)["force"] != ["false"]:
                raise ValueError("force")
            rows = database.run(conf, name, "INSERT IGNORE INTO resource_group(name, note) VALUES (%s, %s); SELECT id FROM resource_group WHERE name = %s" % (
                text(form["name"]), text(form["note"]), text(form["name"])))
            return {"id": int(rows[0][0]), "isSuccess": True}
        elif method == "POST" and url.path == "/resource/host/add":
            b = json.loads(body)
            if not re.fullmatch(r"http://%s:%d/" % (re.escape(b["ip"]), b["agent"]["port"]), b["agent"]["url"]):
                raise ValueError("another agent")
            group = b.get("groupId") or int(database.run(conf, name, "SELECT id FROM resource_group WHERE name = %s" % text(b["group"]))[0][0])
            database.run(conf, name, "INSERT INTO host(resource_group_id, ip, host_status, agent_url, gmt_created) VALUES (%d, %s, %s, %s, now())"
                         " ON DUPLICATE KEY UPDATE agent_url = VALUES(agent_url)" % (group, text(b["ip"]), text(b["status"]), text(b["agent"]["url"])))
        elif method == "POST" and url.path == "/heartbeat":
            database.run(hb_conf, hb, "INSERT INTO heatbeat_sequence(gmt_created, gmt_modified) VALUES (now(), now());"
                         "INSERT INTO heart_beat SELECT last_insert_id(), 'supervisor', 'supervisor', %s, now(), now()"
                         " ON DUPLICATE KEY UPDATE id = VALUES(id), gmt_modified = now()" % text(form["ip"]))
        elif url.path != "/":
            raise ValueError("no such call: " + path)
        return {"isSuccess": True}

    def scheduler():
        while True:
            database.run(conf, name, "REPLACE INTO QRTZ_LOCKS VALUES ('cm', 'STATE_ACCESS', %d)" % (time.time() * 1000))
            time.sleep(1)

    database.run(conf, name, "SELECT 1 FROM config_job")
    if "lock" in os.environ.get("OLDWORLD_ODD", "").split():
        threading.Thread(target=scheduler, daemon=True).start()
    serve(port, play)


def agent():
    with open(option("configDir") + "supervisor.json", encoding="utf-8") as f:
        conf = json.load(f)
    drc = properties(option("configDir") + "drc.properties")
    if conf["cmAddr"] != drc["cm.url"] or os.environ.get("OMS_REGION_CN", conf["region"]["name"]) != conf["region"]["name"]:
        sys.exit("the files differ")
    if conf["enableMetrics"] and conf["metricServerPassword"] != os.environ["OMS_TSDB_PASSWORD"]:
        sys.exit("env.sh has another password of the TSDB")
    ini = configparser.ConfigParser()
    ini.read("/etc/oms/agent.ini")

    def beat():
        while True:
            try:
                data = urllib.parse.urlencode({"ip": conf["bindIp"]}).encode()
                with urllib.request.urlopen(conf["cmAddr"] + "/heartbeat", data, timeout=10) as response:
                    response.read()
            except OSError as e:
                print("no CM:", e, flush=True)
            time.sleep(2)

    threading.Thread(target=beat, daemon=True).start()
    serve(int(option("server.port")), lambda method, path, headers, body: {"code": 200, "message": "success", "status": "ok"})


if __name__ == "__main__":
    if "org.eclipse.jetty.start.Main" in sys.argv:
        cm()
    elif option("configDir"):
        agent()
    else:
        console()
