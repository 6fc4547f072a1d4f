#!/bin/sh
# Bring this node up after its files were updated in place: upgrade where an
# upgrade is due, and initialise. Other tools tell success by a new
# /root/init_flag.txt, so an old one goes first.
rm -f /root/init_flag.txt
exec /usr/local/bin/omsinit upgrade apply "$@"
