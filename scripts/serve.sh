# ./dev serve. To be sourced by ./dev.

# serve [OPTION of tidings serve…]
serve() {
  need_packages "${build_packages[@]}"
  build release tidings || die "the build failed"
  local tidings=build/release/bin/tidings data=data listen=${TIDINGS_LISTEN:-127.0.0.1:8080} config=() rest=()
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
  cat <<END

  tidings serves http://${listen%%,*}/   (data in $data, stop with Ctrl-C)

  Two demo users are ready. Open each link in a window of its own and chat:

    Alice   http://${listen%%,*}/#token=$alice
    Bob     http://${listen%%,*}/#token=$bob

  What follows "#token=" is the token: "Authorization: Bearer …" over HTTP, auth: {token} in Socket.IO.

END
  exec $tidings serve --data "$data" "${config[@]}" "${rest[@]}"
}
