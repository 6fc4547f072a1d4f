#!/bin/sh
# Change the ports of the components. Without arguments it asks for them; with
# KEY=VALUE, such as nginx_server_port=18089, and options (--yes, --move-cm-url,
# --keep-cm-url) before them, it asks nothing.
exec /usr/local/bin/omsinit config ports "$@"
