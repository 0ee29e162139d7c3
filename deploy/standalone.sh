#!/bin/sh
# The entry point of the image with PostgreSQL in it. A volume that was just made belongs to root (on Fly, for one): it is given to
# the user posthaste, which the server then runs as. Whatever is the command goes to the program: `serve`, `migrate`, `config` ...
set -eu
if [ "$(id -u)" = 0 ]; then
    chown posthaste:posthaste "$POSTHASTE_DATA_DIR"
    exec setpriv --reuid=posthaste --regid=posthaste --init-groups --no-new-privs /usr/local/bin/posthaste "$@"
fi
exec /usr/local/bin/posthaste "$@"
