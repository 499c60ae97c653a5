"""Ways out of a box that has no network."""

from typing import Final

from tests.hostile.table.case import Case, badly, python

_FAMILIES: Final = """
for family in range(64):
    if family not in (1, 2, 10, 16):
        for kind in (1, 2, 3, 5):
            attempt(f"family {family}", call, 41, family, kind, 0)
"""
_PAIRS: Final = """
pair = ctypes.create_string_buffer(8)
for family in range(64):
    if family not in (1, 2, 10, 16):
        attempt(f"family {family}", call, 53, family, 1, 0, pair)
"""
_RAW: Final = """
for family in (socket.AF_INET, socket.AF_INET6):
    for protocol in (1, 6, 17, 58, 255):
        attempt(f"raw {family}", socket.socket, family, socket.SOCK_RAW, protocol)
attempt("ping", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1).sendto(b"\\10\\0\\0\\0\\0\\0\\0\\0", ("@ADDRESS@", 0)))
"""
_ROUTES: Final = """
import struct
def ask(kind, body):
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    netlink.sendto(struct.pack("=LHHLL", 16 + len(body), kind, 0x605, 1, 0) + body, (0, 0))
    number = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if number:
        raise OSError(-number, "refused")
route = struct.pack("=8BL", 2, 0, 0, 0, 254, 3, 0, 1, 0) + struct.pack("=HHL", 8, 4, 1)
attempt("route", ask, 24, route)
link = struct.pack("=BBHiII", 0, 0, 0, 0, 1, 1) + struct.pack("=HH8s", 12, 3, b"evil0\\0\\0\\0") + bytes.fromhex("1000 1200 0a00 0100 64756d6d79000000")
attempt("interface", ask, 16, link)
attempt("address", ask, 20, struct.pack("=4Bi", 2, 8, 0, 0, 1) + struct.pack("=HH4s", 8, 2, bytes([10, 9, 8, 7])))
"""
_NETLINK: Final = """
for protocol in range(32):
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as netlink:
            netlink.bind((0, 0xFFFFFFFF if protocol in (9, 15) else 0))
    except OSError as error:
        print("refused", protocol, errno.errorcode[error.errno])
print("interfaces", [name for _, name in socket.if_nameindex()])
"""
_UDP: Final = """
for place in ("@ADDRESS@", "192.0.2.1", "8.8.8.8", "255.255.255.255", "224.0.0.1"):
    speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    speaker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    attempt(place, speaker.sendto, b"canary", (place, 53))
attempt("ip 6", socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto, b"canary", ("2001:db8::1", 53))
attempt("device", socket.socket(socket.AF_INET, socket.SOCK_STREAM).setsockopt, 1, 25, b"eth0\\0")
"""
_NAMES: Final = """
for name in ("example.org", "localhost.localdomain", "metadata.google.internal", "host.docker.internal"):
    attempt(name, socket.getaddrinfo, name, 80)
"""
_ABSTRACT: Final = """
for name in ("@ABSTRACT@", "/tmp/.X11-unix/X0", "/tmp/.ICE-unix/1", "/containerd-shim/x.sock", "/tmp/dbus-x"):
    attempt(name, socket.socket(socket.AF_UNIX).connect, "\\0" + name)
"""
_PATHS: Final = """
for name in ("@SOCKET@", "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/egress/socket",
             "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/user/0/bus", "/tmp/.X11-unix/X0", "/dev/log"):
    attempt(name, socket.socket(socket.AF_UNIX).connect, name)
"""
_TUNNEL: Final = """
for name in ("/dev/net/tun", "/dev/vsock", "/dev/vhost-vsock", "/dev/vhost-net", "/dev/kvm", "/dev/fuse", "/dev/ppp"):
    attempt(name, os.open, name, os.O_RDWR)
"""


def _connection(name: str, place: str) -> Case:
    return Case(
        f"connection to {name}",
        f"exec 3<>/dev/tcp/{place} && echo ESCAPED && cat <&3",
        says="(?i)refused|unreachable|not known|resolution|cannot assign",
        ends=badly,
    )


CASES: Final = (
    _connection("the machine's loopback", "127.0.0.1/@PORT@"),
    _connection("another address of the loopback", "127.1.2.3/@PORT@"),
    _connection("the machine's loopback, version 6", "::1/@PORT@"),
    _connection("the machine's loopback, version 4 in 6", "::ffff:127.0.0.1/@PORT@"),
    _connection("every address", "0.0.0.0/@PORT@"),  # a place to connect to
    _connection("the machine's own address", "@ADDRESS@/@PORT@"),
    _connection("localhost", "localhost/@PORT@"),
    _connection("the metadata of a cloud", "169.254.169.254/80"),
    _connection("the metadata of a cloud, version 6", "fd00:ec2::254/80"),
    _connection("a network of containers", "172.17.0.1/@PORT@"),
    _connection("somebody far away", "192.0.2.1/443"),
    _connection("a name", "example.org/443"),
    Case(
        "curl in every way",
        "for u in http://127.0.0.1:@PORT@ http://2130706433:@PORT@ http://0x7f.1:@PORT@ "
        "http://[::1]:@PORT@ http://@ADDRESS@:@PORT@ http://localhost:@PORT@; do curl -sS -m 5 $u && echo ESCAPED; done; true",
        says="(?i)connect|not found",
    ),
    Case("sockets of every other family", python(_FAMILIES), says="refused family 40 EPERM", only_on="x86_64"),
    Case(
        "pairs of sockets of every other family",
        python(_PAIRS),
        says="refused family 40 EPERM",
        only_on="x86_64",
    ),
    Case("raw sockets and ping", python(_RAW), says="refused raw .* EPERM"),
    Case("routes, interfaces and addresses", python(_ROUTES), says="refused route EPERM"),
    Case("netlink of every kind", python(_NETLINK), says=r"interfaces \['lo'\]"),
    Case("datagrams", python(_UDP), says="refused 192.0.2.1 ENETUNREACH"),
    Case("names", python(_NAMES), says="refused example.org"),
    Case("abstract sockets of the machine", python(_ABSTRACT), says="refused @ABSTRACT@ ECONNREFUSED"),
    Case("path sockets of the machine", python(_PATHS), says="refused @SOCKET@ ENOENT"),
    Case("tunnels and other devices", python(_TUNNEL), says="refused /dev/net/tun ENOENT"),
)
