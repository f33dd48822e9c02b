"""The daemon of a site and everything around it: the only package that knows threads, sockets, files and clocks."""
