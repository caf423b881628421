#!/bin/sh
# Builds the peers that will be measured and runs the benchmark; the arguments are those of run.py.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
wanted=node,socketioxide,centrifugo
previous=
for argument in "$@"; do
  case $argument in
    -h | --help) exec python3 "$here/run.py" --help ;;
    --servers=*) wanted=${argument#--servers=} ;;
  esac
  [ "$previous" != --servers ] || wanted=$argument
  previous=$argument
done
for peer in node socketioxide centrifugo; do
  case ,$wanted, in
    *,$peer,*) "$here/peers/build.sh" "$peer" ;;
  esac
done
exec python3 "$here/run.py" "$@"
