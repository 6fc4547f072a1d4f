# The command that the OMS documents run as python -m omsflow.scripts.units.NAME.
# omsinit does the work, so that there is one writer of the MetaDB and the files.
import os
import sys

if __name__ == "__main__":
    os.execv("/usr/local/bin/omsinit", ["omsinit"] + sys.argv[1:])
