"""Boxes whose commands run in containers of an image. `boxes.py` is the way in.

boxes       how a box is opened, and what is left of those of killed servers
container   one container that was made: start it, feed it, read it
engine      the container engine of this machine, through its SDK
options     what a container is allowed
seccomp     which system calls it is allowed
tools       programs that an image may lack
owners      the server processes that containers belong to
"""
