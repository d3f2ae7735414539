# shellcheck shell=bash
# Makes the first primary: initdb, then start. Either it runs at the end, or there are no data: run again.
# (pg_createcluster would refuse, since the configuration is there already, the same as on the other database hosts.)
set -euo pipefail

[[ -e $MARK ]] || { echo "no mark of intent ($MARK): run the role's main entry first" >&2; exit 1; }
new=$DATA.pgops-new  # so that a killed run leaves nothing at the place of the data
if mountpoint -q "$DATA"; then new=$DATA; else rm -rf -- "$new"; fi

install -d -o "$OWNER" -g "$OWNER" "$(dirname "$DATA")"
# The owner's locale and directory play no part.
cd /
runuser -u "$OWNER" -- "$BIN/initdb" --pgdata="$new" --data-checksums --encoding=UTF8 --locale="$LOCALE" \
  --auth-local=peer --auth-host=scram-sha-256 >/dev/null
rm -- "$new"/{postgresql,pg_hba,pg_ident}.conf  # Debian keeps them in /etc
[[ $new == "$DATA" ]] || mv --no-target-directory -- "$new" "$DATA"  # fails unless the place is empty

install -D -m 0644 /dev/null "$PERMIT"
systemctl daemon-reload
if ! systemctl start "$UNIT"; then
  systemctl stop "$UNIT" || true
  journalctl --no-pager --lines=20 --unit="$UNIT" >&2
  find "$DATA" -mindepth 1 -delete  # made a moment ago, never used
  exit 1
fi
