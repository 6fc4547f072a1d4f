"""Step 5: the region and its nodes, by calls to the CM and by SQL."""
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from omsflow import config, database


def call(conf, method, path, body=None, form=None, query=None, headers=None):
    url = conf["cm_url"] + path
    if query:
        url += "?" + urllib.parse.urlencode(query)
    request = urllib.request.Request(url, method=method, headers=headers or {})
    if form is not None:
        request.data = urllib.parse.urlencode(form).encode()
    elif body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json;charset=UTF-8")
    for _ in range(100):  # the CM takes its time to start
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer = json.load(response)
            break
        except (urllib.error.URLError, ConnectionError) as e:
            problem = e
            time.sleep(0.2)
    else:
        sys.exit("%s %s: %s" % (method, url, problem))
    print(method, url, answer)
    if not answer.get("isSuccess") and answer.get("errCode") != 302:
        sys.exit(1)
    return answer


def add_resource(conf):
    location = str(conf["cm_location"])
    call(conf, "PUT", "/location/" + location if "path" in conf["odd"] else "/location", body={
        "location": {"no": conf["cm_location"], "name": {"en": conf["cm_region"], "cn": conf["cm_region_cn"]}},
        "entry": conf["cm_url"], "default": conf["cm_is_default"], "tags": ["oms", conf["cm_region"]], "limit": 127})
    call(conf, "POST", "/consumer/create", form={"consumer": "drc", "regionCode": location})
    group = call(conf, "POST", "/resource/group/create", query={"force": "false"}, form={"name": location, "note": "组 " + conf["cm_region_cn"]})
    for node in conf["cm_nodes"]:
        body = {"ip": node, "group": location, "agent": {"port": conf["supervisor_server_port"], "url": "http://%s:%s/" % (
            node, conf["supervisor_server_port"])}, "status": "ONLINE"}
        if "group_id" in conf["odd"]:
            body["groupId"] = group["id"]
        headers = {"X-Oms-Operator": "init"} if "header" in conf["odd"] else None
        call(conf, "POST", "/resource/host/add", body=body, headers=headers)
    text = database.text
    database.run(conf, conf["drc_rm_db"], ";\n".join([
        "INSERT INTO cluster_info(region, region_cn, cm_url, code, is_default_cm) SELECT %s, %s, %s, %s, %d FROM DUAL"
        " WHERE NOT EXISTS (SELECT 1 FROM cluster_info WHERE code = %s)" % (
            text(conf["cm_region"]), text(conf["cm_region_cn"]), text(conf["cm_url"]), text(location), conf["cm_is_default"], text(location))] + [
        # Who opens the console at which node.
        "INSERT INTO node_entry(node, entry, kind, cluster_id, gmt_create) SELECT %s, %s, b'0', id, now() FROM cluster_info WHERE code = %s"
        " AND NOT EXISTS (SELECT 1 FROM node_entry WHERE node = %s)" % (
            text(node), text("%s://%s:%s" % ("https" if conf["https"] else "http", node, conf["nginx_server_port"])), text(location), text(node))
        for node in conf["cm_nodes"]]))


if __name__ == "__main__":
    if sys.argv[1:] == ["add_resource"]:
        add_resource(config.load())
