#!/bin/sh
# Upgrade to the release of this image, under the name of the OMS documents. A
# release that is not recorded is stated: --from-version 4.1.0-CE.
exec /usr/local/bin/omsinit upgrade apply "$@"
