#!/bin/sh
# Change the address and the account of the MetaDB. Without arguments it asks;
# with options and KEY=VALUE it does not, and reads the password of a KEY alone
# from the standard input:
#   echo "$PASSWORD" | docker_update_meta_db.sh --yes oms_meta_host=10.0.0.9 oms_meta_password
exec /usr/local/bin/omsinit metadb switch "$@"
