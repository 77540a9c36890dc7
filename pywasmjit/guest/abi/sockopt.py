"""Socket options: those whose value is plain bytes, by level.

Options that hold addresses of memory (SO_ATTACH_FILTER, TCP_ZEROCOPY_RECEIVE, iptables), or bring descriptors outside
of a message (SO_PEERPIDFD), are in no table and answer ENOPROTOOPT.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from pywasmjit.guest.abi.socket import SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP, SOL_UDP


class Reach(enum.Enum):
    """Whom an option can concern."""

    SOCKET = "the socket alone"
    NET = "other addresses than those which were named: the whole network must be granted"
    HOST = "the host: everything must be allowed"


class Option(NamedTuple):
    """An option's name and reach."""

    name: str
    reach: Reach


def _options(level: int, prefix: str, reach: Reach, text: str) -> dict[tuple[int, int], Option]:
    rows = (row.split("=") for row in text.split())
    return {(level, int(number)): Option(prefix + name, reach) for name, number in rows}


SO_TYPE: Final = 3
SO_DOMAIN: Final = 39
SO_COOKIE: Final = 57
SO_RCVTIMEO: Final = 20
SO_ACCEPTCONN: Final = 30
SO_SNDTIMEO: Final = 21

_SOL_RAW: Final = 255
_SOL_NETLINK: Final = 270
_SOL_ICMPV6: Final = 58

