"""An event listener of supervisord: notes programs that end."""
import sys

while True:
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    head = dict(item.split(":") for item in sys.stdin.readline().split())
    if not head:
        break
    sys.stderr.write(head["eventname"] + " " + sys.stdin.read(int(head["len"])) + "\n")
    sys.stdout.write("RESULT 2\nOK")
    sys.stdout.flush()
