"""Reads program files with Supervisor's own code, and prints what each says as JSON: {file: {"refused": why} or
{"programs": {full name: options}}}."""
import io, json, os, shlex, sys
from supervisor import datatypes
from supervisor.options import ServerOptions, make_namespec


class Refused(Exception):
    pass


class Options(ServerOptions):
    def usage(self, msg):
        raise Refused(str(msg))


def log(path):
    return "auto" if path is datatypes.Automatic else os.path.abspath(path) if path else ""


def restart(value):
    names = {datatypes.RestartUnconditionally: "always", datatypes.RestartWhenExitUnexpected: "unexpected", False: "never"}
    return names[value]


def argv(command):
    try:
        return shlex.split(command) or None
    except ValueError:
        return None


def read(conf):
    options = Options()
    options.stderr = io.StringIO()
    try:
        options.realize(["-n", "-c", conf], doc="", progname="supervisord")
    except Refused as why:
        return {"refused": str(why)}
    programs = {}
    for group in options.process_group_configs:
        for p in group.process_configs:
            programs[make_namespec(group.name, p.name)] = {
                "argv": argv(p.command), "group_priority": group.priority, "priority": p.priority,
                "autostart": p.autostart, "autorestart": restart(p.autorestart), "exitcodes": p.exitcodes,
                "startsecs": max(p.startsecs, 0), "startretries": max(p.startretries, 0),
                "stopsignal": int(p.stopsignal), "stopwaitsecs": p.stopwaitsecs,
                "stopasgroup": p.stopasgroup, "killasgroup": p.killasgroup, "redirect_stderr": p.redirect_stderr,
                "environment": p.environment, "directory": p.directory or "", "uid": p.uid,
                "umask": -1 if p.umask is None else p.umask & 0o777,
                "stdout": [log(p.stdout_logfile), p.stdout_logfile_maxbytes, max(p.stdout_logfile_backups, 0)],
                "stderr": [log(p.stderr_logfile)],
            }
    return {"programs": programs}


json.dump({os.path.basename(conf): read(conf) for conf in sys.argv[1:]}, sys.stdout)
