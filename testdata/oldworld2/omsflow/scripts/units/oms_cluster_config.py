"""Step 1."""
import sys

from omsflow import config

NEEDED = ("oms_meta_host", "oms_meta_port", "oms_meta_user", "oms_meta_password", "drc_rm_db", "drc_cm_db", "drc_cm_heartbeat_db", "cm_url",
          "cm_location", "cm_nodes")

if __name__ == "__main__":
    conf = config.load()
    missing = [key for key in NEEDED if conf.get(key) in (None, "")]
    if missing:
        sys.exit("missing: " + " ".join(missing))
    print("config.yaml is good")
