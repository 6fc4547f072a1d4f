#!/bin/sh
# Initialise this node after its files were updated in place. Other tools tell
# success by a new /root/init_flag.txt, so an old one goes first.
rm -f /root/init_flag.txt
exec /usr/local/bin/omsinit init "$@"
