"""The MetaDB, through the client program."""
import os
import subprocess


def text(value):
    if isinstance(value, bool) or isinstance(value, int):
        return str(int(value))
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def run(conf, database, statements):
    """Returns the rows as lists of texts."""
    command = ["mariadb", "-h", str(conf["oms_meta_host"]), "-P", str(conf["oms_meta_port"]), "-u", str(conf["oms_meta_user"]),
               "--default-character-set=utf8mb4", "-N", "-B", "--raw"]
    done = subprocess.run(command + ([database] if database else []), input=statements.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=dict(os.environ, MYSQL_PWD=str(conf["oms_meta_password"])), check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return [line.split("\t") for line in done.stdout.decode().splitlines()]
