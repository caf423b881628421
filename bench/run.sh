#!/bin/sh
# Builds the peers that will be measured and runs the benchmark: the server's rows, then the messaging library's.
#
#   run.sh [--quick]                all of it
#   run.sh messaging [OPTION…]      the messaging library; the options are those of messaging.py
#   run.sh [OPTION…] [SCENARIO…]    the server; the arguments are those of run.py
set -eu

here=$(cd "$(dirname "$0")" && pwd)

messaging() {
  "$here/peers/build.sh" messaging
  python3 "$here/messaging.py" "$@"
}

if [ "${1:-}" = messaging ]; then
  shift
  case " $* " in *" -h "* | *" --help "*) exec python3 "$here/messaging.py" --help ;; esac
  messaging "$@"
  exit
fi
wanted=node,socketioxide,centrifugo
# createMessage's rivals, where that is measured.
case $* in "" | --quick | *create*) wanted=$wanted,replaced,ferretdb ;; esac
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
case ,$wanted, in *,replaced,*) "$here/peers/build.sh" replaced ;; esac
case ,$wanted, in *,ferretdb,*) "$here/peers/build.sh" replaced ferretdb ;; esac
status=0
python3 "$here/run.py" "$@" || status=$?
case $* in
  "" | --quick) messaging "$@" || status=$? ;;
esac
exit "$status"
