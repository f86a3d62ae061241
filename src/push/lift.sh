LC_ALL=C; export LC_ALL; umask 077; CDPATH=; cd /
U=$(id -u):$(id -g)
F=/proc/self/fd
S=
n() { printf 'no %s\n' "$(printf %s "$1" | tr '\n' ' ')"; }
r() { if e=$("$@" 2>&1 </dev/null); then echo ok; else n "$e"; fi; }
hex() { od -An -v -tx1; }
if command -v sha256sum >/dev/null 2>&1; then sum() { sha256sum; }
elif command -v shasum >/dev/null 2>&1; then sum() { shasum -a 256; }
elif command -v openssl >/dev/null 2>&1; then sum() { openssl dgst -sha256 -r; }
else sum() { echo none; }; fi
at() {
  if ! cd -P -- "$1" 2>/dev/null; then
    if [ -d "$1" ]; then n 'Permission denied'; elif [ -e "$1" ]; then n 'Not a directory'; else n 'No such file or directory'; fi
    return 1
  fi
  [ "$(env pwd -P; echo .)" = "$1
." ] && return
  n 'refused: a folder on the way there is not what it was when the push began'
  return 1
}
here() {
  [ -d $F ] || { echo 'refused: root needs /proc there, to see what it has opened'; return 1; }
  [ -f "$F/$1" ] && [ "$(readlink -n -- "$F/$1"; echo .)" = "$2." ] && return
  echo 'refused: something else was put in its place meanwhile'
  return 1
}
is() { [ "$1" "./$2" ] && [ ! -h "./$2" ]; }
copied() {
  chown -- "$(stat -Lc %u:%g -- $F/6)" $F/5 && chmod -- "$(stat -Lc %a -- $F/6)" $F/5 && touch -cr $F/6 -- $F/5
}
second() {
  if [ -h "./$N" ]; then e=$(readlink -n -- "./$N"; echo .); ln -sT -- "${e%.}" "./$Q"; return; fi
  if [ ! -f "./$N" ]; then echo 'refused: it is no file'; return 1; fi
  { { here 6 "${D%/}/$N" && cat <&6 >&5 && copied; } 5>"./$Q"; } 6<"./$N"
}
b() {
  [ -n "$K" ] || return 0
  [ -e "./$N" ] || [ -h "./$N" ] || return 0
  if is -d "$K"; then echo "$K: Is a directory"; return 1; fi
  ln -T -- "./$N" "./$Q" 2>/dev/null || second || { rm -f -- "./$Q"; return 1; }
  mv -fT -- "./$Q" "./$K" || { rm -f -- "./$Q"; return 1; }
  rm -f -- "./$Q"
}
new() {
  here 3 "${D%/}/$P" || return
  [ -f $F/4 ] || { echo 'refused: what was sent is no file any more'; return 1; }
  head -c "$B" <&4 >&3 || return
  s=$(sum <$F/3)
  [ "$s" != none ] || { echo 'refused: the host has no program for SHA-256, so root cannot prove what it installs'; return 1; }
  [ "${s%% *}" = "$X" ] || { echo 'content differs'; return 1; }
  { [ "$o" = "$U" ] || chown -- "$o" $F/3; } && chmod -- "$m" $F/3 || return
  [ -z "$T" ] || touch -cd "@$T" -- $F/3 || return
  sync -- $F/3 2>/dev/null || :
}
placed() {
  [ $F/3 -ef "./$N" ] && return
  echo 'refused: something else was put in its place meanwhile'
  return 1
}
p() {
  at "$1" || return
  D=$1 N=$2 Y=$3 B=$4 X=$5 P=$6 m=$7 o=$8; shift 8
  T=$2 Q=$3 K=$4
  if is -d "$N"; then n 'Is a directory'; return; fi
  if { [ -z "$m" ] || [ -z "$o" ]; } && is -f "$N"; then
    e=$(stat -c '%a %u:%g' -- "./$N" 2>/dev/null </dev/null)
    m=${m:-${e% *}} o=${o:-${e#* }}
  fi
  m=${m:-$1} o=${o:-$U}
  if [ -h "$Y" ] || [ ! -f "$Y" ]; then n 'refused: what was sent is no file any more'; return; fi
  if e=$({ set -C; { { new && b && mv -fT -- "./$P" "./$N" && placed; } 3>"./$P"; } 4<"$Y"; } 2>&1 </dev/null); then
    echo ok
  else
    rm -f -- "./$P"; n "$e"
  fi
}
d() {
  at "$1" || return
  if is -d "$2"; then echo ok; return; fi
  if e=$(mkdir -- "./$2" 2>&1 </dev/null); then at "${1%/}/$2" && r chmod -- "$3" .; else n "$e"; fi
}
l() {
  at "$1" || return
  D=$1 N=$2 P=$4 Q=$5 K=$6
  if is -d "$N"; then n 'Is a directory'; return; fi
  if e=$({ set -C; ln -sT -- "$3" "./$P" && b && mv -fT -- "./$P" "./$N"; } 2>&1 </dev/null); then
    echo ok
  else
    rm -f -- "./$P"; n "$e"
  fi
}
marks() {
  { [ -z "$O" ] || chown $1 -- "$O" "$2"; } && { [ -z "$M" ] || chmod -- "$M" "$2"; } &&
    { [ -z "$T" ] || touch $1 -cd "@$T" -- "$2"; }
}
s() {
  at "$1" || return
  M=$3 O=$4 T=$5
  if [ -h "./$2" ]; then
    if [ -n "$M" ]; then n 'Operation not permitted'; else r marks -h "./$2"; fi
  elif [ -d "./$2" ]; then
    if [ "$2" = . ] || at "${1%/}/$2"; then r marks '' .; fi
  elif [ -f "./$2" ]; then
    if e=$({ { here 4 "${1%/}/$2" && marks '' $F/4; } 4<"./$2"; } 2>&1 </dev/null); then echo ok; else n "$e"; fi
  elif [ -e "./$2" ]; then
    n 'refused: it is no file, folder or link'
  else
    n 'No such file or directory'
  fi
}
t() { at "$1" || return; if e=$(stat -c '%f %s %Y %u %g' -- "./$2" 2>&1 </dev/null); then echo "ok $e"; else n "$e"; fi; }
tf() { if e=$(stat -Lc '%f %s %Y %u %g' -- "$1" 2>&1 </dev/null); then echo "ok $e"; else n "$e"; fi; }
a() { if cd -P -- "$1" 2>/dev/null; then env pwd -P | hex; echo ok; else echo 'no No such file or directory'; fi; }
k() {
  at "$1" || return
  if [ -h "./$2" ]; then readlink -n -- "./$2" </dev/null | hex; echo ok; else n 'refused: it is no link'; fi
}
h() {
  at "$1" || return
  if ! is -f "$2"; then if [ -e "./$2" ]; then n 'refused: it is no file'; else n 'No such file or directory'; fi; return; fi
  if e=$({ { [ -f $F/4 ] && sum <&4; } 4<"./$2"; } 2>&1 </dev/null); then echo "ok ${e%% *}"; else n "$e"; fi
}
g() {
  at "$1" || return
  if ! is -f "$2"; then if [ -e "./$2" ]; then n 'refused: it is no file'; else n 'No such file or directory'; fi; return; fi
  { if e=$(here 4 "${1%/}/$2"); then head -c "$3" <&4 | hex; echo ok; else n "$e"; fi; } 4<"./$2" || n 'No such file or directory'
}
e() {
  at "$1" || return
  if [ ! -r . ] || [ ! -x . ]; then n 'Permission denied'; return; fi
  find . ! -name . -prune -exec stat -c '%f %s %Y %u %g %n/' -- {} + 2>/dev/null </dev/null | hex
  echo ok
}
u() { at "$1" || return; r rm -f -- "./$2"; }
ud() { at "$1" || return; r rmdir -- "./$2"; }
v() { at "$1" || return; if is -d "$3"; then n 'Is a directory'; else r mv -fT -- "./$2" "./$3"; fi; }
x() {
  if [ -n "$S" ] && at "$S" >/dev/null; then rm -f -- ./* ./.[!.]*; cd /; rmdir -- "$S"; fi 2>/dev/null </dev/null
  S=; echo ok
}
i() {
  u=$(id -u -- "$1" 2>/dev/null </dev/null) || case $1 in ''|*[!0-9]*) n "refused: no user $1"; return ;; *) u=$1 ;; esac
  if [ -n "$2" ]; then
    g=$( { getent group "$2" || grep "^$2:" /etc/group; } 2>/dev/null </dev/null | cut -d: -f3 | head -n 1)
    [ -n "$g" ] || case $2 in *[!0-9]*) ;; *) g=$2 ;; esac
    [ -n "$g" ] || { n "refused: no group $2"; return; }
  else
    g=$(id -g -- "$1" 2>/dev/null </dev/null) || { n "refused: no user $1, whose group could be taken; name a group"; return; }
  fi
  echo "ok $u $g"
}
