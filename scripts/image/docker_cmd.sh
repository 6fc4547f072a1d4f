#!/bin/sh
# Entry point of the container, under the name it had in OMS images.
exec /usr/local/bin/omsinit run "$@"
