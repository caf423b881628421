# ./dev serve. To be sourced by ./dev.

# A room for the demo users, so that the first look shows a chat. Nothing where it is there, or HTTP is not what listens.
make_lobby() { # HOST PORT TOKEN
  local body='{"_id":"lobby","name":"Lobby","members":["bob"]}'
  { exec 3<>"/dev/tcp/$1/$2"; } 2>/dev/null || return 0
  printf 'POST /api/v1/rooms HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
    "$1" "$3" "${#body}" "$body" >&3
  timeout 5 cat <&3 >/dev/null || true
  exec 3>&-
}

# Says where to go as soon as the server, this process, is there; nothing if it ends before.
greet() { # PID DATA LISTEN ALICE BOB
  until grep -qs "\"pid\":$1}" "$2/control"; do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.05
  done
  local host=${3%:*}
  case $host in 0.0.0.0 | '' | \*) host=127.0.0.1 ;; esac
  make_lobby "$host" "${3##*:}" "$4"
  cat <<END

  tidings serves http://$3/   (data in $2, stop with Ctrl-C)

  Two demo users are ready, and a room for them. Open each link in a window of its own and chat:

    Alice   http://$3/#token=$4
    Bob     http://$3/#token=$5

  What follows "#token=" is the token: "Authorization: Bearer …" over HTTP, auth: {token} in Socket.IO.

END
}

# serve [OPTION of tidings serve…]
serve() {
  local tidings=build/release/bin/tidings data=data listen=${TIDINGS_LISTEN:-127.0.0.1:8080} config=() rest=()
  case " $* " in
    *' --help '* | *' -h '*)
      [ ! -x $tidings ] || exec $tidings serve --help
      note "its options are those of \`tidings serve\`, see docs/configuration.md; nothing is built yet that could tell them"
      return 0
      ;;
  esac
  need_packages "${build_packages[@]}"
  build release tidings || die "the build failed"
  while [ $# -gt 0 ]; do
    case $1 in
      --data | --listen | --config) [ $# -gt 1 ] || die "$1 needs a value" ;;&
      --data) data=$2 && shift ;;
      --data=*) data=${1#*=} ;;
      --config) config=(--config "$2") && shift ;;
      --config=*) config=("$1") ;;
      --listen) listen=$2 && rest+=("$1" "$2") && shift ;;
      --listen=*) listen=${1#*=} && rest+=("$1") ;;
      *) rest+=("$1") ;;
    esac
    shift
  done
  mkdir -p "$data"
  local alice bob
  alice=$($tidings token alice --name Alice --data "$data" "${config[@]}") || die "tidings could not make a token"
  bob=$($tidings token bob --name Bob --data "$data" "${config[@]}") || die "tidings could not make a token"
  greet $$ "$data" "${listen%%,*}" "$alice" "$bob" &
  exec $tidings serve --data "$data" "${config[@]}" "${rest[@]}"
}
