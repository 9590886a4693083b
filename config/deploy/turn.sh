#!/bin/sh
# Starts coturn for networks that let no UDP out: a relay that reaches UDP ports of this server's media addresses and nobody
# else. Among these ports is that of SIP, if there is one: never name such an address in telephone.trunks.
# From the environment:
#   TURN_SECRET       the same as GIAOBAN_TURN_SECRET of the server (letters and digits: openssl rand -hex 32)
#   TURN_REALM        its name, such as turn.giaoban.example.vn
#   TURN_PEERS        the server's media addresses, separated by commas; nobody else can be reached through it
#   TURN_CERTIFICATE  PEM files; waited for, and taken anew when they change. With a star in it the newest is meant.
#   TURN_KEY
# and if the defaults do not fit: TURN_ADDRESS (listen there only), TURN_PORT, TURN_TLS_PORT, TURN_USER (runs as this
# user), TURN_FOLDER (its configuration and the copies of the PEM files), TURN_LOOK (seconds between two looks at them).
set -eu
umask 077
folder=${TURN_FOLDER:-/run/turn}
user=${TURN_USER:-nobody}
mkdir -p "$folder/database"
chmod 711 "$folder"
: >"$folder/database/turn"
chown -R "$user" "$folder/database"

newest() { # of the files that a pattern names; nothing if there are none
  # shellcheck disable=SC2012,SC2086 # the star is to be filled in; such names have no spaces
  ls -t $1 2>/dev/null | head -n 1
}

copy_certificate() { # where the relay may read it after it has given up root
  for part in CERTIFICATE KEY; do
    eval "pattern=\$TURN_$part"
    cp "$(newest "$pattern")" "$folder/$part.new"
    chown "$user" "$folder/$part.new"
    mv "$folder/$part.new" "$folder/$part.pem"
  done
}

while [ -z "$(newest "$TURN_CERTIFICATE")" ] || [ -z "$(newest "$TURN_KEY")" ]; do
  echo "waiting for $TURN_CERTIFICATE"
  sleep 5
done
copy_certificate

# The secret goes into a file that only root can read, not onto a command line that everybody can. The database stays
# empty, but without one that it may open coturn refuses its first guest.
cat >"$folder/turnserver.conf" <<CONFIGURATION
listening-port=${TURN_PORT:-3478}
tls-listening-port=${TURN_TLS_PORT:-5349}
realm=$TURN_REALM
use-auth-secret
static-auth-secret=$TURN_SECRET
cert=$folder/CERTIFICATE.pem
pkey=$folder/KEY.pem
no-tlsv1
no-tlsv1_1
no-dtls
fingerprint
no-cli
no-rfc5780
no-tcp-relay
no-multicast-peers
denied-peer-ip=0.0.0.0-255.255.255.255
denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
user-quota=48
total-quota=3000
stale-nonce=600
userdb=$folder/database/turn
proc-user=$user
log-file=stdout
simple-log
pidfile=$folder/pid
CONFIGURATION
for peer in $(echo "$TURN_PEERS" | tr ',' ' '); do
  echo "allowed-peer-ip=$peer" >>"$folder/turnserver.conf"
done
if [ -n "${TURN_ADDRESS:-}" ]; then
  printf 'listening-ip=%s\nrelay-ip=%s\n' "$TURN_ADDRESS" "$TURN_ADDRESS" >>"$folder/turnserver.conf"
fi

turnserver -c "$folder/turnserver.conf" &
relay=$!
trap 'kill "$relay"' TERM INT
(
  while sleep "${TURN_LOOK:-3600}"; do
    if [ "$(newest "$TURN_CERTIFICATE")" -nt "$folder/CERTIFICATE.pem" ]; then
      copy_certificate
      kill -USR2 "$relay" # coturn reads its certificate anew
    fi
  done
) &
watcher=$!
wait "$relay" || true # a signal ends this wait before the relay has ended
trap - TERM INT
wait "$relay" || status=$?
kill "$watcher"
exit "${status:-0}"