OPTIONS: Final[dict[tuple[int, int], Option]] = {
    **_options(
        SOL_SOCKET,
        "SO_",
        Reach.SOCKET,
        """
        REUSEADDR=2 TYPE=3 ERROR=4 BROADCAST=6 SNDBUF=7 RCVBUF=8 KEEPALIVE=9 OOBINLINE=10 NO_CHECK=11 PRIORITY=12
        LINGER=13 BSDCOMPAT=14 REUSEPORT=15 PASSCRED=16 PEERCRED=17 RCVLOWAT=18 SNDLOWAT=19 RCVTIMEO=20 SNDTIMEO=21
        TIMESTAMP=29 ACCEPTCONN=30 PEERSEC=31 PASSSEC=34 TIMESTAMPNS=35 TIMESTAMPING=37 PROTOCOL=38 DOMAIN=39
        RXQ_OVFL=40 PEEK_OFF=42 SELECT_ERR_QUEUE=45 INCOMING_CPU=49 CNX_ADVICE=53 MEMINFO=55 COOKIE=57 PEERGROUPS=59
        TIMESTAMP_NEW=63 TIMESTAMPNS_NEW=64 TIMESTAMPING_NEW=65 RCVTIMEO_NEW=66 SNDTIMEO_NEW=67
        """,
    ),
    **_options(SOL_SOCKET, "SO_", Reach.NET, "DONTROUTE=5 BINDTODEVICE=25 BINDTOIFINDEX=62"),
    **_options(
        SOL_SOCKET,
        "SO_",
        Reach.HOST,
        "DEBUG=1 SNDBUFFORCE=32 RCVBUFFORCE=33 MARK=36 BUSY_POLL=46 MAX_PACING_RATE=47",
    ),
    **_options(
        SOL_TCP,
        "TCP_",
        Reach.SOCKET,
        """
        NODELAY=1 MAXSEG=2 CORK=3 KEEPIDLE=4 KEEPINTVL=5 KEEPCNT=6 SYNCNT=7 LINGER2=8 DEFER_ACCEPT=9 WINDOW_CLAMP=10
        INFO=11 QUICKACK=12 CONGESTION=13 THIN_LINEAR_TIMEOUTS=16 THIN_DUPACK=17 USER_TIMEOUT=18 FASTOPEN=23
        TIMESTAMP=24 NOTSENT_LOWAT=25 CC_INFO=26 SAVE_SYN=27 SAVED_SYN=28 FASTOPEN_CONNECT=30 FASTOPEN_NO_COOKIE=34
        INQ=36 TX_DELAY=37
        """,
    ),
    **_options(SOL_UDP, "UDP_", Reach.SOCKET, "CORK=1 SEGMENT=103 GRO=104"),
    **_options(
        SOL_IP,
        "IP_",
        Reach.SOCKET,
        """
        TOS=1 TTL=2 RECVOPTS=6 RETOPTS=7 PKTINFO=8 MTU_DISCOVER=10 RECVERR=11 RECVTTL=12 RECVTOS=13 MTU=14 PASSSEC=18
        RECVORIGDSTADDR=20 MINTTL=21 CHECKSUM=23 BIND_ADDRESS_NO_PORT=24 RECVFRAGSIZE=25 RECVERR_RFC4884=26
        MULTICAST_TTL=33 MULTICAST_LOOP=34 MULTICAST_ALL=49 LOCAL_PORT_RANGE=51 PROTOCOL=52
        """,
    ),
    **_options(
        SOL_IP,
        "IP_",
        Reach.NET,
        """
        OPTIONS=4 FREEBIND=15 MULTICAST_IF=32 ADD_MEMBERSHIP=35 DROP_MEMBERSHIP=36 UNBLOCK_SOURCE=37 BLOCK_SOURCE=38
        ADD_SOURCE_MEMBERSHIP=39 DROP_SOURCE_MEMBERSHIP=40 UNICAST_IF=50
        """,
    ),
    **_options(SOL_IP, "IP_", Reach.HOST, "HDRINCL=3 ROUTER_ALERT=5 TRANSPARENT=19 NODEFRAG=22"),
    **_options(
        SOL_IPV6,
        "IPV6_",
        Reach.SOCKET,
        """
        2292PKTINFO=2 2292HOPLIMIT=8 UNICAST_HOPS=16 MULTICAST_HOPS=18 MULTICAST_LOOP=19 MTU_DISCOVER=23 MTU=24
        RECVERR=25 V6ONLY=26 MULTICAST_ALL=29 RECVERR_RFC4884=31 AUTOFLOWLABEL=70 ADDR_PREFERENCES=72 MINHOPCOUNT=73
        RECVPKTINFO=49 RECVHOPLIMIT=51 HOPLIMIT=52 RECVHOPOPTS=53 RECVRTHDR=56 RECVDSTOPTS=58 RECVPATHMTU=60
        PATHMTU=61 DONTFRAG=62 RECVTCLASS=66 TCLASS=67 RECVORIGDSTADDR=74 RECVFRAGSIZE=77
        """,
    ),
    **_options(
        SOL_IPV6,
        "IPV6_",
        Reach.NET,
        """
        MULTICAST_IF=17 ADD_MEMBERSHIP=20 DROP_MEMBERSHIP=21 JOIN_ANYCAST=27 LEAVE_ANYCAST=28 PKTINFO=50 UNICAST_IF=76
        FREEBIND=78
        """,
    ),
    **_options(SOL_IPV6, "IPV6_", Reach.HOST, "ADDRFORM=1 ROUTER_ALERT=22 TRANSPARENT=75"),
    **_options(_SOL_RAW, "ICMP_", Reach.HOST, "FILTER=1"),
    **_options(_SOL_ICMPV6, "ICMPV6_", Reach.HOST, "FILTER=1"),
    **_options(
        _SOL_NETLINK,
        "NETLINK_",
        Reach.HOST,
        "ADD_MEMBERSHIP=1 DROP_MEMBERSHIP=2 PKTINFO=3 BROADCAST_ERROR=4 NO_ENOBUFS=5 LISTEN_ALL_NSID=8 "
        "LIST_MEMBERSHIPS=9 CAP_ACK=10 EXT_ACK=11 GET_STRICT_CHK=12",
    ),
}
"""(level, number) -> option."""

CONTROL_OF_GRANTED_SOCKETS: Final = frozenset(
    {(SOL_SOCKET, 1), (SOL_SOCKET, 37), (SOL_SOCKET, 2), (SOL_UDP, 103)}
    | {(SOL_IP, number) for number in (1, 2)}
    | {(SOL_IPV6, number) for number in (8, 52, 62, 67)}
)
"""(level, type) of the control messages that may be sent where not the whole network is granted: none of them says
where to or where from a packet goes."""

CONTROL_LEVELS: Final = frozenset({SOL_SOCKET, SOL_IP, SOL_IPV6, SOL_UDP})
"""Levels whose control messages hold no addresses of memory."""
