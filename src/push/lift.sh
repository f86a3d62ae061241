LC_ALL=C; export LC_ALL; umask 077; cd /
U=$(id -u):$(id -g)
n() { printf 'no %s\n' "$(printf %s "$1" | tr '\n' ' ')"; }
r() { if e=$("$@" 2>&1 </dev/null); then echo ok; else n "$e"; fi; }
b() { [ -n "$2" ] || return 0; [ -e "$1" ] || [ -h "$1" ] || return 0; ln -f -- "$1" "$2" 2>/dev/null || cp -p -- "$1" "$2"; }
c() { command -v cmp >/dev/null 2>&1 || return 0; cmp -s -- "$1" "$2" || { echo 'content differs'; return 1; }; }
f() { sync -- "$1" 2>/dev/null || return 0; }
w() { chown -- "$3" "$1" && chmod -- "$2" "$1" && cp -p -- "$1" "$4" && c "$1" "$4" && f "$4"; }
p() {
  if [ -d "$2" ] && [ ! -h "$2" ]; then rm -f -- "$1"; n 'Is a directory'; return; fi
  m=$4; o=$6
  if [ -f "$2" ] && [ ! -h "$2" ]; then
    [ -n "$m" ] || m=$(stat -c %a -- "$2" 2>/dev/null </dev/null)
    [ -n "$o" ] || o=$(stat -c %u:%g -- "$2" 2>/dev/null </dev/null)
  fi
  if e=$({ w "$1" "${m:-$5}" "${o:-$U}" "$3" && b "$2" "$7" && mv -fT -- "$3" "$2"; } 2>&1 </dev/null); then
    rm -f -- "$1"; echo ok
  else
    rm -f -- "$1" "$3"; n "$e"
  fi
}
d() { if [ -d "$1" ]; then echo ok; else r mkdir -m "$2" -- "$1"; fi; }
l() {
  if [ -d "$2" ] && [ ! -h "$2" ]; then n 'Is a directory'; return; fi
  if e=$({ ln -s -- "$1" "$3" && b "$2" "$4" && mv -fT -- "$3" "$2"; } 2>&1 </dev/null); then echo ok; else rm -f -- "$3"; n "$e"; fi
}
m() { if [ -h "$2" ]; then n 'Operation not permitted'; else r chmod -- "$1" "$2"; fi; }
t() { if e=$(stat "$1" '%f %s %Y %u %g' -- "$2" 2>&1 </dev/null); then echo "ok $e"; else n "$e"; fi; }
k() { if e=$(readlink -- "$1" 2>&1 </dev/null); then printf 'ok %s\n' "$e"; else n "$e"; fi; }
h() { if e=$(sha256sum 2>&1 <"$1"); then echo "ok ${e%% *}"; else n "$e"; fi; }
i() {
  u=$(id -u "$1" 2>/dev/null </dev/null) || { n "no user $1"; return; }
  if [ -n "$2" ]; then
    g=$( { getent group "$2" || grep "^$2:" /etc/group; } 2>/dev/null </dev/null | cut -d: -f3 | head -n 1)
    [ -n "$g" ] || case $2 in *[!0-9]*) ;; *) g=$2 ;; esac
    [ -n "$g" ] || { n "no group $2"; return; }
  else
    g=$(id -g "$1" 2>/dev/null </dev/null)
  fi
  echo "ok $u $g"
}
