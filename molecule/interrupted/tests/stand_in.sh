#!/usr/bin/env bash
# Stands in the place of a tool on the node that is rebuilt: stops at the point that is armed until it is released, a
# minute at most. It keeps the tool's name, words, output and status. "during": the tool is frozen in the middle.
set -u
real=@REAL@
walk=/run/pgops-walk
name=${0##*/}

armed() {
  local tool pattern
  [[ -r $walk/armed ]] || return 1
  read -r point tool least pattern <"$walk/armed"
  [[ $tool == "$name" ]] || return 1
  if [[ $pattern == '!'* ]]; then [[ "$*" != *"${pattern#!}"* ]]; else [[ "$*" == *"$pattern"* ]]; fi || return 1
  mv "$walk/armed" "$walk/taken" 2>/dev/null # once
}

hold() {
  local turn
  : >"$walk/reached"
  for ((turn = 0; turn < 1200; turn++)); do
    [[ -e $walk/released ]] && return
    sleep 0.05
  done
}

tree() { # the tool and what it started
  local each children=
  echo "$1"
  read -r children 2>/dev/null <"/proc/$1/task/$1/children" || [[ -n $children ]] || return
  for each in $children; do tree "$each"; done
}

written() {
  local each key value sum=0
  for each in $(tree "$1"); do
    while read -r key value; do [[ $key == wchar: ]] && sum=$((sum + value)); done 2>/dev/null <"/proc/$each/io"
  done
  echo "$sum"
}

freeze() {
  until [[ $(written "$tool") -ge $least ]]; do
    kill -0 "$tool" 2>/dev/null || { : >"$walk/missed"; return; }
  done
  mapfile -t frozen < <(tree "$tool")
  kill -STOP "${frozen[@]}" || { : >"$walk/missed"; return; }
  hold
  kill -CONT "${frozen[@]}"
}

armed "$@" || exec "$real" "$@"
case $point in
  before)
    hold
    exec "$real" "$@"
    ;;
  during)
    "$real" "$@" <&0 &
    tool=$!
    frozen=("$tool")
    trap 'kill -TERM "${frozen[@]}"; kill -CONT "${frozen[@]}"; wait; exit 143' TERM
    freeze
    wait "$tool"
    exit
    ;;
  after)
    "$real" "$@"
    status=$?
    hold
    exit "$status"
    ;;
esac
