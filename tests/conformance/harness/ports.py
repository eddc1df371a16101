"""Ports for the servers of tests. The kernel chooses and reserves them, so no two programs of a busy machine ever want the same one."""
import socket

_held = {}


def free_port():
    """A TCP port of every address of this machine, for a server that sets SO_REUSEADDR. It stays reserved until it is given back, or this process ends.

    The socket that holds it is bound and does not listen: until the server comes, connections are refused. SO_REUSEADDR, set behind the bind, lets the
    server bind the same port. The kernel gives a held port to no outgoing connection and to nobody who binds port 0, so only who knows its number gets it.
    """
    holder = socket.socket(socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET)
    if holder.family == socket.AF_INET6:
        holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    holder.bind(("", 0))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port = holder.getsockname()[1]
    _held[port] = holder
    return port


def give_back(*ports):
    """Others may get these ports from now on; one that is not held is none of ours."""
    for port in ports:
        if port in _held:
            _held.pop(port).close()
