#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Records the captures of this directory: real programs in network namespaces
# that are joined by veth pairs and by nothing else.
#
#   sudo examples/record.sh [DIRECTORY] [CAPTURE...]
#
# DIRECTORY is where the captures go (default: the one of this script), CAPTURE
# one of: dns http tls ping iperf3 ipv6 vlan vxlan pods (default: all of them).
#
#            pod-a                      node                      pod-b
#     eth0 10.244.1.10/24 ---- veth-a 10.244.1.1   (router)
#          2001:db8:1::10            veth-b 10.244.2.1 ---- eth0 10.244.2.10/24
#                                                                2001:db8:2::10
#                                                  DNS server: .53 and ::53
#
# For ipv6 and vlan, "node" is a bridge (br0) between veth-a and veth-b.
set -euo pipefail

die() { echo "record.sh: $*" >&2; exit 1; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $EUID -eq 0 ]] || die "needs root (network namespaces, packet capture)"

missing=
for tool in ip:iproute2 ss:iproute2 tcpdump:tcpdump dumpcap:wireshark-common \
    capinfos:wireshark-common reordercap:wireshark-common dnsmasq:dnsmasq-base dig:bind9-dnsutils curl:curl \
    openssl:openssl ping:iputils-ping iperf3:iperf3 ethtool:ethtool \
    python3:python3 unshare:util-linux; do
    command -v "${tool%%:*}" >/dev/null || missing+=" ${tool##*:}"
done
if [[ -n $missing ]]; then
    missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
    die "missing programs; on Debian: apt-get install --no-install-recommends $missing"
fi

# Everything below runs in an own mount and UTS namespace: the names of the
# network namespaces, resolv.conf and the host name are then ours alone.
if [[ ${RECORD_INSIDE:-} != 1 ]]; then
    RECORD_INSIDE=1 exec unshare --mount --uts --propagation private \
        -- /bin/bash "$here/record.sh" "$@"
fi
unset RECORD_INSIDE
echo recorder >/proc/sys/kernel/hostname

