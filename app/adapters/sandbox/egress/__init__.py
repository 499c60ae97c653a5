"""The way from a box to package registries, while install commands run. `proxy.py` is the way in.

proxy       starts and ends a proxy process
tunnel      that process: opens tunnels, counts what goes through, tells what happened
registries  the hosts that install commands may reach, and the operator's file of private ones
allow_list  which hosts at which addresses it lets through
client_hello      the name in a client's first TLS message
private_registry  reads from a registry with a credential that the box does not have
authority   certificates by which one box believes that the proxy is its private registry
"""
