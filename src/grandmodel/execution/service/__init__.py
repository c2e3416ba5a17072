"""The engine over HTTP, as a process of its own: it reads the journal, and asks the engine over a Unix socket.

`port` is the engine's end of that socket, `engine_client` the service's; `board` is what the journal says; `app` the
routes; `access` who may do what; `command` `gmexec serve`. Extra `service`.
"""
