"""The service on this machine: GMI Cloud's request queue and its storage, emulated.

`Emulator` serves both over loopback sockets, in compressed time. `EmulatedCloud` is the same service as a pure
value for tests without sockets: requests and a time go in, answers come out. It shares no code with the client,
so that a mistake about the wire shows as a disagreement between the two instead of being mirrored.
"""

from .cloud import EmulatedCloud
from .faults import FAULTS, FaultBook, Rule
from .ledger import Charge, Ledger
from .messages import Fate, Framing, Request, Response
from .orders import Film, FilmOrder
from .server import Emulator
from .service import EmulatedService
from .settings import Settings
from .storage import EmulatedStorage, Leak
from .tiny import tiny_film, tiny_mp4

__all__ = [
    "FAULTS",
    "Charge",
    "EmulatedCloud",
    "EmulatedService",
    "EmulatedStorage",
    "Emulator",
    "Fate",
    "FaultBook",
    "Film",
    "FilmOrder",
    "Framing",
    "Leak",
    "Ledger",
    "Request",
    "Response",
    "Rule",
    "Settings",
    "tiny_film",
    "tiny_mp4",
]
