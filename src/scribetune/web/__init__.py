"""What the pages that this project serves have in common: who may talk to a server, and for how long.

guard         this machine's browser alone, from the page itself, with the token; bodies of a size and a kind
local_server  listens on 127.0.0.1 and serves; whoever is slow or says nothing costs nobody else
"""