out=$here
if [[ $# -gt 0 ]]; then
    out=$(cd "$1" && pwd)
    shift
fi
if [[ $# -eq 0 ]]; then
    set -- dns http tls ping iperf3 ipv6 vlan vxlan pods
fi
for capture; do
    case $capture in
    dns | http | tls | ping | iperf3 | ipv6 | vlan | vxlan | pods) ;;
    *) die "no such capture: $capture" ;;
    esac
done

# No proxy of the caller, no configuration of the caller's home.
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY \
    SSLKEYLOGFILE
export LC_ALL=C TZ=UTC

tmp=$(mktemp -d)
pids=()     # the processes that run in the background now

stop_all() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    pids=()
}
remove_namespaces() {
    local name
    for name in pod-a pod-b node; do
        [[ ! -e /run/netns/$name ]] || ip netns del "$name"
    done
}
clean_up() {
    local status=$?
    trap - EXIT
    stop_all
    remove_namespaces || true
    if [[ $status -ne 0 && -s $tmp/log ]]; then
        echo "record.sh: status $status; the programs said last:" >&2
        tail -n 10 "$tmp/log" >&2
    fi
    rm -rf "$tmp"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p /run/netns "$tmp/home" "$tmp/www"
mount -t tmpfs tmpfs /run/netns
export HOME=$tmp/home
# bind_file TARGET: standard input takes the place of TARGET, for us only.
bind_file() {
    local file=$tmp/${1##*/}
    cat >"$file"
    [[ ! -e $1 ]] || mount --bind "$file" "$1"
}
bind_file "$(readlink -f /etc/resolv.conf)" <<<'nameserver 10.244.2.53'
bind_file /etc/hosts <<<'127.0.0.1 localhost'
bind_file /etc/nsswitch.conf <<<'hosts: files dns'

# What the web servers hand out.
cat >"$tmp/www/index.html" <<'HTML'
<!doctype html>
<title>web.example.test</title>
<p>A page of a web server in a network namespace.
HTML
seq -f 'line %06.0f' 1 500 >"$tmp/www/short.txt"
seq -f 'line %06.0f' 1 1800 >"$tmp/www/lines.txt"
touch -d 2025-01-01T00:00:00Z "$tmp/www/"*

# ---------------------------------------------------------------- namespaces

in_a() { ip netns exec pod-a "$@"; }
in_b() { ip netns exec pod-b "$@"; }
in_node() { ip netns exec node "$@"; }

# no_offload NAMESPACE INTERFACE: packets get their size on the wire, and their
# checksums, before they are captured.
no_offload() { ip netns exec "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null 2>&1; }

# Two pods, each with a veth pair to the node. No addresses yet.
topology() {
    local name
    remove_namespaces
    for name in pod-a pod-b node; do
        ip netns add "$name"
        # Quiet unless a capture asks for it: no duplicate address detection,
        # no router solicitation.
        ip netns exec "$name" sh -c '
            cd /proc/sys/net/ipv6/conf/default
            echo 0 >accept_dad; echo 0 >router_solicitations; echo 0 >accept_ra'
        ip -n "$name" link set lo up
    done
    ip -n node link add veth-a address 02:00:00:00:01:01 type veth \
        peer name eth0 address 02:00:00:00:01:10 netns pod-a
    ip -n node link add veth-b address 02:00:00:00:02:01 type veth \
        peer name eth0 address 02:00:00:00:02:10 netns pod-b
    no_offload node veth-a
    no_offload node veth-b
    no_offload pod-a eth0
    no_offload pod-b eth0
}
links_up() {
    ip -n node link set veth-a up
    ip -n node link set veth-b up
    ip -n pod-a link set eth0 up
    ip -n pod-b link set eth0 up
}
routed() {
    topology
    in_node sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
                   echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
    links_up
    ip -n node addr add 10.244.1.1/24 dev veth-a
    ip -n node addr add 10.244.2.1/24 dev veth-b
    ip -n node addr add 2001:db8:1::1/64 dev veth-a
    ip -n node addr add 2001:db8:2::1/64 dev veth-b
    ip -n pod-a addr add 10.244.1.10/24 dev eth0
    ip -n pod-a addr add 2001:db8:1::10/64 dev eth0
    ip -n pod-a route add default via 10.244.1.1
    ip -n pod-a route add default via 2001:db8:1::1
    ip -n pod-b addr add 10.244.2.10/24 dev eth0
    ip -n pod-b addr add 2001:db8:2::10/64 dev eth0
    ip -n pod-b addr add 10.244.2.53/24 dev eth0
    # preferred_lft 0: never the source of a connection
    ip -n pod-b addr add 2001:db8:2::53/64 dev eth0 preferred_lft 0
    ip -n pod-b route add default via 10.244.2.1
    ip -n pod-b route add default via 2001:db8:2::1
    settle
}
bridged() {
    topology
    ip -n node link add br0 address 02:00:00:00:00:01 type bridge
    in_node sh -c 'echo 1 >/proc/sys/net/ipv6/conf/br0/disable_ipv6
                   echo 1 >/proc/sys/net/ipv6/conf/veth-a/disable_ipv6
                   echo 1 >/proc/sys/net/ipv6/conf/veth-b/disable_ipv6'
    ip -n node link set veth-a master br0
    ip -n node link set veth-b master br0
    ip -n node link set br0 up
}
# The kernel's first multicast listener reports are over.
settle() { sleep 2.5; }

# ------------------------------------------------------------------ programs

# start COMMAND...: in the background, to be ended by stop_all
start() {
    "$@" </dev/null >>"$tmp/log" 2>&1 &
    pids+=($!)
}
# wait_for PATTERN FILE: at most ten seconds
wait_for() {
    local i
    for ((i = 0; i < 100; i++)); do
        ! grep -q -e "$1" "$2" 2>/dev/null || return 0
        sleep 0.1
    done
    cat "$2" "$tmp/log" >&2 || true
    die "waited in vain for '$1'"
}
# wait_port NAMESPACE t|u PORT
wait_port() {
    local i
    for ((i = 0; i < 100; i++)); do
        [[ -z $(ip netns exec "$1" ss -Hln"$2" "sport = :$3") ]] || return 0
        sleep 0.1
    done
    cat "$tmp/log" >&2
    die "nothing listens on port $3 in $1"
}

# http_server NAMESPACE ADDRESS PORT
http_server() {
    # Version 1.1 of the protocol has been an option since Python 3.11.
    local protocol=()
    ! python3 -m http.server --help | grep -q -e --protocol || protocol=(--protocol HTTP/1.1)
    start ip netns exec "$1" python3 -m http.server "${protocol[@]}" \
        --directory "$tmp/www" --bind "$2" "$3"
    wait_port "$1" t "$3"
}
tls_server() {
    [[ -e $tmp/key.pem ]] || openssl req -x509 -newkey rsa:2048 -nodes -days 30 \
        -subj /CN=web.example.test -addext subjectAltName=DNS:web.example.test \
        -keyout "$tmp/key.pem" -out "$tmp/cert.pem" 2>/dev/null
    start ip netns exec pod-b openssl s_server -quiet -www -accept "*:443" \
        -alpn http/1.1 -cert "$tmp/cert.pem" -key "$tmp/key.pem"
    wait_port pod-b t 443
}
dns_server() {
    local long
    long=$(printf 'example text %.0s' {1..18})
    start ip netns exec pod-b dnsmasq --keep-in-foreground --conf-file=/dev/null \
        --pid-file= --log-facility=- --user=nobody --group=nogroup \
        --no-resolv --no-hosts --edns-packet-max=4096 --local-ttl=60 --local=/example.test/ --local=/in-addr.arpa/ \
        --bind-interfaces --listen-address=10.244.2.53 --listen-address=2001:db8:2::53 \
        --host-record=dns.example.test,10.244.2.53,2001:db8:2::53 \
        --host-record=web.example.test,10.244.2.10,2001:db8:2::10 \
        --host-record=client.example.test,10.244.1.10,2001:db8:1::10 \
        --cname=www.example.test,web.example.test \
        --mx-host=example.test,web.example.test,10 \
        --srv-host=_http._tcp.example.test,web.example.test,80 \
        --txt-record=example.test,"v=spf1 -all" \
        --txt-record=long.example.test,"$long,$long,$long,$long,$long,$long,$long,$long"
    wait_port pod-b u 53
    wait_port pod-b t 53
}

# capture FILE NAMESPACE INTERFACE SNAPLEN: begins, end_capture ends
capture() {
    : >"$tmp/tcpdump"
    ip netns exec "$2" tcpdump -Z root -n -U --immediate-mode -i "$3" -s "$4" -w "$tmp/$1" \
        2>"$tmp/tcpdump" </dev/null &
    recorder=$!
    pids+=("$recorder")
    wait_for 'listening on' "$tmp/tcpdump"
    sleep 0.3
}
end_capture() {
    sleep 1.5
    kill "$recorder"
    wait "$recorder" || true
    stop_all
}

# The clients.
fetch() { curl -sS -o /dev/null --max-time 10 "$@" 2>>"$tmp/log"; }
ask() { dig +tries=1 +time=2 "$@" >>"$tmp/log"; }
# -n, so that there is no lookup of the address.
pinged() { ping -n "$@" >>"$tmp/log"; }
export tmp
export -f fetch ask pinged
# a, b: one of the functions above, in pod-a or in pod-b
a() { in_a bash -euo pipefail -c '"$@"' - "$@"; }
b() { in_b bash -euo pipefail -c '"$@"' - "$@"; }
# fails STATUS COMMAND...: must end with this status
fails() {
    local wanted=$1 status=0
    shift
    "$@" || status=$?
    [[ $status -eq $wanted ]] || die "status $status, not $wanted, from: $*"
}

# ------------------------------------------------------------------ captures

record_dns() {
    routed
    dns_server
    capture dns.pcap node veth-a 65535
    local at
    for at in 10.244.2.53 2001:db8:2::53; do
        a ask @$at web.example.test A
        a ask @$at web.example.test AAAA
        a ask @$at www.example.test A
        a ask @$at nothing.example.test A               # NXDOMAIN
        a ask @$at nothing.example.test AAAA            # NXDOMAIN
        a ask @$at example.test MX
        a ask @$at example.test TXT
        a ask @$at _http._tcp.example.test SRV
        a ask @$at example.org A                        # REFUSED: no server above
        a ask @$at +tcp client.example.test A
        a ask @$at +bufsize=512 long.example.test TXT   # cut off, then over TCP
        a ask @$at +bufsize=4096 long.example.test TXT  # in IP fragments
    done
    a ask @10.244.2.53 -x 10.244.2.10
    a ask @10.244.2.53 -x 10.244.2.77                   # NXDOMAIN
    a ask @10.244.2.53 +noedns web.example.test A
    fails 9 a ask @10.244.2.10 web.example.test A       # ICMP port unreachable
    end_capture
}

record_http() {
    routed
    http_server pod-b 10.244.2.10 80
    local url=http://10.244.2.10
    capture http.pcap node veth-a 65535
    a fetch $url/
    a fetch $url/lines.txt
    a fetch --head $url/lines.txt
    a fetch $url/nothing.html                           # 404
    a fetch --data name=value $url/                     # 501
    # three requests, one connection (with HTTP/1.1)
    a fetch $url/ --next -sS -o /dev/null $url/lines.txt --next -sS -o /dev/null $url/
    # A client that leaves without having read the answer: reset.
    in_a bash -c 'exec 3<>/dev/tcp/10.244.2.10/80
        printf "GET /short.txt HTTP/1.1\r\nHost: 10.244.2.10\r\n\r\n" >&3
        sleep 0.5'
    fails 7 a fetch http://10.244.2.10:8081/            # refused
    end_capture
}

record_tls() {
    routed
    tls_server
    capture tls.pcap node veth-a 65535
    local name=(--resolve 'web.example.test:443:10.244.2.10')
    local name6=(--resolve 'web.example.test:443:[2001:db8:2::10]')
    a fetch -k --tlsv1.3 "${name[@]}" https://web.example.test/
    a fetch -k --tls-max 1.2 "${name[@]}" https://web.example.test/
    a fetch -k --http1.1 "${name6[@]}" https://web.example.test/
    fails 60 a fetch "${name[@]}" https://web.example.test/ # certificate is not trusted
    in_a openssl s_client -brief -connect 10.244.2.10:443 -servername web.example.test \
        >>"$tmp/log" 2>&1 < <(printf 'GET / HTTP/1.0\r\n\r\n'; sleep 0.5)
    end_capture
}

record_ping() {
    routed
    ip -n node route add prohibit 203.0.113.0/24
    capture ping.pcap node veth-a 65535
    a pinged -c 3 -i 0.3 10.244.2.10
    a pinged -c 3 -i 0.3 2001:db8:2::10
    a pinged -c 2 -i 0.3 -s 3000 10.244.2.10            # in fragments
    a pinged -c 2 -i 0.3 -s 3000 2001:db8:2::10         # in fragments
    fails 1 a pinged -c 1 -t 1 -W 1 10.244.2.10         # time exceeded
    fails 1 a pinged -c 1 -t 1 -W 1 2001:db8:2::10      # hop limit exceeded
    fails 1 a pinged -c 1 -W 1 198.51.100.1             # no route: network unreachable
    fails 1 a pinged -c 1 -W 1 2001:db8:ffff::1         # no route
    fails 1 a pinged -c 1 -W 1 203.0.113.1              # administratively prohibited
    fails 1 a pinged -c 1 -W 4 10.244.2.99              # no such neighbour: host unreachable
    fails 1 a pinged -c 1 -W 4 2001:db8:2::99           # address unreachable
    ip -n node link set veth-b mtu 1400
    ip -n pod-b link set eth0 mtu 1400
    fails 1 a pinged -c 1 -W 1 -M do -s 1450 10.244.2.10 # fragmentation needed
    a pinged -c 2 -i 0.3 -s 1400 2001:db8:2::10         # packet too big, then in fragments
    end_capture
}

record_iperf3() {
    routed
    start ip netns exec pod-b iperf3 -s
    wait_port pod-b t 5201
    capture iperf3.pcap node veth-a 128
    in_a iperf3 -c 10.244.2.10 -t 4 -b 600k -l 4k >>"$tmp/log"
    in_a iperf3 -c 10.244.2.10 -t 3 -b 300k -l 4k -R -P 2 >>"$tmp/log"
    in_a iperf3 -c 10.244.2.10 -t 4 -b 300k -l 1000 -u >>"$tmp/log"
    in_a iperf3 -c 2001:db8:2::10 -t 2 -b 200k -l 500 -u >>"$tmp/log"
    end_capture
}

record_ipv6() {
    bridged
    # This one is recorded from the first packet on: duplicate address
    # detection, router solicitation and multicast listener reports are in it.
    local name
    for name in pod-a pod-b; do
        ip netns exec "$name" sh -c 'cd /proc/sys/net/ipv6/conf/eth0
            echo 1 >accept_dad; echo 1 >router_solicitations; echo 1 >accept_ra'
    done
    ip -n node link set veth-a up
    ip -n node link set veth-b up
    capture ipv6.pcap node veth-a 65535
    ip -n pod-a link set eth0 up
    ip -n pod-b link set eth0 up
    ip -n pod-a addr add 2001:db8:3::a/64 dev eth0
    ip -n pod-b addr add 2001:db8:3::b/64 dev eth0
    sleep 3
    http_server pod-b 2001:db8:3::b 80
    local url='http://[2001:db8:3::b]'
    a fetch "$url/"
    a fetch "$url/lines.txt"
    a fetch "$url/nothing.html"
    fails 7 a fetch "http://[2001:db8:3::b]:8081/"      # refused
    a pinged -c 2 -i 0.3 2001:db8:3::b
    a pinged -c 2 -i 0.3 fe80::ff:fe00:210%eth0
    fails 1 a pinged -c 1 -W 4 2001:db8:3::99           # nobody answers
    end_capture
}

# vlan_interfaces NAMESPACE: eth0.10 and eth0.100.20, on eth0
vlan_interfaces() {
    if ip -n "$1" link add link eth0 name eth0.10 type vlan id 10 2>/dev/null; then
        ip -n "$1" link add link eth0 name eth0.100 type vlan proto 802.1ad id 100
        ip -n "$1" link set eth0.100 up
        ip -n "$1" link add link eth0.100 name eth0.100.20 type vlan id 20
    else
        echo "record.sh: this kernel has no 8021q; vlan_tap.py takes its place in $1" >&2
        : >"$tmp/vlan-$1"
        ip netns exec "$1" python3 "$here/vlan_tap.py" eth0 \
            eth0.10=0x8100:10 eth0.100.20=0x88a8:100,0x8100:20 >"$tmp/vlan-$1" 2>>"$tmp/log" &
        pids+=($!)
        wait_for ready "$tmp/vlan-$1"
    fi
    ip -n "$1" link set eth0.10 address "$2:0a" up
    ip -n "$1" link set eth0.100.20 address "$2:14" mtu 1492 up
    no_offload "$1" eth0.10 || true
    no_offload "$1" eth0.100.20 || true
}
record_vlan() {
    bridged
    links_up
    ip -n pod-a addr add 10.244.9.1/24 dev eth0
    ip -n pod-b addr add 10.244.9.2/24 dev eth0
    vlan_interfaces pod-a 02:00:00:00:0a
    vlan_interfaces pod-b 02:00:00:00:0b
    ip -n pod-a addr add 192.0.2.1/24 dev eth0.10
    ip -n pod-b addr add 192.0.2.2/24 dev eth0.10
    ip -n pod-a addr add 2001:db8:10::1/64 dev eth0.10
    ip -n pod-b addr add 2001:db8:10::2/64 dev eth0.10
    ip -n pod-a addr add 198.51.100.1/24 dev eth0.100.20
    ip -n pod-b addr add 198.51.100.2/24 dev eth0.100.20
    ip -n pod-a addr add 2001:db8:20::1/64 dev eth0.100.20
    ip -n pod-b addr add 2001:db8:20::2/64 dev eth0.100.20
    settle
    http_server pod-b :: 80
    capture vlan.pcap pod-a eth0 65535
    a pinged -c 2 -i 0.3 10.244.9.2                     # not tagged
    a pinged -c 3 -i 0.3 192.0.2.2                      # VLAN 10
    a pinged -c 2 -i 0.3 2001:db8:10::2
    a fetch http://192.0.2.2/lines.txt
    a fetch 'http://[2001:db8:10::2]/'
    fails 7 a fetch http://192.0.2.2:8081/              # refused
    a pinged -c 3 -i 0.3 198.51.100.2                   # VLAN 20 in VLAN 100
    a pinged -c 2 -i 0.3 2001:db8:20::2
    a pinged -c 1 -s 3000 198.51.100.2                  # in fragments
    a fetch http://198.51.100.2/lines.txt
    a fetch 'http://[2001:db8:20::2]/'
    end_capture
}

record_vxlan() {
    routed
    ip -n pod-a link add vx42 address 02:00:00:00:2a:0a type vxlan id 42 \
        local 10.244.1.10 remote 10.244.2.10 dstport 4789 dev eth0
    ip -n pod-b link add vx42 address 02:00:00:00:2a:0b type vxlan id 42 \
        local 10.244.2.10 remote 10.244.1.10 dstport 4789 dev eth0
    no_offload pod-a vx42
    no_offload pod-b vx42
    ip -n pod-a addr add 192.168.42.1/24 dev vx42
    ip -n pod-b addr add 192.168.42.2/24 dev vx42
    ip -n pod-a addr add 2001:db8:42::1/64 dev vx42
    ip -n pod-b addr add 2001:db8:42::2/64 dev vx42
    ip -n pod-a link set vx42 up
    ip -n pod-b link set vx42 up
    settle
    http_server pod-b :: 80
    capture vxlan.pcap node veth-a 65535
    a pinged -c 3 -i 0.3 192.168.42.2
    a pinged -c 2 -i 0.3 2001:db8:42::2
    a pinged -c 1 -s 3000 192.168.42.2                  # in fragments, inside
    a fetch http://192.168.42.2/
    a fetch http://192.168.42.2/lines.txt
    a fetch 'http://[2001:db8:42::2]/lines.txt'
    fails 7 a fetch http://192.168.42.2:8081/           # refused
    fails 9 a ask @192.168.42.2 web.example.test        # ICMP port unreachable
    a pinged -c 2 -i 0.3 10.244.2.10                    # on the underlay
    end_capture
}

record_pods() {
    routed
    dns_server
    tls_server
    http_server pod-b :: 80
    http_server pod-a 10.244.1.10 8080
    : >"$tmp/dumpcap"
    ip netns exec node dumpcap -q -s 65535 -i veth-a -i veth-b -w "$tmp/raw.pcapng" \
        2>"$tmp/dumpcap" </dev/null &
    recorder=$!
    pids+=("$recorder")
    wait_for '^File: ' "$tmp/dumpcap"
    sleep 0.5
    a pinged -c 5 -i 0.5 10.244.2.10 &
    local ping=$!
    a ask web.example.test A
    a fetch -4 http://web.example.test/
    a fetch -4 http://www.example.test/short.txt
    a fetch -4 -k https://web.example.test/
    a ask nothing.example.test A
    b fetch -4 http://client.example.test:8080/short.txt
    fails 7 a fetch -4 http://web.example.test:8081/    # refused
    wait "$ping"
    a ask @2001:db8:2::53 web.example.test AAAA
    a fetch -6 http://web.example.test/short.txt
    a fetch -6 -k https://web.example.test/
    b pinged -c 3 -i 0.3 2001:db8:1::10
    fails 9 b ask @10.244.1.10 web.example.test A       # ICMP port unreachable
    end_capture
    # dumpcap writes what it has of one interface, then what it has of the other.
    reordercap "$tmp/raw.pcapng" "$tmp/sorted.pcapng" >>"$tmp/log"
    without_machine "$tmp/sorted.pcapng" "$tmp/pods.pcapng"
}

# dumpcap writes processor and kernel of the machine into the file. Copies a
# file without these options; every packet stays as it is.
without_machine() {
    python3 - "$1" "$2" <<'PYTHON'
import struct, sys

SECTION, INTERFACE = 0x0A0D0D0A, 1
DROP = {SECTION: (2, 3), INTERFACE: (12, 15)}  # hardware and OS
FIXED = {SECTION: 16, INTERFACE: 8}            # bytes before the options

data = open(sys.argv[1], "rb").read()
order = "<" if data[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
result, at = bytearray(), 0
while at < len(data):
    kind, size = struct.unpack_from(order + "II", data, at)
    block = data[at:at + size]
    at += size
    if kind in DROP:
        body = block[8:8 + FIXED[kind]]
        if kind == SECTION:
            body = body[:8] + b"\xff" * 8      # length of the section: not given
        i = 8 + FIXED[kind]
        while i < size - 4:
            code, length = struct.unpack_from(order + "HH", block, i)
            end = i + 4 + (length + 3) // 4 * 4
            if code not in DROP[kind]:
                body += block[i:end]
            i = end
        size = len(body) + 12
        block = struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)
    result += block
open(sys.argv[2], "wb").write(result)
PYTHON
}

for capture; do
    file=$capture.pcap
    [[ $capture != pods ]] || file=pods.pcapng
    echo "recording $file" >&2
    : >"$tmp/log"
    "record_$capture"
    install -m 0644 "$tmp/$file" "$out/$file"
    chown --reference="$out" "$out/$file"
    count=$(capinfos -rTcB "$out/$file" 2>/dev/null | cut -f2)
    line="$file: $count packets, $(stat -c %s "$out/$file") bytes"
    if command -v tshark >/dev/null; then
        line+=", $(tshark -n -r "$out/$file" -Y 'ip || ipv6' 2>/dev/null | wc -l) with IP"
    fi
    echo "$line"
done
