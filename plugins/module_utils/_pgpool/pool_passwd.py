# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Pgpool-II's pool_passwd: what it can hold, and its lines.

pg_enc (src/tools/pgenc, src/utils/ssl_utils.c) encrypts with AES-256-CBC; key and IV come from OpenSSL's
EVP_BytesToKey over the first line of the key file: SHA-1, one round, no salt. ``openssl enc -aes-256-cbc -md sha1
-nosalt -pass file:KEY`` is the same computation, reads the password from stdin and, unlike pg_enc, never needs the
password in its arguments or a terminal. No salt: the same password gives the same text, so a second run changes
nothing (and two users with the same password can be told to have it).
"""

from __future__ import annotations

import re
import stringprep
import typing as t
import unicodedata

from .._errors import CommandFailed, Refused

# getNextToken() in src/auth/pool_passwd.c cuts an entry at MAX_TOKEN_LEN (128). "AES" + base64 of 80 bytes are 111
# characters, of the next block (96 bytes) 131; a block is padded by at least one byte, so 79 bytes are what fits.
LONGEST_PASSWORD = 79
LONGEST_KEY = 254
LONGEST_USER = 63

MARKER = "# Managed by Ansible (pgops.pgpool); entries of other users are kept:"


class Entry(t.NamedTuple):
    """A user and the password in clear."""

    user: str
    password: str


def refuse_what_does_not_fit(entries, *, server):
    """Raise ``Refused`` for the first entry that pool_passwd can't hold or Pgpool-II can't use."""
    seen = set()
    for entry in entries:
        problem = _user_problem(entry.user) or password_problem(entry.password)
        if entry.user in seen:
            problem = "it is listed twice"
        if problem:
            raise Refused(
                f"store the password of '{entry.user}' in pool_passwd",
                server=server,
                seen=problem,
                next_step="choose another password (or user name) and run the same command again",
            )
        seen.add(entry.user)


def password_problem(password):
    """Return why pool_passwd can't hold this password, or None. Never quotes the password."""
    size = len(password.encode("utf-8", "surrogatepass"))
    if not password:
        return "the password is empty"
    if size > LONGEST_PASSWORD:
        return f"the password has {size} bytes in UTF-8; pool_passwd holds {LONGEST_PASSWORD}"
    if any(character in password for character in "\n\r\0"):
        return "the password contains a line break or a NUL"
    if changed_by_saslprep(password):
        return (
            "the password contains characters that SASLprep replaces (PostgreSQL and its clients apply it, "
            "Pgpool-II does not), such as a non-breaking space or a decomposed accent"
        )
    return None


def changed_by_saslprep(password):
    """True if RFC 4013 preparation would alter the text."""
    prepared = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    return unicodedata.ucd_3_2_0.normalize("NFKC", prepared) != password


def encrypt(entry, *, runner, key_file, server):
    """Return the second field of the entry: AES and the base64 text, as pg_enc prints it."""
    argv = ["openssl", "enc", "-aes-256-cbc", "-md", "sha1", "-nosalt", "-pass", f"file:{key_file}", "-base64", "-A"]
    result = runner.run(argv, stdin=entry.password, timeout=20)
    text = result.stdout.strip()
    if result.rc != 0 or not re.match(r"^[A-Za-z0-9+/]+=*$", text):
        raise CommandFailed(
            f"encrypt the password of '{entry.user}'",
            server=server,
            seen=f"openssl ended with {result.rc}: {result.stderr.strip()[-200:]}",
            next_step=f"check that openssl is installed and that {key_file} holds a key in its first line",
        )
    return "AES" + text


def key_problem(first_line):
    """Return what is wrong with the first line of a key file, or None."""
    if not first_line:
        return "its first line is empty"
    if len(first_line.encode()) > LONGEST_KEY:
        return f"its first line is longer than the {LONGEST_KEY} bytes that Pgpool-II reads"
    return None


def merge(text, secrets):
    """Return the new text: our users' lines replaced in place or added at the end, all other lines kept.

    ``secrets`` is an ordered mapping of user to second field.
    """
    todo = dict(secrets)
    lines = []
    for line in text.splitlines():
        user = line.partition(":")[0]
        if user in secrets:
            if user in todo:
                lines.append(f"{user}:{todo.pop(user)}")
            continue
        lines.append(line)
    if MARKER not in lines:
        lines.insert(0, MARKER)
    lines += [f"{user}:{secret}" for user, secret in todo.items()]
    return "".join(line + "\n" for line in lines)


def users_of(text):
    """Return the users that have a line, in order."""
    return [line.partition(":")[0] for line in text.splitlines() if ":" in line and not line.startswith("#")]


def changed_users(before, after):
    """Return the users whose line was added or replaced, without showing any of it."""
    old = set(before.splitlines())
    return [
        line.partition(":")[0]
        for line in after.splitlines()
        if ":" in line and not line.startswith("#") and line not in old
    ]


def _user_problem(user):
    if not user or len(user.encode()) > LONGEST_USER:
        return f"the user name must have 1 to {LONGEST_USER} bytes"
    if user.startswith("#") or any(character in user for character in ":\\\n\r\0"):
        return "the user name contains a colon, a backslash or a line break, or starts with #"
    return None


__all__ = (
    "LONGEST_PASSWORD",
    "MARKER",
    "Entry",
    "changed_by_saslprep",
    "changed_users",
    "encrypt",
    "key_problem",
    "merge",
    "password_problem",
    "refuse_what_does_not_fit",
    "users_of",
)
